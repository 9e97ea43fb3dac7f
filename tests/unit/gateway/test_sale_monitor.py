"""What a gateway tells about a sale is told once for each, by whatever part it happens in."""

from contextlib import nullcontext

import pytest

from inventory_stream.flows.orders.notes import OrderNotes
from inventory_stream.flows.payments.settle import SettlePayment
from inventory_stream.flows.recent_reservations import RecentReservations
from inventory_stream.flows.waiting_room.directory import RoomDirectory
from inventory_stream.flows.waiting_room.keeper import Keeper
from inventory_stream.gateway.endpoint import Caller, Reply
from inventory_stream.gateway.problems import Problem
from inventory_stream.gateway.reserving import Reserving
from inventory_stream.gateway.security.audit import Auditor
from inventory_stream.gateway.words.reservations import ReserveBody
from models.commands import Sync
from models.payments import PaymentKind
from models.reservation_ids import sku_of
from tests.contract.fake_gateway import FakeGateway
from tests.fakes.audit import FakeAuditTrail
from tests.fakes.sale_monitor import FakeSaleMonitor
from tests.unit.payments.paying import TTL_SECONDS, Paying
from tests.unit.waiting_room.house import House


async def test_a_payment_is_told_with_what_came_of_it() -> None:
    """Confirmed in time, and to be paid back when it came after the hold and the units are gone."""
    monitor = FakeSaleMonitor()
    for is_late, status in ((False, "confirmed"), (True, "refund_required")):
        paying = Paying()
        settling = SettlePayment(
            paying.desk, OrderNotes(paying.notes), paying.told, "authorised", sku_of, monitor
        )
        paying.settling = settling
        if is_late:
            paying.desk.now_ms += (TTL_SECONDS + 10) * 1_000
            for sku in ("A", "B"):
                paying.hold(f"another-{sku}", sku, 4)
        await paying.hears(PaymentKind.AUTHORISED)
        assert monitor.heard[-1] == ("settled", status)
    assert len(monitor.heard) == 2


async def test_an_early_refusal_is_told() -> None:
    """Once for each reservation that the ledger was not asked about, and for no other."""
    gateway, monitor = FakeGateway(), FakeSaleMonitor()
    desk = gateway.desk
    desk.decide(Sync(id="count", sku="A", location="L1", on_hand=1, effective_at=desk.now_ms))
    reserving = Reserving(
        desk, lambda: desk.now_ms, shelf=gateway.shelf, recent=RecentReservations(), monitor=monitor
    )
    for key, is_early in (("one", False), ("two", True)):
        asked = reserving.asked(Caller("anna", frozenset()), key, ReserveBody("A", 1, location="L1"))
        with pytest.raises(Problem) if is_early else nullcontext():
            await reserving.decide(asked, {}, 1.0)
    assert monitor.heard == [("early",)]


async def test_a_row_that_cannot_be_written_is_told() -> None:
    """Each of the two: the one before the act, and the one after it."""

    async def act() -> Reply:
        return Reply(201)

    for rows in (0, 1):
        monitor = FakeSaleMonitor()
        with pytest.raises(Problem):
            await Auditor(FakeAuditTrail(rows), monitor=monitor).witness(
                caller="isk_a", act="POST /v1/sales", subject="/v1/sales", request_id="r1", do=act
            )
        assert monitor.heard == [("not recorded",)]


async def test_a_room_that_was_lost_and_put_back_is_told() -> None:
    """By the gateway that put it back, once, and not at each reading."""
    house, monitor = await House().open(), FakeSaleMonitor()
    knowing = RoomDirectory(house.one.rooms, house.one.now_ms, monitor)
    await knowing.refresh()
    assert not monitor.heard
    house.server.flush()
    for _ in range(2):
        await knowing.refresh()
    assert monitor.heard == [("restored",)]


async def test_all_rooms_are_counted_together() -> None:
    """Who waits and who is in, of every room that is not over."""
    house, monitor = await House(units=2).open(), FakeSaleMonitor()
    one = house.one
    keeper = Keeper(one.directory, one.admitter, one.crowd, one.lobby, monitor)
    for name in ("ann", "bob", "cid"):
        await house.join(name)
    await keeper.count()
    house.to_opening()
    for name in ("ann", "bob", "cid"):
        await house.join(name)  # and so they are there
    await one.admitter.step()
    await keeper.count()
    assert monitor.heard == [("rooms", 3, 0), ("rooms", 1, 2)]
