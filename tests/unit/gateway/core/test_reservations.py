"""Reservations over HTTP, decided by the real ledger."""

import asyncio
from typing import Any

import pytest
from aiohttp import ClientResponse

from inventory_stream.flows.shelf import MemoryShelf
from inventory_stream.gateway.admissions import FINAL, Retry
from inventory_stream.gateway.idempotency import hidden_key, reservation_id_of
from inventory_stream.ports.ledger_log import LedgerRecord
from models.commands import Inspect, Reserve
from models.outcomes import Outcome
from models.rows import PositionRow, encode_row, position_key
from tests.fakes.desk import START_MS
from tests.unit.gateway.core.shop import ID_SECRET, Shop, shopping, told
from tests.unit.gateway.core.test_app import assert_problem


async def test_units_are_held_and_the_answer_says_where_and_until_when() -> None:
    """A grant is 201 with the reservation, its address, and the version to read it by."""
    async with shopping() as shop:
        response = await shop.reserve(3, ttl_seconds=60, order_id="O1", customer="me")
        answer = await told(response)
        assert response.status == 201
        assert response.headers["Location"] == f"/v1/reservations/{answer['reservation_id']}"
        assert response.headers["Inventory-Version"] == answer["version"]
        assert (answer["outcome"], answer["state"], answer["units"]) == ("GRANTED", "held", 3)
        assert answer["deadline_ms"] == shop.desk.now_ms + 60_000
        assert answer["lines"][0]["location"] == "L1"
        assert answer["lines"][0]["reserved"] == 3
        command = shop.desk.asked[-1]
        assert isinstance(command, Reserve)
        assert command.customer == "hidden:em"
        assert "hidden" not in str(answer)
        got = await told(await shop.client.get(response.headers["Location"]))
        assert (got["state"], got["lines"]) == ("held", answer["lines"])


async def test_a_retry_hears_the_one_answer_and_moves_nothing() -> None:
    """The same key and body are one reservation, however often and whatever is left."""
    async with shopping(1) as shop:
        first = await told(await shop.reserve(key="k"))
        again = await shop.reserve(key="k")
        answer = await told(again)
        assert (again.status, again.headers["Idempotent-Replay"]) == (201, "true")
        assert answer["was_repeat"]
        assert answer["reservation_id"] == first["reservation_id"]
        assert [row.reserved for row in shop.desk.state.skus["A"].values()] == [1]


async def test_a_key_with_another_body_is_refused() -> None:
    """The same key and other units are 422, and the first reservation stands."""
    async with shopping() as shop:
        await shop.reserve(1, key="k")
        await assert_problem(await shop.reserve(2, key="k"), "key-reused")


async def test_two_callers_may_use_one_key() -> None:
    """Keys are the caller's own."""
    async with shopping() as shop:
        one = await told(await shop.reserve(1, key="k"))
        shop.client.session.headers["Authorization"] = "bob"
        other = await shop.reserve(2, key="k")
        assert other.status == 201
        assert (await told(other))["reservation_id"] != one["reservation_id"]


async def test_a_refusal_says_what_there_is_and_when_it_may_change() -> None:
    """409 with the numbers of R2, and the deadline of what others hold; sold out when nobody holds any."""
    async with shopping(2) as shop:
        await shop.reserve(2, ttl_seconds=60)
        document = await assert_problem(await shop.reserve(1), "all-reserved")
        assert document["breakdown"]["reserved"] == 2
        assert document["earliest_deadline_ms"] == shop.desk.now_ms + 60_000
        more = await assert_problem(await shop.reserve(3), "sold-out")
        assert (more["outcome"], more["sku"]) == ("SOLD_OUT", "A")


@pytest.mark.parametrize(
    ("fields", "slug"),
    [
        ({"location": None}, "invalid"),
        ({"group": "G"}, "invalid"),
        ({"location": None, "group": "G"}, "invalid"),
        ({"path": "shelf"}, "invalid"),
        ({"path": "sale:"}, "invalid"),
        ({"path": "common", "sale_id": "S"}, "invalid"),
        ({"sale_id": "s" * 124}, "invalid"),
        ({"sale_id": "S"}, "invalid"),
        ({"sku": "B"}, "invalid"),
        ({"units": 0}, "malformed"),
        ({"units": 10**9 + 1}, "malformed"),
        ({"ttl_seconds": 0}, "malformed"),
        ({"ttl_seconds": 10**9}, "malformed"),
        ({"lot": "7"}, "malformed"),
        ({"strategy": "cheapest"}, "malformed"),
        ({"customer": ""}, "malformed"),
    ],
    ids=str,
)
async def test_what_cannot_be_asked_is_refused(fields: dict[str, Any], slug: str) -> None:
    """Nothing reaches the ledger that it would bury as a dead letter, for then no answer would ever come."""
    async with shopping() as shop:
        await assert_problem(await shop.reserve(**fields), slug)


