"""Which rows raise exceptions, and under which ids."""

import pytest

from inventory_stream.errors import CorruptLedgerError
from inventory_stream.flows.event_rows import Raised, exceptions_of
from inventory_stream.ports.ledger_log import LedgerRecord
from models.events import ExceptionMovement
from models.outcomes import Outcome
from models.rows import (
    Answer,
    Breakdown,
    FreshRow,
    Line,
    Movement,
    ReceiptRow,
    ReservationRow,
    Row,
    encode_row,
    open_fresh,
    position_key,
    receipt_key,
    reservation_key,
)

AT_MS = 1_700_000_000_000
RECORD_MS = AT_MS + 5


def raised_by(row: Row | FreshRow, key: bytes) -> list[Raised]:
    """Give what a stored row raises."""
    return list(exceptions_of(LedgerRecord(7, RECORD_MS, key, encode_row(row))))


def receipt(outcome: int, movements: tuple[Movement, ...] = (), repeat: int = 0) -> ReceiptRow:
    """Give the receipt of a fulfil of an unknown reservation."""
    return ReceiptRow(1, repeat, "f/1", "r1", "fulfil", b"", outcome, "S", 2, AT_MS, None, movements)


def line(*, reserved: int = 0, revoked: int = 0, expired: int = 0) -> Line:
    """Give a line at DC1."""
    return Line("DC1", reserved + revoked + expired, reserved, 0, 0, 0, expired, 0, revoked, 0, 0, 9, 4)


def reservation(answered: int, lines: tuple[Line, ...], *answers: Answer, repeat: int = 0) -> ReservationRow:
    """Give the row of an order's reservation."""
    return ReservationRow(
        1, answered, repeat, "r1", "S", 2, 600, "DC1", None, "first_fit", "web", "o-1", False, "common", None,  # noqa: FBT003  # a row as it lies there
        AT_MS, AT_MS + 600_000, 0, len(answers), lines, answers, paid_order_id="o-2",
    )  # fmt: skip


def answer(outcome: int, movements: tuple[Movement, ...] = ()) -> Answer:
    """Give a fulfil's answer."""
    return Answer("f1", "fulfil", b"x", outcome, 2, AT_MS, None, movements)


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_that_is_an_exception_raises_one_and_no_other_does(outcome: Outcome) -> None:
    """The outcome's own word decides: a new exception needs no line anywhere else."""
    raised = raised_by(receipt(outcome), receipt_key("f/1", "r1"))
    assert [one.detail.kind for one in raised] == ([outcome.name.lower()] if outcome.is_exception else [])
    assert [one.detail.outcome for one in raised] == ([outcome] if outcome.is_exception else [])


def test_exception_says_who_and_what_moved() -> None:
    """A person can act on it: SKU, reservation, order, command, units and the position after it."""
    moved = Movement("DC1", -2, AT_MS - 1, 7, 8)
    row = reservation(1, (line(),), answer(Outcome.CONFIRMED), answer(Outcome.FULFIL_UNMATCHED, (moved,)))
    ((event_id, detail),) = raised_by(row, reservation_key("r1"))
    assert event_id == f"fulfil_unmatched/r1/f1/{AT_MS}"
    assert (detail.sku, detail.reservation_id, detail.order_id) == ("S", "r1", "o-2")
    assert (detail.command, detail.command_id, detail.units, detail.at_ms) == ("fulfil", "f1", 2, AT_MS)
    assert detail.movements == (ExceptionMovement("DC1", -2, AT_MS - 1, 7, 8),)


def test_shortfall_names_location_units_and_orders() -> None:
    """A fact that leaves too little raises one event for each location that is short (R11)."""
    short = Movement("DC/1", -2, AT_MS, -3, 8, 5, ("o-1", "o-7"))
    row = receipt(Outcome.APPLIED, (Movement("DC2", -2, AT_MS, 3, 8), short))
    ((event_id, detail),) = raised_by(row, receipt_key("f/1", "r1"))
    assert event_id == f"shortfall/r1/f%2F1/{AT_MS}/DC%2F1"
    assert (detail.kind, detail.location, detail.units, detail.orders) == (
        "shortfall",
        "DC/1",
        5,
        ("o-1", "o-7"),
    )


def test_exception_with_a_shortfall_raises_both() -> None:
    """Each is looked at by somebody else, and has its own id."""
    row = receipt(Outcome.FULFIL_UNMATCHED, (Movement("DC1", -2, AT_MS, -3, 8, 5, ("o-1",)),))
    kinds = [one.detail.kind for one in raised_by(row, receipt_key("f/1", "r1"))]
    assert kinds == ["fulfil_unmatched", "shortfall"]


