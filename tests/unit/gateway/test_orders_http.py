"""Orders of many lines over HTTP, with a ledger behind them that really decides."""

from dataclasses import replace
from typing import Any

import pytest

from tests.unit.gateway.order_shop import OrderShop
from tests.unit.orders.shop import TTL_SECONDS, pass_time, stock, units

ORDERS = "/v1/orders"


def order(*lines: tuple[str, int], **more: object) -> dict[str, Any]:
    """Ask for (sku, units) lines at DC1."""
    asked = [{"sku": sku, "units": wanted, "location": "DC1"} for sku, wanted in lines]
    return {"order_id": "O1", "ttl_seconds": TTL_SECONDS, "lines": asked, **more}


def stocked() -> OrderShop:
    """Give a shop with 5 of A and 1 of B."""
    shop = OrderShop()
    stock(shop.desk, A=5, B=1)
    return shop


async def test_order_is_placed_shown_confirmed_and_cancelled() -> None:
    """The whole life of an order by its id, each step seen in the units."""
    shop = stocked()
    async with shop.client() as client:
        status, placed = await shop.call(client, "POST", ORDERS, order(("A", 2), ("B", 1)))
        assert (status, placed["status"], placed["is_noted"]) == (201, "placed", True)
        ids = [line["reservation_id"] for line in placed["lines"]]
        status, shown = await shop.call(client, "GET", f"{ORDERS}/O1")
        assert status == 200
        assert [(line["reservation_id"], line["reserved"]) for line in shown["lines"]] == [
            (ids[0], 2),
            (ids[1], 1),
        ]
        status, confirmed = await shop.call(client, "POST", f"{ORDERS}/O1/confirm", {})
        assert (status, confirmed["status"]) == (200, "confirmed")
        assert units(shop.desk, "A") == (5, 0, 2)
        status, cancelled = await shop.call(client, "POST", f"{ORDERS}/O1/cancel", {})
        assert (status, cancelled["status"]) == (200, "called_off")
        assert units(shop.desk, "A") == (5, 0, 0)
        status, problem = await shop.call(client, "POST", f"{ORDERS}/O1/release", {})
        assert (status, problem["type"]) == (409, "/problems/not-live")


@pytest.mark.parametrize("step", ["confirm", "release", "cancel"])
async def test_an_order_waits_as_long_as_its_caller_prefers(step: str) -> None:
    """`Prefer: wait` is the time of the whole request, shared by all that it asks the ledger."""
    shop = stocked()
    async with shop.client() as client:
        for path, body in ((ORDERS, order(("A", 1))), (f"{ORDERS}/O1/{step}", {})):
            before = len(shop.desk.waited)
            await shop.call(client, "POST", path, body, Prefer="wait=20")
            waited = shop.desk.waited[before:]
            assert waited
            assert all(10 < seconds <= 20 for seconds in waited)


async def test_refused_order_names_each_line_with_its_problem_and_numbers() -> None:
    """409 with every line: what it was refused for and the breakdown; nothing stays held."""
    shop = stocked()
    async with shop.client() as client:
        status, problem = await shop.call(client, "POST", ORDERS, order(("A", 2), ("B", 3), ("C", 1)))
    assert (status, problem["type"]) == (409, "/problems/sold-out")
    assert [(line["outcome"], line.get("problem")) for line in problem["lines"]] == [
        ("RELEASED", None),
        ("SOLD_OUT", "sold-out"),
        ("UNKNOWN_SKU", "invalid"),
    ]
    assert problem["lines"][0] == {"line_id": "0", "sku": "A", "outcome": "RELEASED"}
    assert problem["lines"][1]["breakdown"]["available_to_promise"] == 1
    assert units(shop.desk, "A") == (5, 0, 0)


