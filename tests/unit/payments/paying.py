"""One paid order of two lines over a ledger that really decides."""

from dataclasses import dataclass, field

from inventory_stream.flows.orders.notes import OrderNotes
from inventory_stream.flows.orders.settle import HeldLine
from inventory_stream.flows.payments.settle import SettlePayment
from inventory_stream.flows.payments.table import ConfirmOn
from models.commands import Reserve
from models.payments import PaidLine, PaymentEvent, PaymentKind, PaymentOutcome
from models.reservation_ids import sku_of
from tests.fakes.desk import FakeDesk
from tests.fakes.notes import FakeNotes
from tests.fakes.payments import FakePaymentOutcomes
from tests.unit.orders.shop import ANSWER_SECONDS, stock, units

UNITS = {"A": 2, "B": 3}
ON_HAND = 4
TTL_SECONDS = 60


@dataclass
class Paying:
    """An order of A and B, held for TTL_SECONDS, and whoever pays for it."""

    confirm_on: ConfirmOn = "authorised"
    desk: FakeDesk = field(default_factory=FakeDesk)
    notes: FakeNotes = field(default_factory=FakeNotes)
    told: FakePaymentOutcomes = field(default_factory=FakePaymentOutcomes)

    def __post_init__(self) -> None:
        """Put units there, and hold those of the order."""
        stock(self.desk, A=ON_HAND, B=ON_HAND)
        for sku, wanted in UNITS.items():
            self.hold(f"r-{sku}", sku, wanted)
        self.settling = SettlePayment(self.desk, OrderNotes(self.notes), self.told, self.confirm_on, sku_of)

    def hold(self, reservation_id: str, sku: str, wanted: int) -> None:
        """Reserve units."""
        self.desk.decide(
            Reserve(f"hold-{reservation_id}", reservation_id, sku, wanted, TTL_SECONDS, location="DC1")
        )

    async def hears(
        self, kind: PaymentKind, *, event_id: str | None = None, payment_id: str = "P1"
    ) -> PaymentOutcome:
        """Bring an event of a payment of both lines; without an id, one event for each kind and payment."""
        paid = tuple(PaidLine(f"r-{sku}", sku) for sku in UNITS)
        event = PaymentEvent("stripe", event_id or f"evt-{kind}-{payment_id}", payment_id, kind, "O1", paid)
        return await self.settling.settle(event, ANSWER_SECONDS)

    async def note(self) -> None:
        """Leave the note that placing the order would have left."""
        notes = OrderNotes(self.notes)
        claimed = await notes.claim("O1", "shop", "k")
        await notes.remember("O1", claimed, tuple(HeldLine(sku, f"r-{sku}", sku) for sku in UNITS))

    @property
    def reserved(self) -> list[int]:
        """Units reserved of A and B."""
        return [units(self.desk, sku)[1] for sku in UNITS]

    @property
    def allocated(self) -> list[int]:
        """Units allocated of A and B."""
        return [units(self.desk, sku)[2] for sku in UNITS]

    @property
    def on_hand(self) -> list[int]:
        """Units on hand of A and B."""
        return [units(self.desk, sku)[0] for sku in UNITS]
