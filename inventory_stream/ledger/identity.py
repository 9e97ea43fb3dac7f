"""Who asked this before? Content hashes, repeats, and the answers that are kept (R27, R28)."""

from collections.abc import Callable
from datetime import datetime
from hashlib import blake2b
from heapq import heappush
from operator import attrgetter
from typing import Any, Final

import msgspec

from inventory_stream.ledger.batch import Batch
from inventory_stream.ledger.breakdown import breakdown_of, positions_of
from inventory_stream.ledger.rules import ANSWERS_MAX, COMMANDS_MAX, SHORT_ORDERS_NAMED
from inventory_stream.ledger.state import PartitionState
from models.commands import POSITIONAL, Cancel, Command, RecordOrder, Reserve, type_name
from models.outcomes import NOT_FINAL, Outcome
from models.rows import (
    ID_REUSED_ANSWER,
    REPEATED_ANSWER,
    Answer,
    Breakdown,
    Movement,
    ReceiptRow,
    ReservationRow,
    receipt_key,
)

HASH_BYTES: Final = 8
"""Length of content and id hashes: at 1,000 commands a reservation, a chance clash is below 1e-13."""

_encode: Final = msgspec.msgpack.Encoder(order="deterministic").encode
_FIRST_REFUSAL: Final = int(Outcome.ALL_RESERVED)
_NOT_FINAL: Final = frozenset(int(outcome) for outcome in NOT_FINAL)
# Fields that name the attempt rather than what is asked.
_NOT_CONTENT: Final = frozenset({"id", "answer_by"})
_Content = tuple[str, Callable[[Command], tuple[Any, ...]], tuple[object, ...]]


def _content_of(command: type[Command]) -> _Content:
    """Give a command's word, what reads its content, and its newest fields where left out, last first."""
    names = [name for name in command.__struct_fields__ if name not in _NOT_CONTENT]
    later: tuple[object, ...] = ()
    if issubclass(command, Reserve):
        later = (False,)  # `allow_backorder`
    elif issubclass(command, RecordOrder):
        later = (None,)  # `as_of`
    elif issubclass(command, Cancel):
        later = (None, None)  # `as_of`, `order_id`
    return type_name(command), attrgetter(*names), later


_CONTENT: Final[dict[type[Command], _Content]] = {
    form: _content_of(form) for command, twin in POSITIONAL.items() for form in (command, twin)
}


def content_hash(command: Command) -> bytes:
    """Hash what a command asks: its kind and all fields but `id` and `answer_by` (R27)."""
    kind, fields_of, later = _CONTENT[type(command)]
    content = fields_of(command)
    for left_out in later:  # rows from before it was a word keep their hash
        if content[-1] is not left_out:
            break
        content = content[:-1]
    try:
        encoded = _encode((kind, content))
    except OverflowError:
        # A time of the year 1 or 9999 that in UTC is of another year: no date, and no reason to stop.
        texts = [one.isoformat() if isinstance(one, datetime) else one for one in content]
        encoded = _encode((kind, texts))
    return blake2b(encoded, digest_size=HASH_BYTES).digest()


def id_hash(command_id: str) -> bytes:
    """Hash a command id for the tail of a reservation's row."""
    return blake2b(command_id.encode(), digest_size=HASH_BYTES).digest()


# --- commands with a receipt of their own ----------------------------------------------------


def repeated_receipt(
    state: PartitionState, batch: Batch, command: Command, reservation_id: str | None = None
) -> int | None:
    """Answer a command whose receipt is kept and final; None when there is no such receipt.

    One that waits for its order is heard again, too; it binds its id only where units moved (R21).
    """
    receipt = state.receipts.find(receipt_key(command.id, reservation_id))
    if receipt is None or (receipt.outcome in _NOT_FINAL and receipt.outcome != Outcome.REMEMBERED):
        return None
    if receipt.content == content_hash(command):
        batch.write_receipt(receipt, REPEATED_ANSWER)
        return receipt.outcome
    if receipt.outcome == Outcome.REMEMBERED and not receipt.movements:
        return None
    batch.write_receipt(receipt, ID_REUSED_ANSWER)
    return Outcome.COMMAND_ID_REUSED


def keep_receipt(
    state: PartitionState,
    batch: Batch,
    command: Command,
    outcome: int,
    *,
    sku: str | None,
    units: int = 0,
    reservation_id: str | None = None,
    breakdown: Breakdown | None = None,
    movements: tuple[Movement, ...] = (),
) -> int:
    """Write the receipt of a command and remember it; gives the outcome."""
    receipt = ReceiptRow(
        state.term,
        0,
        command.id,
        reservation_id,
        type_name(type(command)),
        content_hash(command),
        outcome,
        sku,
        units,
        batch.now_ms,
        breakdown,
        movements,
    )
    key, value = batch.write_receipt(receipt)
    replaced = state.receipts.waiting(key)
    if replaced is not None:
        state.forget_early(replaced)  # its row is: whoever recovers never hears of it
    state.receipts.keep(key, receipt, value)
    return outcome


