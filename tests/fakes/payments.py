"""Outcomes of payments in memory."""

from dataclasses import dataclass, field

from inventory_stream.errors import UnreachableError
from models.payments import PaymentOutcome


@dataclass
class FakePaymentOutcomes:
    """Keeps what was published. `is_gone`: as when Kafka is away."""

    published: list[PaymentOutcome] = field(default_factory=list)
    is_gone: bool = False

    async def publish(self, outcome: PaymentOutcome) -> None:
        """Keep an outcome."""
        if self.is_gone:
            raise UnreachableError("the fake topic is away")
        self.published.append(outcome)
