"""Command ids of payment events: `payment:<provider>:<event id>:<kind>-<step>.<payment>`.

An order command's id is unique within its reservation (R27), which is the line. So a reservation's own row
says which events of which payment it has heard: its memory is all that the payments need, and the
ledger keeps it in the one place where the units are.
"""

from base64 import b32encode
from hashlib import blake2b
from typing import Final

from inventory_stream.flows.orders.settle import CommandIds, HeldLine
from models.payments import PaymentEvent, PaymentKind
from models.rows import ReservationRow

EVENT_ID_CHARACTERS_MAX: Final = 49
"""Longer event ids are hashed: with a provider of 32 characters and the longest step
(`authorised-undo-release`) the whole then has the 128 characters that an id may have."""

_PAYMENT_DIGEST_BYTES: Final = 8
"""Of the payment's name: among the few payments of one order a chance clash is below 1e-17."""
_EVENT_DIGEST_BYTES: Final = 16


def command_ids(event: PaymentEvent, *, undo: bool = False) -> CommandIds:
    """Give the ids of an event's steps; `undo`: those that take back what the event did."""
    start = f"{_start(event)}{_event_name(event.id)}:{event.kind}-{'undo-' if undo else ''}"
    end = f".{_payment_name(event)}"

    def command_id(_line: HeldLine, step: str) -> str:
        return f"{start}{step}{end}"

    return command_id


def has_heard(row: ReservationRow, event: PaymentEvent, kind: PaymentKind) -> bool:
    """Say whether a reservation has heard of an event of this kind of the same payment.

    Among its last 16 commands: an order that has had more since is not asked by late events any more.
    """
    start, payment = _start(event), f".{_payment_name(event)}"
    for answer in row.answers:
        command_id = answer.command_id
        if command_id.startswith(start) and command_id.endswith(payment):
            step = command_id.rpartition(":")[2]
            if step.startswith(f"{kind}-") and not step.startswith(f"{kind}-undo-"):
                return True
    return False


def _start(event: PaymentEvent) -> str:
    return f"payment:{event.provider}:"


def _event_name(event_id: str) -> str:
    if len(event_id) <= EVENT_ID_CHARACTERS_MAX and not event_id.startswith("~"):
        return event_id
    return "~" + _digest(event_id, _EVENT_DIGEST_BYTES)


def _payment_name(event: PaymentEvent) -> str:
    return _digest(event.payment_id, _PAYMENT_DIGEST_BYTES)


def _digest(text: str, digest_bytes: int) -> str:
    raw = blake2b(text.encode(), digest_size=digest_bytes).digest()
    return b32encode(raw).decode().rstrip("=").lower()
