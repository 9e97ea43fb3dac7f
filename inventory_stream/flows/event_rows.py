"""From ledger rows to exception events: pure.

Raised generically: an outcome that says `is_exception`, a movement that left a shortfall, a count that
does not apply and differs, and a row by which the owner took reserved units back. A new exception
outcome needs nothing here.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from inventory_stream.errors import CorruptLedgerError
from inventory_stream.flows.ledger_rows import decoded_value
from inventory_stream.ports.ledger_log import LedgerRecord
from models.events import COUNT_DRIFT, REVOKED, SHORTFALL, ExceptionDetail, ExceptionMovement
from models.ids import encode_id
from models.outcomes import Outcome
from models.rows import FIRST_ANSWER, ROW_SCHEMA, Answer, Movement, ReceiptRow, ReservationRow, is_fresh

_OWNER_ACTED: Final = -1
"""`answered` of a reservation row that answers no command."""

_EXCEPTIONS: Final = frozenset(int(outcome) for outcome in Outcome if outcome.is_exception)
_PROMISES: Final = frozenset({int(Outcome.PROMISE_SHORT), int(Outcome.PROMISE_LATE)})
_KNOWN: Final = frozenset(map(int, Outcome))
_SILENT: Final = _KNOWN - _EXCEPTIONS


class _FreshOutcome(Struct, array_like=True, tag=ROW_SCHEMA, gc=False):
    """The beginning of a `FreshRow`: all that is asked of nearly every row, without the rest."""

    term: int
    command_id: str
    outcome: int


_decode_outcome: Final = msgspec.msgpack.Decoder(_FreshOutcome).decode


class Raised(NamedTuple):
    """An exception and the id of its event, the same each time that it is found."""

    event_id: str
    detail: ExceptionDetail


def exceptions_of(record: LedgerRecord) -> Sequence[Raised]:
    """Give what a row raises: nothing unless it gives a first answer, or takes units back.

    Raises:
        CorruptLedgerError: the row cannot be decoded, or has an outcome that this version does not
            know: whether that is an exception only a newer one can say.
    """
    if record.value is None or record.key[:2] not in (b"r/", b"c/"):
        return ()
    if record.key[:2] == b"r/" and is_fresh(record.value) and _fresh_outcome(record) in _SILENT:
        return ()
    row = decoded_value(record, record.value)
    if isinstance(row, ReceiptRow):
        return _of_answer(row, row.reservation_id, row.sku, None) if row.repeat == FIRST_ANSWER else ()
    assert isinstance(row, ReservationRow)  # noqa: S101  # there are no others under these keys
    if row.repeat != FIRST_ANSWER:
        return ()
    if row.answered == _OWNER_ACTED:
        return _of_revocation(row, record.timestamp_ms)
    answer = row.answers[row.answered]
    return _of_answer(answer, row.reservation_id, row.sku, row.paid_order_id or row.order_id)


def _fresh_outcome(record: LedgerRecord) -> int:
    assert record.value is not None  # noqa: S101  # the caller has looked
    try:
        return _decode_outcome(record.value).outcome
    except msgspec.DecodeError as error:
        raise CorruptLedgerError(f"row {record.key!r} at offset {record.offset}: {error}") from error


def _of_answer(
    answer: Answer | ReceiptRow, reservation_id: str | None, sku: str | None, order_id: str | None
) -> list[Raised]:
    if answer.outcome not in _KNOWN:
        raise CorruptLedgerError(
            f"outcome {answer.outcome} of command {answer.command_id!r} is of a newer version: update this "
            "process"
        )
    has_drift = answer.outcome == Outcome.NOT_AUTHORITY and answer.breakdown is not None
    if not answer.movements and not has_drift and answer.outcome not in _EXCEPTIONS:
        return []  # nearly every row: what follows took it from 2.1 us to 5.1 for nothing
    # The decision's time sets two decisions of one id apart: outcomes that bind none (R27).
    name = f"{encode_id(reservation_id or '')}/{encode_id(answer.command_id)}/{answer.at_ms}"
    shared = ExceptionDetail(
        kind="",
        at_ms=answer.at_ms,
        sku=sku,
        outcome=answer.outcome,
        command=answer.kind,
        command_id=answer.command_id,
        reservation_id=reservation_id,
        order_id=order_id,
    )
    raised: list[Raised] = []
    if answer.outcome in _EXCEPTIONS:
        kind = Outcome(answer.outcome).name.lower()
        moved = tuple(map(_movement, answer.movements))
        detail = replace(shared, kind=kind, units=answer.units, movements=moved)
        if answer.outcome in _PROMISES and answer.movements:
            # The last one moves nothing: it names who waits.
            broken = answer.movements[-1]
            detail = replace(detail, location=broken.location, orders=broken.short_orders)
        raised.append(Raised(f"{kind}/{name}", detail))
    if answer.outcome == Outcome.NOT_AUTHORITY and answer.breakdown is not None:
        drift = answer.units - answer.breakdown.on_hand
        if drift:
            raised.append(Raised(f"{COUNT_DRIFT}/{name}", replace(shared, kind=COUNT_DRIFT, units=drift)))
    for movement in answer.movements:
        if movement.shortfall_units > 0:
            detail = replace(
                shared,
                kind=SHORTFALL,
                location=movement.location,
                units=movement.shortfall_units,
                orders=movement.short_orders,
                movements=(_movement(movement),),
            )
            raised.append(Raised(f"{SHORTFALL}/{name}/{encode_id(movement.location)}", detail))
    return raised


def _of_revocation(row: ReservationRow, record_ms: int) -> Sequence[Raised]:
    """Tell a revocation from an expiry: a deadline takes all that is reserved, and so comes last."""
    revoked = sum(line.revoked for line in row.lines)
    if revoked == 0 or any(line.expired for line in row.lines):
        return ()
    detail = ExceptionDetail(
        kind=REVOKED,
        at_ms=record_ms,
        sku=row.sku,
        reservation_id=row.reservation_id,
        order_id=row.paid_order_id or row.order_id,
        units=revoked,
    )
    # Units revoked so far only grow while more can be taken.
    return (Raised(f"{REVOKED}/{encode_id(row.reservation_id)}/{row.commands}/{revoked}", detail),)


def _movement(movement: Movement) -> ExceptionMovement:
    return ExceptionMovement(
        movement.location, movement.delta, movement.effective_at_ms, movement.on_hand, movement.version
    )
