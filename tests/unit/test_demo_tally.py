"""The demo's tally: planted faults must show, whatever the ledger itself believes."""

from inventory_stream.demo.sale_tally import SaleTally
from inventory_stream.demo.tally import Tally
from inventory_stream.ports.ledger_log import LedgerRecord
from models.outcomes import Outcome
from models.rows import (
    Answer,
    Line,
    PoolRow,
    PositionRow,
    ReceiptRow,
    ReservationRow,
    Row,
    encode_row,
    pool_key,
    position_key,
    receipt_key,
    reservation_key,
)

SKU = "sku-1"


def reservation(
    name: str,
    reserved: int,
    *,
    outcome: Outcome = Outcome.GRANTED,
    repeat: int = 0,
    released: int = 0,
    customer: str | None = None,
) -> ReservationRow:
    """Make the row that answers a reserve."""
    lines = (Line("shop", reserved + released, reserved, 0, 0, released, 0, 0, 0, 0, 0, 10, 1),)
    answers = (Answer(f"{name}-1", "reserve", b"", outcome, reserved, 1),)
    return ReservationRow(
        term=1,
        answered=0,
        repeat=repeat,
        reservation_id=name,
        sku=SKU,
        units=reserved,
        ttl_seconds=4,
        location="shop",
        group=None,
        strategy="first_fit",
        channel=None,
        order_id=None,
        allow_partial=False,
        path="common",
        customer=customer,
        created_ms=1,
        deadline_ms=5,
        ended_ms=0,
        commands=1,
        lines=lines if reserved + released else (),
        answers=answers,
    )


def fed(stock: int, *rows: tuple[bytes, Row], at_ms: int = 1_000) -> Tally:
    """Feed rows to a fresh tally."""
    tally = Tally(SaleTally(SKU, stock))
    tally.feed(
        0, [LedgerRecord(number + 2, at_ms, key, encode_row(row)) for number, (key, row) in enumerate(rows)]
    )
    return tally


def granted(name: str, units: int, **details: object) -> tuple[bytes, Row]:
    """Give a reservation's row with its key."""
    return reservation_key(name), reservation(name, units, **details)  # type: ignore[arg-type]


def test_a_unit_granted_beyond_the_stock_is_oversold() -> None:
    """Three units promised of a stock of two is one oversold, even when one comes back afterwards."""
    tally = fed(2, granted("a", 2), granted("b", 1), granted("b", 0, released=1))
    assert tally.sale.oversold_units == 1
    assert tally.sale.held.promised == 2


def test_a_command_decided_twice_is_seen() -> None:
    """Two first answers to one command are no repeat but a broken invariant (I3)."""
    tally = fed(9, granted("a", 1), granted("a", 1))
    assert (tally.sale.answered_twice, tally.sale.repeats_same) == (1, 0)


def test_a_repeat_with_another_answer_is_seen() -> None:
    """A repeat must hear its first answer; another one is counted apart."""
    tally = fed(9, granted("a", 1), granted("a", 1, outcome=Outcome.SOLD_OUT, repeat=1))
    assert (tally.sale.repeats_different, tally.sale.repeats_same) == (1, 0)


def test_a_command_that_came_too_late_may_be_decided_later() -> None:
    """An answer that binds nothing is no first answer: decided afterwards, the command is decided once."""
    late = ReceiptRow(1, 0, "a-1", "a", "reserve", b"", int(Outcome.TOO_LATE), SKU, 0, 1)
    sale = fed(9, (receipt_key("a-1", "a"), late), granted("a", 1)).sale
    assert (sale.answered_twice, sale.decided) == (0, {("a", "reserve"): (Outcome.GRANTED, 1)})
    assert sale.outcomes[Outcome.TOO_LATE] == 1


def test_what_one_customer_has_is_added_up() -> None:
    """Units of all reservations of a customer count together, and what came back counts no more."""
    back = granted("a", 0, released=2, outcome=Outcome.RELEASED, customer="k1:x")
    rows = [granted("a", 2, customer="k1:x"), back, granted("b", 1, customer="k1:x")]
    assert fed(9, *rows).sale.customer_units_max == 2
    assert fed(9, rows[0], rows[2]).sale.customer_units_max == 3


def test_a_unit_that_vanishes_is_unexplained() -> None:
    """Units granted and then neither held, sold nor given back are not lost silently."""
    vanished = granted("a", 0, outcome=Outcome.EXTENDED, repeat=1)
    assert fed(9, granted("a", 1), vanished).sale.unexplained_units == 1


def test_every_answer_row_counts_once_and_rows_of_the_owner_do_not() -> None:
    """Decisions are rows that answer a command: receipts and reservations, not positions or expiry."""
    expired = reservation("a", 0)
    expired.answered = -1
    position = PositionRow(1, SKU, "shop", 7, 0, 9, 0, 0, 0, 0, 1, 7, 0, 0, 0, 0)
    receipt = ReceiptRow(1, 0, "x", None, "adjust", b"", int(Outcome.APPLIED), SKU, 1, 1)
    tally = fed(
        9,
        granted("a", 1),
        (reservation_key("a"), expired),
        (receipt_key("x"), receipt),
        (position_key(SKU, "shop"), position),
        (
            pool_key("s", SKU, "shop"),
            PoolRow(
                1, "s", SKU, "shop", 9, 9, 4, 0, 9, 0, 0, late_from_common=True, opened_ms=0, is_fenced=True
            ),
        ),
        at_ms=5_400,
    )
    assert tally.answers == 2
    assert tally.answers_between(5_000, 5_999) == 2
    assert tally.first_answer_ms == {(0, 1): 5_400}
    assert tally.shortfall_units == {(SKU, "shop"): 2}
    assert tally.on_hand == {(SKU, "shop"): 7}
    assert tally.sale_available_units == 5