async def test_partial_order_stands_without_the_refused_line() -> None:
    """201 with status partial, and the note has the lines that stand."""
    shop = stocked()
    async with shop.client() as client:
        status, placed = await shop.call(client, "POST", ORDERS, order(("A", 2), ("B", 3), mode="partial"))
        assert (status, placed["status"]) == (201, "partial")
        status, confirmed = await shop.call(client, "POST", f"{ORDERS}/O1/confirm", {})
    assert (status, len(confirmed["lines"])) == (200, 1)


async def test_confirm_after_a_line_was_lost_is_207_with_what_to_refund() -> None:
    """Some lines are the buyer's and some are gone: the status says so, the lines say which."""
    shop = stocked()
    async with shop.client() as client:
        await shop.call(client, "POST", ORDERS, order(("A", 2), ("B", 1)))
        pass_time(shop.desk, TTL_SECONDS + 1)
        await shop.call(client, "POST", ORDERS, order(("B", 1), order_id="O2"))
        status, confirmed = await shop.call(client, "POST", f"{ORDERS}/O1/confirm", {}, key="confirm")
        assert (status, confirmed["status"]) == (207, "partial")
        assert [line.get("refund_units", 0) for line in confirmed["lines"]] == [0, 1]
        assert (status, confirmed) == await shop.call(
            client, "POST", f"{ORDERS}/O1/confirm", {}, key="confirm"
        )
        pass_time(shop.desk, 1)
        await shop.call(client, "POST", ORDERS, order(("A", 3), order_id="O3"))
        await shop.call(client, "POST", f"{ORDERS}/O1/cancel", {})
        status, problem = await shop.call(client, "POST", f"{ORDERS}/O1/confirm", {})
        assert (status, problem["type"], problem["status"]) == (409, "/problems/expired", 409)
        assert problem["settled"] == "refund_required"


async def test_same_key_gets_the_same_answer_and_another_body_is_refused() -> None:
    """A repeat hears its first answer, at any gateway; the key for another order is 422."""
    shop = stocked()
    body = order(("A", 2), ("B", 1), customer="ann@example.org")
    async with shop.client() as client:
        first = await shop.call(client, "POST", ORDERS, body, key="k")
    async with shop.client() as client:
        status, again = await shop.call(client, "POST", ORDERS, body, key="k")
        assert (status, again["lines"]) == (201, first[1]["lines"])
        assert again["is_repeat"]
        for other in (order(("C", 1)), order(("A", 2), ("B", 1), ttl_seconds=9)):
            status, problem = await shop.call(client, "POST", ORDERS, other, key="k")
            assert (status, problem["type"]) == (422, "/problems/key-reused")
    assert units(shop.desk, "A") == (5, 2, 0)


async def test_without_redis_orders_go_on_by_their_reservations() -> None:
    """Redis gone: an order is placed and says that it is not noted; its reservations confirm it."""
    shop = stocked()
    shop.notes.is_gone = True
    async with shop.client() as client:
        status, placed = await shop.call(client, "POST", ORDERS, order(("A", 2), ("B", 1)))
        assert (status, placed["is_noted"]) == (201, False)
        status, problem = await shop.call(client, "POST", f"{ORDERS}/O1/confirm", {})
        assert (status, problem["type"]) == (503, "/problems/not-ready")
        named = [{"reservation_id": line["reservation_id"]} for line in placed["lines"]]
        status, confirmed = await shop.call(client, "POST", f"{ORDERS}/O1/confirm", {"reservations": named})
        assert (status, confirmed["status"]) == (200, "confirmed")


