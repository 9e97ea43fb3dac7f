import asyncio
import random
from collections import Counter

import msgspec
import pytest

from inventory_stream.adapters.kafka.dead_letters import encode_letter
from inventory_stream.errors import CorruptLedgerError, InputRangeError, LedgerLogError
from inventory_stream.ledger.rules import Rules
from inventory_stream.ports.inputs import Input, InputRecord
from models.commands import Adjust, Command, Confirm, Release, Reserve, SetBackorder, TillSale
from models.outcomes import Outcome
from models.rows import (
    ALIVE_KEY,
    PROGRESS_KEY,
    PositionRow,
    ProgressRow,
    ReservationRow,
    decode_row,
    encode_row,
)
from tests.fakes.ledger_log import FakeLedgerLog
from tests.unit.flows.one_partition import START_MS, Owner, World
from tests.unit.ledger.test_properties import sealed_at


def stock(command_id: str, delta: int, sku: str = "A") -> Adjust:
    """An adjust at DC1."""
    return Adjust(id=command_id, sku=sku, location="DC1", delta=delta, effective_at=START_MS)


def reserve(number: int, units: int = 1, ttl_seconds: int = 600, sku: str = "A") -> Reserve:
    """A reserve at DC1, ids by number."""
    return Reserve(
        id=f"c{number}",
        reservation_id=f"r{number}",
        sku=sku,
        units=units,
        ttl_seconds=ttl_seconds,
        location="DC1",
    )


async def test_input_is_acknowledged_only_after_its_rows_are_durable() -> None:
    """While an append is not acknowledged, no record of it is."""
    world = World()
    world.send(Input.STOCK, stock("a", 5))
    owner = Owner(world)
    await owner.flow.open()
    world.log.hold_acks()
    await owner.feed()
    for _ in range(50):
        await asyncio.sleep(0)
    assert world.acked[Input.STOCK] == 0
    assert owner.flow.next_offsets.stock == 0
    world.log.release_acks()
    await owner.until(lambda: world.acked[Input.STOCK] == 1)
    assert world.position("A").on_hand == 5
    await owner.stop()


async def test_the_next_batch_is_decided_but_not_appended_while_one_is_under_way() -> None:
    """P6: one append at a time; decisions go on meanwhile."""
    world = World()
    world.send(Input.STOCK, stock("a", 5))
    owner = Owner(world)
    await owner.flow.open()
    world.log.hold_acks()
    await owner.feed()
    await owner.until(lambda: owner.flow.figures.appends == 1)
    world.send(Input.ORDERS, reserve(1))
    await owner.flow.put(Input.ORDERS, world.inputs[Input.ORDERS], owner._ack(Input.ORDERS, 1))
    await owner.until(lambda: "r1" in owner.flow.state.reservations)
    assert owner.flow.figures.appends == 1
    world.log.release_acks()
    await owner.until(lambda: world.acked[Input.ORDERS] == 1)
    assert world.position("A").reserved == 1
    await owner.stop()


async def test_put_waits_while_the_inbox_is_full() -> None:
    """Back-pressure: a slow log stops the fetching instead of filling memory."""
    world = World()
    for number in range(10):
        world.send(Input.ORDERS, reserve(number))
    owner = Owner(world, inbox_batches_max=2)
    await owner.flow.open()
    world.log.hold_acks()
    feeding = asyncio.create_task(owner.feed(records_per_put=1))
    for _ in range(100):
        await asyncio.sleep(0)
    assert not feeding.done()
    world.log.release_acks()
    await owner.until(lambda: world.acked[Input.ORDERS] == 10)
    await feeding
    await owner.stop()


async def test_poison_is_durable_before_the_progress_that_passes_it() -> None:
    """A pack's bad command costs only itself, and is found among the dead letters."""
    world = World()
    world.send(Input.STOCK, stock("a", 5))
    world.send_raw(Input.ORDERS, b'[{"type":"reserve","id":"x"},' + world_command(reserve(1)) + b"]")
    world.send_raw(Input.ORDERS, b"not json")
    world.send_raw(Input.ORDERS, None)
    world.send(Input.ORDERS, reserve(1, units=2))  # c1 again, other content
    assert await Owner(world).run_to_end()
    assert [(letter.offset, letter.pack_index) for letter in world.dead.letters] == [
        (0, 0),
        (1, None),
        (2, None),
        (3, None),
    ]
    assert world.dead.letters[3].reason == "COMMAND_ID_REUSED"
    assert world.position("A").reserved == 1


