"""The ledger against the model: every outcome, every quantity, for random single-line orders."""

from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from inventory_stream.ledger.decide import DecodedRecord
from inventory_stream.ledger.invariants import assert_sound
from inventory_stream.ledger.rules import ANSWERS_MAX
from models import commands as c
from models.outcomes import NOT_FINAL, Outcome
from tests.unit.ledger.model import Model
from tests.unit.ledger.scripts import NAMES, PLACES, Call, answers_in, decide, fresh_state
from tests.unit.ledger.table import NOON, SKU

Step = tuple[str, str, str, int, int | None, int, bool]
"""Verb, reservation, location, units, units or none, ms that its effect lags, allow_partial."""

STOCK_VERBS = ("adjust", "sync", "till", "safety")
ORDER_VERBS = (
    *("reserve",) * 4,
    *("confirm", "extend", "release", "cancel", "record", "fulfil", "return"),
)
TTL_SECONDS = 30
TOTAL_MS = 3_600_000


def steps(verbs: tuple[str, ...]) -> st.SearchStrategy[list[tuple[Step, str]]]:
    """Draw the commands of one record, each with how it comes: new, or with an id used before."""
    step = st.tuples(
        st.sampled_from(verbs),
        st.sampled_from(NAMES),
        st.sampled_from(PLACES),
        st.integers(1, 5),
        st.one_of(st.none(), st.integers(1, 5)),
        st.sampled_from((0, 0, 500, 40_000)),
        st.booleans(),
    )
    how = st.sampled_from(("new",) * 8 + ("repeat", "reuse"))
    return st.lists(st.tuples(step, how), max_size=5)


BATCHES = st.lists(
    st.tuples(st.sampled_from((0, 1, 900, 15_000, 31_000)), steps(STOCK_VERBS), steps(ORDER_VERBS)),
    max_size=12,
)


def build(  # noqa: C901, PLR0911, PLR0912  # one case a verb
    step: Step, name: str, now_ms: int
) -> tuple[c.Command, Callable[[Model], str]]:
    """Give a step's command, and what the model says to it."""
    verb, order, place, units, some, lag, part = step
    if verb in ORDER_VERBS:  # one line each: a recorded order stays where its reservation was
        place = PLACES[NAMES.index(order) % len(PLACES)]
    when = now_ms - lag
    held: dict[str, Any] = {"id": name, "reservation_id": order, "sku": SKU}
    at: dict[str, Any] = {"id": name, "sku": SKU, "location": place, "effective_at": when}

    def applied(act: Callable[[Model], object]) -> Callable[[Model], str]:
        def say(model: Model) -> str:
            act(model)
            return "APPLIED"

        return say

    def keep_back(model: Model) -> str:
        if when < model.stated[place]:
            return "STALE_SYNC"
        model.stated[place], model.kept_back[place] = when, units
        return "APPLIED"

    def extend(model: Model) -> str:
        known = model.orders[order]
        if not known.soft:
            return "NOT_LIVE"
        known.deadline = max(known.deadline, min(now_ms + units * 1_000, known.age[0] + TOTAL_MS))
        return "EXTENDED"

    match verb:
        case "adjust":
            return c.Adjust(**at, delta=units), applied(lambda model: model.fact(place, when, units))
        case "till":
            return c.TillSale(**at, units=units), applied(lambda model: model.fact(place, when, -units))
        case "sync":
            return c.Sync(**at, on_hand=2 * units), lambda model: model.count(place, when, 2 * units)
        case "safety":
            return c.SetSafetyStock(**at, safety_stock=units), keep_back
        case "reserve":
            reserve = c.Reserve(
                **held, units=units, ttl_seconds=TTL_SECONDS, location=place, allow_partial=part
            )
            return reserve, lambda model: model.reserve(
                order, place, units, now_ms, TTL_SECONDS * 1_000, part=part
            )
        case "record":
            record = c.RecordOrder(**held, units=units, location=place)
            return record, lambda model: model.record(order, place, units, now_ms)
        case "extend":
            return c.Extend(**held, ttl_seconds=units), extend
        case "confirm":
            return c.Confirm(**held, units=some), lambda model: model.confirm(order, some)
        case "release":
            return c.Release(**held, units=some), lambda model: model.take(order, "soft", some)
        case "cancel":
            return c.Cancel(**held, units=some), lambda model: model.take(order, "firm", some)
        case "fulfil":
            fulfil = c.Fulfil(**held, units=some, effective_at=when)
            return fulfil, lambda model: model.fulfil(order, some, when)
        case _:
            give_back = c.Return(**held, units=units, effective_at=when)
            return give_back, lambda model: model.give_back(order, units, when)