async def test_order_of_another_caller_cannot_be_found() -> None:
    """Order ids can be guessed: an order answers to who placed it, and a public key settles none."""
    shop = stocked()
    async with shop.client() as client:
        await shop.call(client, "POST", ORDERS, order(("A", 2)))
        public = replace(shop.caller, is_public=True)
        shop.caller = replace(shop.caller, name="other")
        status, problem = await shop.call(client, "POST", f"{ORDERS}/O1/cancel", {})
        assert (status, problem["type"]) == (404, "/problems/not-found")
        shop.caller = public
        status, problem = await shop.call(client, "GET", f"{ORDERS}/O1")
        assert (status, problem["type"]) == (404, "/problems/not-found")
        for address in (ORDERS, f"{ORDERS}/O1/confirm", f"{ORDERS}/O1/release", f"{ORDERS}/O1/cancel"):
            status, problem = await shop.call(client, "POST", address, order(("A", 2)))
            assert (status, problem["type"]) == (403, "/problems/not-allowed"), address
    assert units(shop.desk, "A") == (5, 2, 0)


async def test_an_order_id_stays_with_the_request_that_had_it_first() -> None:
    """Another caller or cart under an order's id: 422 before anything is reserved; payments keep to it."""
    shop = stocked()
    async with shop.client() as client:
        status, _ = await shop.call(client, "POST", ORDERS, order(("A", 2)), key="k")
        assert status == 201
        asked = len(shop.desk.asked)
        owner = shop.caller
        for caller in (owner, replace(owner, name="other")):
            shop.caller = caller
            status, problem = await shop.call(client, "POST", ORDERS, order(("B", 1)))
            assert (status, problem["type"]) == (422, "/problems/id-reused")
        assert len(shop.desk.asked) == asked
        event = {"provider": "stripe", "id": "e", "payment_id": "P", "kind": "captured", "order_id": "O1"}
        _, outcome = await shop.pay(client, event)
    assert [line["sku"] for line in outcome["lines"]] == ["A"]
    assert (units(shop.desk, "A"), units(shop.desk, "B")) == ((5, 0, 2), (1, 0, 0))


async def test_an_order_that_was_not_placed_leaves_its_id_and_a_503_its_key_free() -> None:
    """Refused or not answered, an order may be asked for anew: by a new key, after a 503 by the same one."""
    shop = stocked()
    async with shop.client() as client:
        assert (await shop.call(client, "POST", ORDERS, order(("B", 2)), key="k1"))[0] == 409
        shop.desk.lost = True
        assert (await shop.call(client, "POST", ORDERS, order(("A", 9)), key="k2"))[0] == 503
        shop.desk.lost = False
        assert (await shop.call(client, "POST", ORDERS, order(("A", 1)), key="k1"))[0] == 422
        assert (await shop.call(client, "POST", ORDERS, order(("A", 1)), key="k2"))[0] == 201


async def test_a_repeated_order_is_marked_as_a_repeat() -> None:
    """A repeat has the header `Idempotent-Replay`; the first answer and a reused key have not."""
    shop = stocked()
    async with shop.client() as client:
        repeats = []
        for body in (order(("A", 2)), order(("A", 2)), order(("A", 1))):
            async with client.post(ORDERS, json=body, headers={"Idempotency-Key": "k"}) as answer:
                repeats.append((answer.status, answer.headers.get("Idempotent-Replay")))
    assert repeats == [(201, None), (201, "true"), (422, None)]


async def test_nothing_that_is_kept_names_the_customer() -> None:
    """Neither the ledger's rows nor the notes hold what the shop calls its customer."""
    shop = stocked()
    async with shop.client() as client:
        status, _ = await shop.call(client, "POST", ORDERS, order(("A", 2), customer="ann@example.org"))
        assert status == 201
        await shop.call(client, "POST", f"{ORDERS}/O1/confirm", {})
    kept = [*map(str, shop.desk.rows), *shop.notes.kept, *shop.notes.kept.values()]
    assert not [text for text in kept if "ann" in text]
    assert any("k1:" in text for text in kept), "the hash is what limits count by"