async def test_no_answer_in_time_is_503_and_the_retry_hears_it() -> None:
    """503 with Retry-After binds no key: the same request later hears what was decided."""
    async with shopping() as shop:
        shop.desk.silent = True
        late = await shop.reserve(1, key="k")
        await assert_problem(late, "not-answered")
        assert late.headers["Retry-After"] == "1"
        shop.desk.silent = False
        assert (await shop.reserve(1, key="k")).status == 201
        shop.desk.closed = True
        await assert_problem(await shop.reserve(1), "not-ready")


async def test_who_prefers_to_wait_is_given_an_address_to_ask() -> None:
    """`Prefer: wait` without an answer is 202; the ledger may take as long as one may wait at most."""
    async with shopping() as shop:
        shop.desk.silent = True
        body = {"sku": "A", "location": "L1", "units": 1}
        response = await shop.post("/v1/reservations", body, Prefer="respond-async, wait=1")
        assert response.status == 202
        command = shop.desk.asked[-1]
        assert isinstance(command, Reserve)
        assert command.answer_by == shop.desk.now_ms + 5_000
        shop.desk.silent = False
        answer = await told(await shop.client.get(response.headers["Location"]))
        assert (answer["state"], answer["outcome"]) == ("held", "INSPECTED")
        assert "decided_at_ms" not in answer, "a look decides nothing"


@pytest.mark.parametrize("act", ["extend", "confirm", "release", "cancel", "fulfilments", "returns"])
async def test_every_write_waits_as_long_as_its_caller_prefers(act: str) -> None:
    """`Prefer: wait` counts for each write, at most as long as one may; the answer names what it heard."""
    async with shopping() as shop:
        held = (await told(await shop.reserve(2)))["reservation_id"]
        body = {"extend": {"ttl_seconds": 60}, "returns": {"units": 1}}.get(act, {})
        address = f"/v1/reservations/{held}/{act}"
        for prefers, waits in [("wait=3", 3.0), ("wait=90", 30.0), ("wait=0", 0.1)]:
            response = await shop.post(address, body, Prefer=prefers)
            assert shop.desk.waited[-1] == waits
            assert response.headers["Preference-Applied"] == f"wait={waits:g}"
        plain = await shop.post(address, body)
        assert shop.desk.waited[-1] == 1.0
        assert "Preference-Applied" not in plain.headers


async def test_a_batch_waits_as_its_caller_prefers_and_says_so_when_it_is_refused_too() -> None:
    """The wait is that of the whole request, and a refusal tells it as well."""
    async with shopping() as shop:
        line = {"sku": "A", "location": "L1", "units": 1}
        await shop.post("/v1/reservations:batch", {"reservations": [line]}, Prefer="wait=3")
        assert shop.desk.waited[-1] == 3.0
        refused = await shop.post("/v1/reservations", {**line, "units": 99}, Prefer="wait=3")
        assert (refused.status, refused.headers["Preference-Applied"]) == (409, "wait=3")


async def test_a_reservation_that_nobody_made_is_not_found() -> None:
    """404, and without the SKU where the id does not tell it, 422."""
    async with shopping() as shop:
        unknown = await shop.client.get("/v1/reservations/R1?sku=A")
        await assert_problem(unknown, "not-found")
        assert "breakdown" not in await told(unknown), "it would be the numbers of no place at all"
        await assert_problem(await shop.client.get("/v1/reservations/R1"), "invalid")


async def act(shop: Shop, reservation_id: str, name: str, **body: object) -> ClientResponse:
    """Do something to a reservation."""
    return await shop.post(f"/v1/reservations/{reservation_id}/{name}", body)


