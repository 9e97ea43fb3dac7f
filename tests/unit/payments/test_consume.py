"""Payment events out of a topic: settled, buried or read again, never passed over."""

import pytest

from inventory_stream.flows.payments.consume import ConsumePayments
from inventory_stream.ports.desk import NotAnsweredError
from inventory_stream.ports.payments import PaymentRecord
from models.payments import PaidLine, PaymentEvent, PaymentKind, SettledAs, encode_payment
from tests.fakes.dead_letters import FakeDeadLetters
from tests.unit.orders.shop import ANSWER_SECONDS
from tests.unit.payments.paying import UNITS, Paying

LINES = tuple(PaidLine(f"r-{sku}", sku) for sku in UNITS)
AT_ONCE = (0.0, 0.0)


def record(value: bytes | None, offset: int = 0, key: bytes = b"O1") -> PaymentRecord:
    """Put a value at an offset of the topic."""
    return PaymentRecord("payment-events", 0, offset, key, value, 1_700_000_000_000)


def event(kind: PaymentKind, **fields: object) -> bytes:
    """Encode an event of a payment of order O1."""
    named = {"reservations": LINES, **fields}
    return encode_payment(PaymentEvent("stripe", f"evt-{kind}", "P1", kind, "O1", **named))  # type: ignore[arg-type]


def consuming(paying: Paying, letters: FakeDeadLetters) -> ConsumePayments:
    """Give the flow, without pauses."""
    return ConsumePayments(paying.settling, letters, ANSWER_SECONDS, AT_ONCE)


async def test_events_of_one_order_are_settled_in_their_order() -> None:
    """Authorised, captured, voided of one key: the units are free, and each outcome was told in turn."""
    paying, letters = Paying(), FakeDeadLetters()
    kinds = [PaymentKind.AUTHORISED, PaymentKind.CAPTURED, PaymentKind.VOIDED]
    await consuming(paying, letters).take([record(event(kind), at) for at, kind in enumerate(kinds)])
    assert paying.allocated == [0, 0]
    assert [one.kind for one in paying.told.published] == kinds
    assert paying.told.published[-1].status is SettledAs.REFUND_REQUIRED
    assert not letters.kept


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"{", "truncated"),
        (None, "truncated"),
        (b'{"provider":"stripe"}', "id"),
        (event(PaymentKind.CAPTURED, reservations=()), "not noted"),
        (event(PaymentKind.CAPTURED, reservations=(PaidLine("r-A"),)), "name its sku"),
        (event(PaymentKind.CAPTURED, reservations=(LINES[0], LINES[0])), "twice"),
        (event(PaymentKind.CAPTURED, reservations=(PaidLine("r\u0001", "A"),)), "control"),
    ],
)
async def test_poison_is_a_dead_letter_with_its_reason_and_the_rest_goes_on(
    value: bytes | None, reason: str
) -> None:
    """What cannot be settled is kept with the reason, whole; the event behind it is settled."""
    paying, letters = Paying(), FakeDeadLetters()
    await consuming(paying, letters).take([record(value, 0), record(event(PaymentKind.CAPTURED), 1)])
    (letter,) = letters.kept.values()
    assert reason in letter.reason
    assert (letter.topic, letter.offset, letter.value) == ("payment-events", 0, value)
    assert paying.allocated == list(UNITS.values())


async def test_silent_ledger_gives_the_batch_up_and_the_next_reading_settles_it() -> None:
    """While the ledger is silent nothing is buried and nothing is taken; later all of it is, once."""
    paying, letters = Paying(), FakeDeadLetters()
    paying.desk.lost = True
    with pytest.raises(NotAnsweredError):
        await consuming(paying, letters).take([record(event(PaymentKind.CAPTURED))])
    assert not letters.kept
    paying.desk.lost = False
    for _ in range(2):
        await consuming(paying, letters).take([record(event(PaymentKind.CAPTURED))])
    assert paying.allocated == list(UNITS.values())


async def test_order_that_is_noted_needs_no_reservations_in_the_event() -> None:
    """The lines of an event are those that were noted when its order was placed."""
    paying, letters = Paying(), FakeDeadLetters()
    await paying.note()
    await consuming(paying, letters).take([record(event(PaymentKind.CAPTURED, reservations=()))])
    assert paying.allocated == list(UNITS.values())
    assert not letters.kept


async def test_outcome_that_could_not_be_told_is_told_by_the_next_reading() -> None:
    """A capture whose outcome did not reach its topic is not done: shops would not hear of a refund."""
    paying, letters = Paying(), FakeDeadLetters()
    paying.told.is_gone = True
    with pytest.raises(Exception, match="fake topic"):
        await consuming(paying, letters).take([record(event(PaymentKind.CAPTURED))])
    paying.told.is_gone = False
    await consuming(paying, letters).take([record(event(PaymentKind.CAPTURED))])
    (told,) = paying.told.published
    assert told.status is SettledAs.CONFIRMED