async def test_sale_with_a_waiting_room_takes_one_admission_for_the_order() -> None:
    """An order of a sale passes the door once, with the admission that its customer was given."""
    shop = stocked()
    body = order(("A", 2), customer="ann")
    body["lines"][0]["sale_id"] = "drop"
    async with shop.client() as client:
        status, problem = await shop.call(client, "POST", ORDERS, body, key="k")
        assert (status, problem["type"]) == (403, "/problems/waiting-room")
        assert not shop.desk.asked
        status, _ = await shop.call(client, "POST", ORDERS, body, key="k", Waiting_Room_Admission="please")
        assert status == 422  # the ledger knows no such sale
    assert [is_granted for _, is_granted in shop.door.settled] == [False]


async def test_an_order_of_two_sales_shows_the_admission_of_each() -> None:
    """Several admissions, separated by commas; where one is missing the others are free again."""
    shop = stocked()
    shop.door.word = "please-{}"
    body = order(("A", 1), ("B", 1), customer="ann")
    body["lines"][0]["sale_id"], body["lines"][1]["sale_id"] = "drop", "friday"
    async with shop.client() as client:
        one = "please-drop"
        status, _ = await shop.call(client, "POST", ORDERS, body, key="k", Waiting_Room_Admission=one)
        assert status == 403
        assert not shop.desk.asked
        assert [is_granted for _, is_granted in shop.door.settled] == [False]
        both = "please-friday, please-drop"
        status, _ = await shop.call(client, "POST", ORDERS, body, key="k", Waiting_Room_Admission=both)
        assert status == 422  # the ledger knows no such sales


@pytest.mark.parametrize(
    "line",
    [
        {"sku": "A", "units": 1},
        {"sku": "A", "units": 1, "location": "DC1", "group": "all"},
        {"sku": "A", "units": 1, "location": "DC1", "path": "nowhere"},
        {"sku": "A", "units": 1, "location": "DC1", "sale_id": "s" * 128},
    ],
)
async def test_what_the_ledger_could_never_decide_is_refused_before_it_is_asked(line: object) -> None:
    """What would be a dead letter is 422: nobody would ever be answered."""
    shop = stocked()
    async with shop.client() as client:
        status, problem = await shop.call(client, "POST", ORDERS, order() | {"lines": [line]})
    assert (status, problem["type"]) == (422, "/problems/invalid")
    assert not shop.desk.asked


async def test_more_lines_than_allowed_and_equal_line_ids_are_refused() -> None:
    """101 lines are malformed, two lines of one name cannot be told apart."""
    shop = stocked()
    async with shop.client() as client:
        status, _ = await shop.call(client, "POST", ORDERS, order(*[("A", 1)] * 101))
        assert status == 400
        body = order(("A", 1), ("B", 1))
        body["lines"][0]["line_id"] = "1"
        status, _ = await shop.call(client, "POST", ORDERS, body)
        assert status == 422


async def test_silent_ledger_is_503_and_the_same_key_completes() -> None:
    """A gateway that hears nothing says so; the retry gets one order, with the lines that were asked."""
    shop = stocked()
    async with shop.client() as client:
        shop.desk.silent = True
        status, problem = await shop.call(client, "POST", ORDERS, order(("A", 2), ("B", 1)), key="k")
        assert (status, problem["type"]) == (503, "/problems/not-answered")
        shop.desk.silent = False
        status, placed = await shop.call(client, "POST", ORDERS, order(("A", 2), ("B", 1)), key="k")
        assert (status, [line["units"] for line in placed["lines"]]) == (201, [2, 1])
    assert (units(shop.desk, "A"), units(shop.desk, "B")) == ((5, 2, 0), (1, 1, 0))


async def test_confirm_of_reservations_that_are_not_there_yet_is_accepted() -> None:
    """202: the ledger remembers the confirm until the reservation comes (R21)."""
    shop = stocked()
    named = [{"reservation_id": "elsewhere-1", "sku": "A"}]
    async with shop.client() as client:
        status, told = await shop.call(client, "POST", f"{ORDERS}/O9/confirm", {"reservations": named})
    assert (status, told["status"]) == (202, "waiting")