@pytest.mark.parametrize("outcome", [Outcome.PROMISE_SHORT, Outcome.PROMISE_LATE])
def test_broken_promise_names_who_waits(outcome: Outcome) -> None:
    """R24: the orders that no longer fit, or hear of a later date, and where; it is no shortfall."""
    moved = (Movement("DC1", 4, AT_MS, 4, 8), Movement("DC1", 0, AT_MS, 4, 9, 0, ("o-9", "r-8")))
    (one,) = raised_by(receipt(outcome, moved), receipt_key("f/1", "r1"))
    assert (one.detail.location, one.detail.orders) == ("DC1", ("o-9", "r-8"))


@pytest.mark.parametrize(("counted", "drift"), [(7, 2), (5, None), (0, -5)], ids=["more", "same", "fewer"])
def test_count_that_does_not_apply_is_a_hint_where_it_differs(counted: int, drift: int | None) -> None:
    """R14: another source's count beside ours; one that agrees is nothing to look at."""
    ours = Breakdown(5, 0, 0, 0, 0, 0, 5, 0)
    row = ReceiptRow(1, 0, "n/1", None, "sync", b"", Outcome.NOT_AUTHORITY, "S", counted, AT_MS, ours)
    raised = raised_by(row, receipt_key("n/1"))
    assert [(one.event_id, one.detail.kind, one.detail.units) for one in raised] == (
        [] if drift is None else [(f"count_drift//n%2F1/{AT_MS}", "count_drift", drift)]
    )


@pytest.mark.parametrize("repeat", [1, 2])
def test_repeats_raise_nothing(repeat: int) -> None:
    """A retry, or an id used twice, is not a second exception (R27)."""
    short = (Movement("DC1", -2, AT_MS, -3, 8, 5, ("o-1",)),)
    assert raised_by(receipt(Outcome.FULFIL_UNMATCHED, short, repeat), receipt_key("f/1", "r1")) == []
    row = reservation(0, (line(),), answer(Outcome.FULFIL_UNMATCHED, short), repeat=repeat)
    assert raised_by(row, reservation_key("r1")) == []


def test_only_the_answered_command_of_a_reservation_raises() -> None:
    """A row carries the last 16 answers; those before were raised with rows of their own."""
    row = reservation(1, (line(),), answer(Outcome.FULFIL_UNMATCHED), answer(Outcome.CANCELLED))
    assert raised_by(row, reservation_key("r1")) == []


def test_revoked_reservation_is_told_from_an_expired_one() -> None:
    """Units taken back are an exception, a deadline that passed is not; not even after a revocation."""
    granted = answer(Outcome.GRANTED)
    ((event_id, detail),) = raised_by(reservation(-1, (line(revoked=2),), granted), reservation_key("r1"))
    assert event_id == "revoked/r1/1/2"
    assert (detail.kind, detail.units, detail.at_ms, detail.outcome) == ("revoked", 2, RECORD_MS, None)
    assert raised_by(reservation(-1, (line(expired=2),), granted), reservation_key("r1")) == []
    both = reservation(-1, (line(revoked=1), line(expired=1)), granted)
    assert raised_by(both, reservation_key("r1")) == []


def test_rows_of_other_kinds_and_tombstones_raise_nothing() -> None:
    """Positions, groups and claims are not looked at; a forgotten receipt is no exception."""
    assert list(exceptions_of(LedgerRecord(7, RECORD_MS, position_key("S", "A"), b"anything"))) == []
    assert list(exceptions_of(LedgerRecord(7, RECORD_MS, receipt_key("x"), None))) == []


def test_outcome_of_a_newer_version_is_refused_loudly() -> None:
    """Whether it is an exception only a newer projection knows: guessing would lose it."""
    with pytest.raises(CorruptLedgerError, match=r"outcome 250 .* update this process"):
        raised_by(receipt(250), receipt_key("f/1", "r1"))


@pytest.mark.parametrize("outcome", Outcome)
def test_short_row_of_a_reservation_raises_what_its_long_one_does(outcome: Outcome) -> None:
    """The look at the short row alone never decides otherwise than all of it."""
    short = FreshRow(1, "f1", outcome, "S", "DC1", 2, 600, AT_MS, "web", "o-1", None, 7, 8)
    long = open_fresh("r1", short)
    assert raised_by(short, reservation_key("r1")) == raised_by(long, reservation_key("r1"))


def test_short_row_that_cannot_be_judged_is_refused_loudly() -> None:
    """An outcome of a newer version, or bytes that nobody writes, are no silence."""
    newer = FreshRow(1, "f1", 250, "S", "DC1", 2, 600, AT_MS, None, None, None, 7, 8)
    with pytest.raises(CorruptLedgerError, match=r"outcome 250 .* update this process"):
        raised_by(newer, reservation_key("r1"))
    with pytest.raises(CorruptLedgerError, match="offset 7"):
        exceptions_of(LedgerRecord(7, RECORD_MS, reservation_key("r1"), b"\x92\x01\xa1x"))