@given(batches=BATCHES)
def test_ledger_agrees_with_the_model(batches: list[Any]) -> None:  # noqa: C901, PLR0912  # R27 in line
    """R1-R3, R8, R10, R11, R15-R20, R27, R28: same outcomes, same quantities, after every batch."""
    state, model = fresh_state(), Model()
    now_ms = NOON
    first = [c.Adjust(f"open{place}", SKU, place, 8, NOON - 60_000) for place in PLACES]
    list(decide(state, Call([DecodedRecord(0, NOON, first)], [], NOON)))
    for place in PLACES:
        model.fact(place, NOON - 60_000, 8)
    # By (reservation, command id): what came first, and its outcome.
    said: dict[tuple[str | None, str], tuple[c.Command, str]] = {}
    refused: set[str] = set()
    for number, (passed_ms, stock_steps, order_steps) in enumerate(batches):
        now_ms += passed_ms
        packs: dict[bool, list[c.Command | None]] = {True: [], False: []}
        expected = []
        for is_stock, drawn in ((True, stock_steps), (False, order_steps)):
            if drawn and not is_stock:
                model.expire(now_ms)
            for step, how in drawn:
                old = [known for (owner, _), (known, _) in said.items() if (owner is None) is is_stock]
                name = f"c{len(said)}" if how == "new" or not old else old[-1].id
                command, say = build(step, name, now_ms)
                if how == "repeat" and old:
                    command = old[len(old) // 2]
                order = getattr(command, "reservation_id", None)
                before = said.get((order, command.id))
                if before is not None:
                    same = before[0] == command
                    outcome = before[1] if same else "COMMAND_ID_REUSED"
                elif order is None or order in model.orders or isinstance(command, c.Reserve | c.RecordOrder):
                    outcome = say(model)
                elif order in refused and not isinstance(command, c.Fulfil | c.Return):
                    outcome = "NOT_LIVE"
                else:
                    outcome = "UNKNOWN_RESERVATION"
                if before is None and Outcome[outcome] not in NOT_FINAL:
                    said[order, command.id] = command, outcome
                if isinstance(command, c.Reserve) and order not in model.orders:
                    refused.add(command.reservation_id)
                packs[is_stock].append(command)
                expected.append((command.id, outcome))
        stock = [DecodedRecord(number + 1, now_ms, packs[True])]
        orders = [DecodedRecord(number, now_ms, packs[False])] if packs[False] else []
        rows = [row for sealed in decide(state, Call(stock, orders, now_ms)) for row in sealed.rows]
        heard = [(command_id, outcome.name) for command_id, outcome in answers_in(rows)]
        assert heard == expected
        for place in PLACES:
            position = state.position(SKU, place)
            mine = [held for held in model.orders.values() if held.place == place]
            assert position.on_hand == model.on_hand(place)
            assert position.reserved == sum(held.soft for held in mine)
            assert position.allocated == sum(held.firm for held in mine)
            assert position.available_to_promise == model.free(place)
        assert_sound(state)
        if any(row.commands >= ANSWERS_MAX for row in state.reservations.values()):
            return  # from here on answers leave their rows: R27's tables have that