async def test_a_reservation_lives_its_whole_life() -> None:
    """Extended, confirmed in part, released, shipped, cancelled, returned: each in the ledger's own word."""
    async with shopping(9) as shop:
        held = (await told(await shop.reserve(5, ttl_seconds=60)))["reservation_id"]
        steps: list[tuple[str, dict[str, object], str, str]] = [
            ("extend", {"ttl_seconds": 120}, "EXTENDED", "held"),
            ("confirm", {"units": 3, "order_id": "O1"}, "CONFIRMED", "held"),
            ("release", {}, "RELEASED", "confirmed"),
            ("fulfilments", {"units": 2}, "FULFILLED", "confirmed"),
            ("cancel", {}, "CANCELLED", "fulfilled"),
            ("returns", {"units": 1, "sellable": False}, "RETURNED", "fulfilled"),
        ]
        for name, body, outcome, state in steps:
            response = await act(shop, held, name, **body)
            answer = await told(response)
            assert response.status == 200, answer
            assert (answer["outcome"], answer["state"]) == (outcome, state)
        told_all = await told(await shop.client.get(f"/v1/reservations/{held}/explanation"))
        assert [step["outcome"] for step in told_all["steps"]] == ["GRANTED", *(step[2] for step in steps)]


async def test_what_cannot_be_done_to_it_any_more_is_a_conflict() -> None:
    """Released: not live. More than held: a conflict. Confirmed after the units went: expired."""
    async with shopping(1) as shop:
        over = (await told(await shop.reserve(1)))["reservation_id"]
        await assert_problem(await act(shop, over, "release", units=2), "conflict")
        assert (await act(shop, over, "release")).status == 200
        await assert_problem(await act(shop, over, "confirm"), "not-live")
        lost = (await told(await shop.reserve(1, ttl_seconds=1)))["reservation_id"]
        shop.desk.now_ms += 10_000
        assert (await shop.reserve(1)).status == 201
        document = await assert_problem(await act(shop, lost, "confirm"), "expired")
        assert "refund" in str(document["detail"])


async def test_a_confirm_before_its_reservation_waits_for_it() -> None:
    """202: remembered, and decided when the reservation comes (R21)."""
    async with shopping() as shop:
        response = await shop.post("/v1/reservations/R1/confirm?sku=A", {})
        assert (response.status, (await told(response))["outcome"]) == (202, "REMEMBERED")


async def test_only_the_stock_scope_ships_and_takes_back() -> None:
    """A storefront's key cannot say that goods left or came."""
    async with shopping() as shop:
        held = (await told(await shop.reserve(1)))["reservation_id"]
        shop.client.session.headers["Authorization"] = "anna:storefront"
        for name, body in (("fulfilments", {}), ("returns", {"units": 1})):
            await assert_problem(await act(shop, held, name, **body), "not-allowed")


async def test_many_are_decided_each_by_itself() -> None:
    """One request, one result each in its order; a retry hears each line's one answer."""
    async with shopping(2) as shop:
        lines = [
            {"sku": "A", "location": "L1", "units": 2},
            {"sku": "A", "location": "L1", "units": 1},
            {"sku": "A", "units": 1},
        ]
        body = {"reservations": lines}
        first = await shop.post("/v1/reservations:batch", body, key="k")
        assert first.status == 200
        results = (await told(first))["results"]
        assert [one["status"] for one in results] == [201, 409, 422]
        assert results[0]["reservation"]["state"] == "held"
        assert results[1]["problem"]["type"] == "/problems/all-reserved"
        again = (await told(await shop.post("/v1/reservations:batch", body, key="k")))["results"]
        assert again[0]["reservation"]["reservation_id"] == results[0]["reservation"]["reservation_id"]
        for count in (0, 1_001):
            too_many = await shop.post("/v1/reservations:batch", {"reservations": lines[:1] * count})
            await assert_problem(too_many, "malformed")


def empty_shelf(now_ms: int) -> MemoryShelf:
    """Give a fresh shelf on which A has one unit at L1, held by somebody, and nothing else is known."""
    shelf = MemoryShelf(1, lambda _: 0, lambda _: True, lambda _: True)
    row = PositionRow(1, "A", "L1", 1, 0, 1, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0)
    shelf.take(0, 1, [LedgerRecord(2, now_ms, position_key("A", "L1"), encode_row(row))])
    return shelf


