"""Payments: what a provider says happened to the money, and what came of it for the stock.

One form for every provider: whoever knows its own words translates them (docs/http/payments.md). Nothing here
names a customer, a card or an amount: the ledger needs none of them.
"""

from enum import StrEnum
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from models.ids import Id, has_control_character

PAID_LINES_MAX: Final = 100
"""Most lines of one order, and so of one payment."""
PROVIDER_PATTERN: Final = "^[a-z0-9][a-z0-9_-]{0,31}$"
"""A provider's name stands in command ids and names its secret."""


class PaymentKind(StrEnum):
    """What happened to a payment."""

    AUTHORISED = "authorised"
    """The money is set aside for us."""
    CAPTURED = "captured"
    """The money is ours."""
    VOIDED = "voided"
    """What was authorised is let go: this payment will never be captured."""
    FAILED = "failed"
    """The shopper could not pay, and will not try again."""
    REFUNDED = "refunded"
    """Money went back. It says nothing of the goods: those move by a cancel or a return."""


class PaidLine(Struct, frozen=True, forbid_unknown_fields=True):
    """A reservation that a payment pays for. `sku` may be left out where the reservation's id tells it."""

    reservation_id: Id
    sku: Id | None = None


class PaymentEvent(Struct, frozen=True, forbid_unknown_fields=True):
    """One event of one payment. The same `id` of the same provider is the same event, however often it comes.

    `payment_id` is the provider's name of the payment: a void ends that one, not another of the same order.
    The lines are those of `reservations`, else those of the order `order_id` as it was placed here.
    """

    provider: Annotated[str, Meta(pattern=PROVIDER_PATTERN)]
    id: Id
    payment_id: Id
    kind: PaymentKind
    order_id: Id | None = None
    reservations: Annotated[tuple[PaidLine, ...], Meta(max_length=PAID_LINES_MAX)] = ()


class Settled(StrEnum):
    """What came of one line."""

    CONFIRMED = "confirmed"
    PARTLY_CONFIRMED = "partly_confirmed"
    """Some units are the buyer's, `refund_units` are gone."""
    REFUND_REQUIRED = "refund_required"
    """Nothing is held for this money: `refund_units` must be paid back, or the authorisation let go."""
    RELEASED = "released"
    CANCELLED = "cancelled"
    SHIPPED = "shipped"
    """The goods have left already: nothing to call off."""
    WAITING = "waiting"
    """The reservation is not there yet; decided when it comes, within 48 h (R21)."""
    NOTHING = "nothing"
    """Nothing to do, or done before."""
    REFUSED = "refused"
    """The command cannot be: another SKU's reservation, a reused id. Somebody must look."""


class SettledLine(Struct, frozen=True, omit_defaults=True):
    """What came of one line. `outcome` is the ledger's word, empty where nothing was asked of it."""

    reservation_id: str
    sku: str
    result: Settled
    outcome: str = ""
    units: int = 0
    refund_units: int = 0


class SettledAs(StrEnum):
    """What came of all lines together."""

    CONFIRMED = "confirmed"
    PARTIAL = "partial"
    """Some units are the buyer's, the lines with `refund_units` are not: pay those back."""
    REFUND_REQUIRED = "refund_required"
    CALLED_OFF = "called_off"
    """What was held or allocated is free again."""
    WAITING = "waiting"
    NOTHING = "nothing"
    REFUSED = "refused"
    UNKNOWN_ORDER = "unknown_order"
    """Nobody knows which reservations the payment is for."""


class PaymentOutcome(Struct, frozen=True):
    """What came of a payment event."""

    provider: str
    event_id: str
    payment_id: str
    kind: PaymentKind
    status: SettledAs
    order_id: str | None
    lines: tuple[SettledLine, ...] = ()


def settled_as(lines: tuple[SettledLine, ...]) -> SettledAs:
    """Sum up the lines; money that must go back is named before all else."""
    results = {line.result for line in lines}
    is_bought = bool(results & {Settled.CONFIRMED, Settled.PARTLY_CONFIRMED})
    if any(line.refund_units for line in lines) or Settled.REFUND_REQUIRED in results:
        return SettledAs.PARTIAL if is_bought else SettledAs.REFUND_REQUIRED
    if Settled.REFUSED in results:
        return SettledAs.REFUSED
    if Settled.WAITING in results:
        return SettledAs.WAITING
    if is_bought:
        return SettledAs.CONFIRMED
    if results & {Settled.CANCELLED, Settled.RELEASED}:
        return SettledAs.CALLED_OFF
    return SettledAs.NOTHING


_DECODER: Final = msgspec.json.Decoder(PaymentEvent)
encode_payment: Final = msgspec.json.Encoder().encode
"""Payment event or outcome -> JSON bytes."""


def decode_payment(value: bytes | None) -> PaymentEvent:
    """Read an event as the topic and the webhook carry it.

    Raises:
        ValueError: it cannot be; the message says what is wrong, not what else it holds.
    """
    event = _DECODER.decode(value or b"")
    check_payment(event)
    return event


def check_payment(event: PaymentEvent) -> None:
    """Refuse what the form alone does not.

    Raises:
        ValueError: no lines and no order, the same reservation twice, or a control character in an id.
    """
    if event.order_id is None and not event.reservations:
        raise ValueError("a payment event names an order_id or its reservations")
    names = [line.reservation_id for line in event.reservations]
    if len(set(names)) != len(names):
        raise ValueError("a reservation stands twice in one payment event")
    skus = [line.sku or "" for line in event.reservations]
    if any(map(has_control_character, (event.id, event.payment_id, event.order_id or "", *names, *skus))):
        raise ValueError("an id holds a control character")