async def test_a_poison_pack_is_kept_once_not_once_per_command() -> None:
    """1,000 poisoned commands in a record of 1 MiB: each letter holds its own, all about the record."""
    world = World()
    refused = [b'{"type":"reserve","id":"%04d","pad":"%s"}' % (at, b"x" * 1_000) for at in range(1_000)]
    world.send_raw(Input.ORDERS, b"[" + b", ".join(refused) + b"]")
    assert await Owner(world).run_to_end()
    assert [letter.value for letter in world.dead.letters] == refused
    assert sum(len(encode_letter(letter)) for letter in world.dead.letters) < 2 << 20


async def test_what_the_ledger_refuses_is_kept_without_the_rest_of_its_pack() -> None:
    """An id that is used again with other content, inside a pack, takes only itself along."""
    world = World()
    again = world_command(reserve(1, units=2))
    world.send_raw(Input.ORDERS, b"[" + world_command(reserve(1)) + b"," + again + b"]")
    world.send(Input.ORDERS, reserve(1, units=3))
    assert await Owner(world).run_to_end()
    assert [(letter.pack_index, letter.value) for letter in world.dead.letters] == [
        (1, again),
        (None, world_command(reserve(1, units=3))),
    ]


async def test_progress_waits_for_dead_letters_that_cannot_be_kept() -> None:
    """A failed dead letter ends the process; the next owner meets the poison again."""
    world = World()
    world.send_raw(Input.ORDERS, b"not json")
    world.dead.fail_next = True
    assert not await Owner(world).run_to_end()
    assert PROGRESS_KEY not in world.rows()
    assert await Owner(world).run_to_end()
    assert len(world.dead.letters) == 1


def world_command(command: Command) -> bytes:
    """The bytes of one command."""
    world = World()
    world.send(Input.ORDERS, command)
    return world.inputs[Input.ORDERS][0].value or b""


def many_commands(seed: int) -> tuple[list[Command], list[Command]]:
    """Stock for 40 units, then shoppers who ask, repeat, confirm and let go."""
    chance = random.Random(seed)
    stock_commands: list[Command] = [stock("s0", 40)]
    orders: list[Command] = []
    for number in range(60):
        command = reserve(number, units=chance.randint(1, 3))
        orders.append(command)
        if chance.random() < 0.3:
            orders.append(command)
        if chance.random() < 0.4:
            orders.append(Confirm(id=f"k{number}", reservation_id=f"r{number}", sku="A"))
        elif chance.random() < 0.4:
            orders.append(Release(id=f"l{number}", reservation_id=f"r{number}", sku="A"))
        if chance.random() < 0.1:
            stock_commands.append(
                TillSale(id=f"t{number}", sku="A", location="DC1", units=1, effective_at=START_MS)
            )
    return stock_commands, orders


@pytest.mark.parametrize("fault", ["append lost", "acknowledgement lost", "two owners"])
@pytest.mark.parametrize("seed", [1, 2])
async def test_every_command_has_one_outcome_wherever_an_owner_dies(fault: str, seed: int) -> None:
    """Crash at the first, second, ... append until a run meets no crash: nothing is lost or doubled."""
    for step in range(1, 200):
        world = World()
        stock_commands, orders = many_commands(seed)
        for command in stock_commands:
            world.send(Input.STOCK, command)
        for start in range(0, len(orders), 4):
            world.send(Input.ORDERS, *orders[start : start + 4])
        crashed = await run_with_fault(world, fault, step)
        while not await Owner(world).run_to_end():
            pass
        check_outcomes(world)
        if not crashed:
            assert step > 3, "the fault was never met"
            return
    pytest.fail("200 appends were not enough for 80 commands")


async def run_with_fault(world: World, fault: str, step: int) -> bool:
    """Run an owner that meets the fault at its nth append; whether it did."""
    owner = Owner(world)
    await owner.flow.open()
    feeding = asyncio.create_task(owner.feed(records_per_put=1))
    appends = len(world.log.batches)
    end = len(world.inputs[Input.ORDERS])

    def due() -> bool:
        return len(world.log.batches) - appends >= step - 1

    await owner.until(lambda: due() or owner.flow.next_offsets.orders == end)
    crashed = owner.flow.next_offsets.orders < end
    if crashed and fault == "append lost":
        world.log.fail_next.append(LedgerLogError("the broker said no"))
    elif crashed and fault == "acknowledgement lost":
        world.log.fail_after_append.append(LedgerLogError("appended, but nobody heard"))
    elif crashed:
        rival = FakeLedgerLog(world.log)
        await rival.claim()
    await owner.until(lambda: owner.flow.next_offsets.orders == end)
    feeding.cancel()
    await owner.stop()
    world.log.fail_next.clear()
    world.log.fail_after_append.clear()
    return crashed