class Recent:
    """Reservations that the ledger wrote of lately."""

    def __init__(self) -> None:
        self.ids: set[str] = set()

    def knows(self, reservation_id: str) -> bool:
        """See the port."""
        return reservation_id in self.ids


async def test_an_early_refusal_asks_no_ledger_and_binds_no_key() -> None:
    """What the shelf knows to be gone is 409 at once; later the same key is decided."""
    async with shopping(1, empty_shelf(START_MS), Recent()) as shop:
        early = await assert_problem(await shop.reserve(1, key="k"), "all-reserved")
        assert early["is_early"] is True
        assert early["breakdown"]["reserved"] == 1
        assert (await assert_problem(await shop.reserve(3), "sold-out"))["outcome"] == "SOLD_OUT"
        assert not shop.desk.asked
        await assert_problem(await shop.reserve(1, sku="B"), "invalid")


async def test_a_shopper_who_holds_the_last_unit_hears_so_again() -> None:
    """A retry is no new request: where the ledger wrote of the reservation, the shelf is not believed."""
    recent = Recent()
    async with shopping(1, empty_shelf(START_MS), recent) as shop:
        recent.ids.add(reservation_id_of("anna", hidden_key(ID_SECRET, "anna", "k"), "A"))
        assert (await shop.reserve(1, key="k")).status == 201
        await assert_problem(await shop.reserve(1, key="l"), "all-reserved")


class Door:
    """A waiting room that lets in who says please."""

    def __init__(self) -> None:
        self.settled: list[bool] = []
        self.withdrawn = 0
        self.retry = FINAL

    async def check(
        self,
        sale_id: str,
        customer: str | None,
        token: str | None,
        reservation_id: str,
        retry: Retry = FINAL,
    ) -> str | None:
        """Look at the word alone."""
        assert (sale_id, customer) == ("S", None)
        assert token == "please"  # noqa: S105  # a fake's
        self.retry = retry
        return reservation_id

    async def withdraw(self, held: str) -> None:
        """Note it."""
        assert held
        self.withdrawn += 1

    async def settle(self, held: str, *, is_granted: bool) -> None:
        """Note it."""
        assert held
        self.settled.append(is_granted)


async def test_a_sale_with_a_waiting_room_is_reached_through_its_door() -> None:
    """The admission goes to the door with the sale and the hidden customer, which hears what came of it."""
    door = Door()
    async with shopping(1, door=door) as shop:
        body = {"sku": "A", "location": "L1", "units": 1, "sale_id": "S"}
        refused = await shop.post("/v1/reservations", body, Waiting_Room_Admission="please")
        await assert_problem(refused, "invalid")
        assert door.settled == [False]
        asked = shop.desk.asked[-1]
        assert isinstance(asked, Reserve)
        assert not door.retry.is_known
        assert (door.retry.undecided_ms or 0) > 1_000 * shop.desk.waited[-1]
        # Refused, it holds nothing; a reservation that was granted does; an order's cannot be told.
        assert await door.retry.came_to_nothing(asked.reservation_id)
        granted = (await told(await shop.reserve()))["reservation_id"]
        assert not await door.retry.came_to_nothing(granted)
        assert not await door.retry.came_to_nothing("http:order")


async def test_what_was_not_sent_leaves_the_door_as_it_was() -> None:
    """A desk that takes nothing costs nobody the admission, alone or among many."""
    door = Door()
    async with shopping(1, door=door) as shop:
        shop.desk.closed = True
        body = {"sku": "A", "location": "L1", "units": 1, "sale_id": "S"}
        for address, sent in (
            ("/v1/reservations", body),
            ("/v1/reservations:batch", {"reservations": [body, body]}),
        ):
            await assert_problem(await shop.post(address, sent, Waiting_Room_Admission="please"), "not-ready")
        assert (door.settled, door.withdrawn) == ([], 3)


async def test_reading_binds_nothing() -> None:
    """A look at a reservation is an Inspect under an id of its own each time."""
    async with shopping() as shop:
        held = (await told(await shop.reserve(1)))["reservation_id"]
        await asyncio.gather(*(shop.client.get(f"/v1/reservations/{held}") for _ in range(3)))
        looks = {one.id for one in shop.desk.asked if isinstance(one, Inspect)}
        assert len(looks) == 3
        assert Outcome.INSPECTED.is_final
