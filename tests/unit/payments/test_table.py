"""The table of payment events is whole, and its ids fit."""

from itertools import product
from typing import get_args

from inventory_stream.flows.orders.settle import HeldLine
from inventory_stream.flows.payments.names import command_ids
from inventory_stream.flows.payments.table import ACTS, Act, ConfirmOn
from models.ids import ID_CHARACTERS_MAX
from models.payments import PaymentEvent, PaymentKind

LINE = HeldLine("0", "r", "A")


def event(event_id: str, *, provider: str = "stripe", payment_id: str = "P1") -> PaymentEvent:
    """Give an authorisation."""
    return PaymentEvent(provider, event_id, payment_id, PaymentKind.AUTHORISED, "O1")


def test_every_event_means_one_thing_under_every_setting() -> None:
    """No event is left to chance, and a refund moves no stock under any setting."""
    assert set(ACTS) == set(product(PaymentKind, get_args(ConfirmOn)))
    assert {ACTS[PaymentKind.REFUNDED, on] for on in get_args(ConfirmOn)} == {Act.NOTHING}


def test_command_ids_fit_and_differ_by_event_step_and_payment() -> None:
    """The longest names make ids that the ledger takes; other events and payments make other ids."""
    longest = event("e" * 128, provider="p" * 32, payment_id="x" * 128)
    steps = ("hold", "confirm", "release", "cancel")
    ids = [command_ids(longest, undo=undo)(LINE, step) for undo in (False, True) for step in steps]
    assert max(map(len, ids)) <= ID_CHARACTERS_MAX
    others = [
        event("e1"),
        event("e2"),
        event("e1", provider="adyen"),
        event("e1", payment_id="P2"),
        event("e" * 127),
        event("~" + "a" * 26),
    ]
    ids += [command_ids(one)(LINE, "confirm") for one in others]
    assert len(set(ids)) == len(ids)


def test_ids_stay_what_they_are() -> None:
    """An id is part of what the ledger keeps for 48 h: a release that made others would pay twice."""
    assert command_ids(event("evt_1"))(LINE, "confirm") == (
        "payment:stripe:evt_1:authorised-confirm.ttcyc6qfg7ycu"
    )
