"""The life of orders: the demo's own count agrees with the ledger, and sees what a ledger got wrong."""

from collections import Counter

import pytest

from inventory_stream.demo.errors import DemoError
from inventory_stream.demo.life_cast import Fate, choose_cast
from inventory_stream.ports.projection import SkuAvailability, Version
from models.outcomes import Outcome
from models.rows import PositionRow, ReservationRow, Row
from tests.unit.demo_world import DemoWorld, on_hand

ORDERS = 240


@pytest.mark.parametrize("seed", range(1, 9))
def test_the_book_foretells_every_answer_and_every_position(seed: int) -> None:
    """Over many crowds the demo's own count and the ledger agree to the last unit, and so do exceptions."""
    world = DemoWorld(seed, ORDERS)
    world.play()
    assert list(world.audit.differences()) == []
    assert Counter(world.raised) == +world.audit.book.exceptions
    assert world.audit.undecided == 0


def test_everything_that_the_act_promises_happens() -> None:
    """The default crowd shows each outcome that the table tells of, on both kinds of shelf."""
    world = DemoWorld(1, ORDERS)
    world.play()
    happened = {outcome for _, outcome in world.audit.outcomes}
    assert happened >= {
        Outcome.GRANTED,
        Outcome.ALL_RESERVED,
        Outcome.CONFIRMED,
        Outcome.CONFIRMED_LATE,
        Outcome.RESERVATION_EXPIRED,
        Outcome.RELEASED,
        Outcome.RELEASED_EARLY,
        Outcome.CANCELLED,
        Outcome.FULFILLED,
        Outcome.RETURNED,
        Outcome.RETURN_UNMATCHED,
        Outcome.REROUTED,
        Outcome.UNITS_SET,
        Outcome.RECORDED,
        Outcome.RECORDED_SHORT,
        Outcome.STALE_SYNC,
        Outcome.TRANSFER_PLANNED,
        Outcome.RECEIVED_SHORT,
        Outcome.APPLIED,
    }
    assert {order.fate for order in world.cast.orders} == set(Fate)


def test_second_answers_of_early_commands_are_no_answers_of_their_own() -> None:
    """Each command has one answer; what came before its order is settled besides, as metrics count it."""
    world = DemoWorld(1, ORDERS)
    world.play()
    early = [outcomes for outcomes in world.audit.heard.values() if outcomes[0] is Outcome.REMEMBERED]
    assert early
    assert all(len(outcomes) == 2 for outcomes in early)
    assert world.tally.settled == len(early)
    assert world.tally.answers == world.audit.sent
    assert world.tally.decisions == world.decisions


def test_a_unit_that_the_ledger_has_too_much_is_named() -> None:
    """One unit more on hand in a position row than happened there is a difference that names the place."""

    def one_more(row: Row) -> Row:
        if isinstance(row, PositionRow):
            row.on_hand += 1
        return row

    world = DemoWorld(1, ORDERS, one_more)
    world.play()
    differences = list(world.audit.differences())
    assert differences
    assert all("on_hand=" in line for line in differences)


def test_an_answer_that_the_rules_do_not_give_is_named() -> None:
    """A late confirm that is had although its units were sold on is a difference that names the command."""

    def too_kind(row: Row) -> Row:
        if isinstance(row, ReservationRow) and row.answered >= 0:
            answer = row.answers[row.answered]
            if answer.outcome == Outcome.RESERVATION_EXPIRED:
                answer.outcome = int(Outcome.CONFIRMED_LATE)
        return row

    world = DemoWorld(1, ORDERS, too_kind)
    world.play()
    lines = list(world.audit.differences())
    assert lines
    assert all("expected RESERVATION_EXPIRED, answered CONFIRMED_LATE" in line for line in lines)


def test_an_expiry_before_its_deadline_is_named() -> None:
    """Taking an order's units back too early is seen although the book follows the log's order."""
    world = DemoWorld(1, ORDERS)
    for step in world.plan.rounds()[:2]:
        world.send(list(step.commands()))
    name = next(world.plan.due_to_expire())
    row = world.state.reservations[name]
    row.lines[0].expired, row.lines[0].reserved, row.answered = row.lines[0].reserved, 0, -1
    world.audit.hear(row, 1_000_000)
    assert any(f"order {name} expired" in line and "too early" in line for line in world.audit.differences())


def test_redis_that_shows_other_units_is_named() -> None:
    """Storefronts must see what the book would promise, at every place."""
    world = DemoWorld(1, ORDERS)
    world.play()
    book = world.audit.book
    shown = {
        sku: SkuAvailability(sku, 0, 0, {}, Version(1, 1), 1, 0) for sku in {sku for sku, _ in book.shelves}
    }
    for sku, store in book.shelves:
        shown[sku].locations[store] = max(0, book.free((sku, store)))  # type: ignore[index]  # a dict here
    assert list(world.audit.differences_from_redis(shown.values())) == []
    sku, store = world.cast.truck.there
    shown[sku].locations[store] += 1  # type: ignore[index]  # as above
    (line,) = world.audit.differences_from_redis(shown.values())
    assert sku in line
    assert store in line


def test_too_few_till_rows_are_told_with_the_way_out() -> None:
    """Without products that two stores sell there is nothing to play on: one line says what to do."""
    with pytest.raises(DemoError, match="--till-rows"):
        choose_cast(on_hand(skus=5), lambda _: False, 1, ORDERS)
    with pytest.raises(DemoError, match="sold by two stores"):
        choose_cast(on_hand(), lambda place: place[1] != "store-0", 1, ORDERS)


def test_same_seed_gives_the_same_crowd() -> None:
    """The same seed and shelves give the same orders on the same SKUs; another seed gives others."""
    first, again, other = (choose_cast(on_hand(), lambda _: False, seed, ORDERS) for seed in (7, 7, 8))
    assert first == again
    assert first != other