def check_outcomes(world: World) -> None:
    """I1, I2 and I3 by what the log holds."""
    first = Counter((key, answer.command_id) for key, answer, repeat in world.answers() if not repeat)
    assert all(times == 1 for times in first.values()), first.most_common(3)
    outcomes: dict[tuple[bytes, str], set[int]] = {}
    for key, answer, _ in world.answers():
        outcomes.setdefault((key, answer.command_id), set()).add(answer.outcome)
    assert all(len(found) == 1 for found in outcomes.values())
    held = [row for row in world.rows().values() if isinstance(row, ReservationRow)]
    position = world.position("A")
    assert position.reserved == sum(line.reserved for row in held for line in row.lines)
    assert position.allocated == sum(line.allocated for row in held for line in row.lines)
    assert position.reserved + position.allocated <= 40


async def test_a_deadline_expires_on_an_idle_partition_once_the_broker_says_there_is_no_more() -> None:
    """R18: not before the end offset was asked, and not while an order is undecided."""
    world = World(rules=Rules())
    world.send(Input.STOCK, stock("a", 5))
    world.send(Input.ORDERS, reserve(1, ttl_seconds=10))
    owner = Owner(world)
    await owner.flow.open()
    await owner.feed()
    await owner.until(lambda: world.acked[Input.ORDERS] == 1)
    assert world.position("A").reserved == 1
    world.now_ms += 11_000  # past the deadline, within the skew
    for _ in range(20):
        await asyncio.sleep(0)
    assert world.position("A").reserved == 1
    world.now_ms += 2_000
    await owner.until(lambda: world.position("A").reserved == 0)
    assert not owner.failed.done()
    row = world.rows()[b"r/r1"]
    assert isinstance(row, ReservationRow)
    assert row.answered == -1
    await owner.stop()


async def test_an_idle_partition_goes_on_giving_to_those_who_wait() -> None:
    """R24: an owner that died between two batches of it has a successor, and no command comes after."""
    world = World()
    world.send(Input.STOCK, SetBackorder("limit", "A", "DC1", 40))
    waiting = [msgspec.structs.replace(reserve(number), allow_backorder=True) for number in range(40)]
    owner = Owner(world)
    with sealed_at(2_000):
        await owner.flow.open()
        await owner.feed()
        await owner.until(lambda: world.acked[Input.STOCK] == 1)
        world.send(Input.ORDERS, *waiting)
        await owner.feed()
        await owner.until(lambda: world.acked[Input.ORDERS] == 1)
        assert world.position("A").reserved == 0
        world.send(Input.STOCK, stock("a", 40))
        await owner.feed()
        await owner.until(lambda: world.position("A").reserved == 40)
        await owner.stop()
        given = [
            row.reserved if isinstance(row, PositionRow) else 0
            for row in (decode_row(one.key, one.value) for one in world.log.records if one.value is not None)
        ]
        cut = next(at for at, units in enumerate(given) if units)
        assert given[cut] < 40
        del world.log.records[cut + 2 :]  # the progress of that batch is its last row
        successor = Owner(world)
        await successor.flow.open()
        await successor.until(lambda: world.position("A").reserved == 40)
    assert not successor.failed.done()
    await successor.stop()


async def test_a_deadline_expires_though_the_newest_offset_is_no_command() -> None:
    """R18: a transaction's marker is not an order that is waiting to be decided."""
    world = World()
    world.send(Input.STOCK, stock("a", 5))
    world.send(Input.ORDERS, reserve(1, ttl_seconds=10))
    world.markers[Input.ORDERS] = 1
    owner = Owner(world)
    await owner.flow.open()
    await owner.feed()
    await owner.until(lambda: world.acked[Input.ORDERS] == 1)
    world.now_ms += 13_000
    await owner.until(lambda: world.position("A").reserved == 0)
    assert not owner.failed.done()
    await owner.stop()


