"""What each payment event means for the stock: the whole table, and no more to it."""

from collections.abc import Mapping
from enum import Enum
from typing import Final, Literal

from models.payments import PaymentKind

ConfirmOn = Literal["authorised", "captured"]
"""Setting `gateway.confirm_on`: which event makes the units the buyer's."""


class Act(Enum):
    """What is asked of every line."""

    CONFIRM = "confirm"
    """Reserved becomes allocated; late, if it can be had again (R17)."""
    CALL_OFF = "call_off"
    """Allocated is cancelled, reserved is released."""
    RELEASE = "release"
    """Reserved is released; what was paid stays."""
    NOTHING = "nothing"


ACTS: Final[Mapping[tuple[PaymentKind, ConfirmOn], Act]] = {
    (PaymentKind.AUTHORISED, "authorised"): Act.CONFIRM,
    (PaymentKind.AUTHORISED, "captured"): Act.NOTHING,
    # With "authorised" too: money that was captured was authorised before, whatever became of that event.
    (PaymentKind.CAPTURED, "authorised"): Act.CONFIRM,
    (PaymentKind.CAPTURED, "captured"): Act.CONFIRM,
    (PaymentKind.VOIDED, "authorised"): Act.CALL_OFF,
    (PaymentKind.VOIDED, "captured"): Act.CALL_OFF,
    (PaymentKind.FAILED, "authorised"): Act.RELEASE,
    (PaymentKind.FAILED, "captured"): Act.RELEASE,
    (PaymentKind.REFUNDED, "authorised"): Act.NOTHING,
    (PaymentKind.REFUNDED, "captured"): Act.NOTHING,
}
"""What to do, by event and setting. docs/http/payments.md shows the same."""
