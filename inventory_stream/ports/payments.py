"""Where payment events come from beside the webhook, and where what came of them is told."""

from typing import Final, NamedTuple, Protocol

from models.payments import PaymentOutcome

PAYMENT_EVENTS: Final = "payment-events"
"""Topic of `PaymentEvent`, before the environment's prefix; key: the order, so that its events keep their
order. (They need not: every order of them ends alike.)"""
PAYMENT_OUTCOMES: Final = "payment-outcomes"
"""Topic of `PaymentOutcome`, before the environment's prefix; same key."""
PAYMENTS_GROUP: Final = "payments"
"""Consumer group of the gateways on `payment-events`, before the prefix."""


class PaymentRecord(NamedTuple):
    """One record of `payment-events`, and where it was."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    timestamp_ms: int


class PaymentOutcomes(Protocol):
    """Tells shops what came of a payment event."""

    async def publish(self, outcome: PaymentOutcome) -> None:
        """Tell it; returns when it is durable. Told at least once, as the event came at least once.

        Raises:
            UnreachableError: it is not known to be.
        """