async def test_a_confirm_that_came_in_time_but_is_not_fetched_yet_keeps_its_deadline() -> None:
    """R18: however long nothing moves, a record that the broker holds stops the clock."""
    world = World()
    world.send(Input.STOCK, stock("a", 5))
    world.send(Input.ORDERS, reserve(1, ttl_seconds=10))
    owner = Owner(world)
    await owner.flow.open()
    await owner.feed()
    await owner.until(lambda: world.acked[Input.ORDERS] == 1)
    world.send(Input.ORDERS, Confirm(id="k", reservation_id="r1", sku="A"))
    world.now_ms += 13_000
    await owner.until(lambda: world.looks == 2)
    assert world.position("A").reserved == 1
    await owner.feed()
    await owner.until(lambda: world.acked[Input.ORDERS] == 2)
    assert world.position("A").allocated == 1
    await owner.stop()


async def test_a_probe_ends_an_owner_that_was_replaced() -> None:
    """P11: a retained partition appends @progress before it goes on."""
    world = World()
    owner = Owner(world)
    await owner.flow.open()
    await owner.flow.probe()
    assert PROGRESS_KEY in world.rows()
    await FakeLedgerLog(world.log).claim()
    probing = asyncio.create_task(owner.flow.probe())
    await owner.until(lambda: False)
    assert owner.failed.done()
    probing.cancel()
    await owner.stop()


async def test_alive_rows_are_written_while_nothing_happens() -> None:
    """P2: the broker keeps a producer's state only as long as it hears of it."""
    world = World()
    owner = Owner(world, alive_interval_seconds=0.01)
    await owner.flow.open()
    await owner.until(lambda: ALIVE_KEY in world.rows())
    assert not owner.failed.done()
    await owner.stop()


async def test_an_owner_claims_again_and_goes_on_under_the_new_term() -> None:
    """P2: a claim is renewed with the state kept; rows after it carry the new term."""
    world = World()
    world.send(Input.STOCK, stock("a", 5))
    owner = Owner(world, reclaim_interval_seconds=0.001)
    await owner.flow.open()
    await owner.until(lambda: owner.flow.state.term > 0)
    await owner.feed()
    await owner.until(lambda: world.acked[Input.STOCK] == 1)
    assert not owner.failed.done()
    assert world.position("A").term > 0
    await owner.stop()


@pytest.mark.parametrize(
    ("beginning", "kept"), [(3, 5), (0, 1)], ids=["retention passed it", "topic recreated"]
)
async def test_an_input_that_lost_undecided_records_is_refused(beginning: int, kept: int) -> None:
    """P9: @progress must lie inside both inputs; silence would lose commands."""
    world = World()
    for number in range(2):
        world.send(Input.STOCK, stock(f"a{number}", 1))
    assert await Owner(world).run_to_end()
    world.beginnings[Input.STOCK] = beginning
    world.inputs[Input.STOCK] = [InputRecord(at, START_MS, None, b"{}") for at in range(kept)]
    with pytest.raises(InputRangeError, match="recreated, or its retention"):
        await Owner(world).flow.open()


async def test_keys_that_a_lower_term_wrote_are_written_again() -> None:
    """P4: a former owner's late row is void, and the next append says what is true."""
    world = World()
    world.send(Input.STOCK, stock("a", 5))
    assert await Owner(world).run_to_end()
    lie = world.position("A")
    await FakeLedgerLog(world.log).claim()
    lie.on_hand = 999
    world.log.write_foreign([(b"p/A/DC1", encode_row(lie))])
    owner = Owner(world)
    await owner.flow.open()
    await owner.until(lambda: world.position("A").on_hand == 5)
    assert not owner.failed.done()
    await owner.stop()


async def test_a_row_that_cannot_be_decoded_stops_recovery() -> None:
    """Recovery never guesses: a ledger it cannot read is a fault to be looked at."""
    world = World()
    world.send(Input.STOCK, stock("a", 5))
    assert await Owner(world).run_to_end()
    term = world.position("A").term
    world.log.write_foreign([(b"z/what", encode_row(ProgressRow(term, 0, 0, 0, 0, 0, 0, 0)))])
    with pytest.raises(CorruptLedgerError, match="z/what"):
        await Owner(world).flow.open()


async def test_a_repeated_command_hears_its_first_answer_from_the_next_owner_too() -> None:
    """R27: a hundred repeats, over restarts, leave one grant."""
    world = World()
    world.send(Input.STOCK, stock("a", 5))
    for _ in range(10):
        for _ in range(10):
            world.send(Input.ORDERS, reserve(1))
        assert await Owner(world).run_to_end()
    assert world.position("A").reserved == 1
    answers = [(answer.outcome, repeat) for key, answer, repeat in world.answers() if key == b"r/r1"]
    assert answers == [(Outcome.GRANTED, 0)] + [(Outcome.GRANTED, 1)] * 99