def bind_nothing(
    state: PartitionState,
    batch: Batch,
    command: Command,
    outcome: Outcome,
    sku: str,
    reservation_id: str,
    breakdown: Breakdown | None = None,
) -> int:
    """Answer an order command by a receipt that is not final (R27).

    A final receipt under the same ids stays: it is a fact that moved units, its delta belongs to
    on_hand (I4), and this is then a repeat of it or the id's second use.
    """
    known = repeated_receipt(state, batch, command, reservation_id)
    if known is not None:
        return known
    return keep_receipt(
        state, batch, command, outcome, sku=sku, reservation_id=reservation_id, breakdown=breakdown
    )


# --- commands of a reservation ---------------------------------------------------------------


def reserve_content(row: ReservationRow) -> bytes:
    """The content hash of the reserve that a row's own fields state."""
    content = (
        row.reservation_id,
        row.sku,
        row.units,
        row.ttl_seconds,
        row.location,
        row.group,
        row.strategy,
        row.channel,
        row.order_id,
        row.allow_partial,
        row.path,
        row.customer,
        *((True,) if row.allow_backorder else ()),
    )
    return blake2b(_encode(("reserve", content)), digest_size=HASH_BYTES).digest()


def pin_content(row: ReservationRow) -> None:
    """Write down the content of a row's reserves, because the row's own fields are about to change."""
    if not all(kept.content for kept in row.answers):
        content = reserve_content(row)
        for kept in row.answers:
            kept.content = kept.content or content


def repeated_answer(
    state: PartitionState,
    batch: Batch,
    reservation: ReservationRow,
    command: Command,
    *,
    is_fact: bool = False,
) -> int | None:
    """Answer a command that the reservation had before, or that is one too many; None: it is new.

    A fact is never one too many: `is_full` tells its caller (R10).
    """
    for index, kept in enumerate(reservation.answers):
        if kept.command_id == command.id:
            content = kept.content or reserve_content(reservation)
            if content == content_hash(command):
                batch.write_reservation(reservation, index, REPEATED_ANSWER)
                return kept.outcome
            batch.write_reservation(reservation, index, ID_REUSED_ANSWER)
            return Outcome.COMMAND_ID_REUSED
    # A fact about it that came before its order, or matched nothing, keeps its answer apart.
    apart = repeated_receipt(state, batch, command, reservation.reservation_id)
    if apart is not None:
        return apart
    if reservation.older:
        wanted = id_hash(command.id)
        older = reservation.older
        if any(older[at : at + HASH_BYTES] == wanted for at in range(0, len(older), HASH_BYTES)):
            return bind_nothing(
                state,
                batch,
                command,
                Outcome.ALREADY_APPLIED,
                reservation.sku,
                reservation.reservation_id,
                breakdown_of(positions_of(state, reservation)),
            )
    if is_full(reservation) and not is_fact:
        return bind_nothing(
            state,
            batch,
            command,
            Outcome.TOO_MANY_COMMANDS,
            reservation.sku,
            reservation.reservation_id,
            breakdown_of(positions_of(state, reservation)),
        )
    return None


def is_full(reservation: ReservationRow) -> bool:
    """Whether a reservation has had all the commands that its row can tell apart (R27)."""
    return reservation.commands >= COMMANDS_MAX


def answer(
    state: PartitionState,
    batch: Batch,
    reservation: ReservationRow,
    command: Command,
    outcome: int,
    units: int = 0,
    breakdown: Breakdown | None = None,
    movements: tuple[Movement, ...] = (),
) -> int:
    """Keep a command's answer in its reservation's row and write the row; gives the outcome."""
    if len(movements) > 1:
        _name_fewer(movements)
    if outcome >= _FIRST_REFUSAL and breakdown is None:
        breakdown = breakdown_of(positions_of(state, reservation))
    new = Answer(
        command.id,
        type_name(type(command)),
        content_hash(command),
        outcome,
        units,
        batch.now_ms,
        breakdown,
        movements,
    )
    append_answer(state, batch, reservation, new)
    batch.write_reservation(reservation, len(reservation.answers) - 1)
    return outcome


def _name_fewer(movements: tuple[Movement, ...]) -> None:
    """Bound the orders that one command names: 16 answers of 256 lines must fit one append (P6)."""
    left = SHORT_ORDERS_NAMED
    for movement in movements:
        movement.short_orders = movement.short_orders[:left]
        left -= len(movement.short_orders)


def append_answer(state: PartitionState, batch: Batch, reservation: ReservationRow, new: Answer) -> None:
    """Add an answer as the last; past 16 the oldest leaves its id's hash behind (R27)."""
    answers = reservation.answers
    if len(answers) >= ANSWERS_MAX:
        oldest = answers[0]
        reservation.older += id_hash(oldest.command_id)
        forget_movements(state, batch, reservation.sku, oldest.movements)
        answers = answers[1:]
    reservation.answers = (*answers, new)
    reservation.commands += 1
    if reservation.ended_ms and reservation.lines:
        heappush(state.to_slim, (batch.now_ms, reservation.reservation_id))


def forget_movements(state: PartitionState, batch: Batch, sku: str, movements: tuple[Movement, ...]) -> None:
    """Let go of kept movements: a count from before one of them can no longer be computed (R8)."""
    for movement in movements:
        position = state.position(sku, movement.location)
        if movement.delta and movement.effective_at_ms > max(position.horizon_ms, position.sync_at_ms):
            position.raise_horizon(movement.effective_at_ms)
            batch.rewrite(position)
