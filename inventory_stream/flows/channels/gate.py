"""What may be sent for an account right now; asked before each request."""

from collections.abc import Callable
from enum import Enum
from typing import Final, Literal

import msgspec

from inventory_stream.flows.channels.bounds import text_within
from inventory_stream.flows.channels.breaker import AccountBreaker, Breaker
from inventory_stream.flows.channels.knocks import Knocks
from models.channels import AccountRow

Mode = Literal["on", "shadow", "off"]

ZEROS_FIRST: Final = "zeros_first"
"""Parked so: zero for all listings until somebody resumes, and nothing else."""
AUTH: Final = "auth"
"""Parked so: the channel does not let us in. It is asked again by and by, where it can be asked."""
REVOKED: Final = "revoked"
"""Parked so: the channel says that it took our access away."""
MASS_DRIFT: Final = "mass_drift"
"""Parked so: the channel shows something else for too many listings."""
MASS_CHANGE: Final = "mass_change"
"""Shown so: the listings concerned are kept back by the board, all others go on."""

STOPPING: Final = frozenset({AUTH, REVOKED, MASS_DRIFT})
"""Reasons that stop everything until an operator resumes or approves, or the channel lets us in again. Others
are shown only."""


class May(Enum):
    """What may be sent."""

    NOTHING = "nothing"
    ZEROS = "zeros"
    """Nothing but zeros."""
    PROBE = "probe"
    """One request that finds out whether the channel is back."""
    ALL = "all"


class Gate:
    """The mode of an account, why it is parked, its breaker, and whether this worker still owns it.

    Args:
        mode: As the registry file says; counts until an operator says otherwise.
        breaker: Of the account.
        is_leased: Whether Kafka's group was heard of recently enough: a worker that was away may have been
            replaced, and must not send beside its successor.
        on_change: Keeps the row; called with each new one.
        on_park: Called with the kind and the reason of each parking, once.
    """

    def __init__(
        self,
        mode: Mode,
        breaker: AccountBreaker,
        is_leased: Callable[[], bool],
        on_change: Callable[[AccountRow], None],
        on_park: Callable[[str, str], None],
    ) -> None:
        self._mode: Final = mode
        self._breaker = breaker
        self._is_leased = is_leased
        self._on_change = on_change
        self._on_park = on_park
        self.knocks: Final = Knocks()
        self.row = AccountRow()
        self.is_suspended = False
        """While the group rebalances: nobody knows yet whose the account will be."""

    @property
    def mode(self) -> Mode:
        """What counts now."""
        return self.row.mode or self._mode

    @property
    def is_shadow(self) -> bool:
        """Whether all but the send is done."""
        return self.mode == "shadow"

    @property
    def is_killing(self) -> bool:
        """Whether every listing has to show zero, whatever the ledger says."""
        return ZEROS_FIRST in self.row.parked

    def may(self, now_ms: int) -> May:
        """Say what may be sent."""
        if not self._is_open or self.row.parked.keys() & STOPPING:
            return May.NOTHING
        state = self._breaker.state(now_ms)
        if state is not Breaker.CLOSED:
            return May.NOTHING if state is Breaker.OPEN else May.PROBE
        return May.ZEROS if self.is_killing else May.ALL

    @property
    def _is_open(self) -> bool:
        """Whether the account is ours, and an operator lets it go."""
        is_ours = not self.is_suspended and self._is_leased()
        return is_ours and (self.mode != "off" or self.is_killing)

    def may_knock(self, now_ms: int) -> bool:
        """Say whether one question may find out now whether the channel lets us in again."""
        is_refused = self.row.parked.keys() & STOPPING == {AUTH}
        is_due = now_ms >= self.knocks.next_ms and self._breaker.state(now_ms) is not Breaker.OPEN
        return is_refused and is_due and self._is_open

    def refuse(self, why: str, now_ms: int) -> None:
        """Note that the channel does not let us in."""
        parked = self.row.parked
        if AUTH not in parked:
            self.knocks.refused(now_ms)
            self.park(AUTH, why)
        elif parked[AUTH] != why:
            self.change(parked={**parked, AUTH: why})

    def may_ask(self, now_ms: int) -> bool:
        """Say whether the channel may be asked, which changes nothing there; also in shadow mode."""
        return self.may(now_ms) is not May.NOTHING

    def park(self, kind: str, why: str) -> None:
        """Note why nothing more is sent, or what is to be shown, until somebody acts."""
        if kind not in self.row.parked:
            why = text_within(why)
            self.change(parked={**self.row.parked, kind: why})
            self._on_park(kind, why)

    def unpark(self, *kinds: str) -> None:
        """Note that it is over."""
        left = {kind: why for kind, why in self.row.parked.items() if kind not in kinds}
        if len(left) != len(self.row.parked):
            self.change(parked=left)

    def change(self, **fields: object) -> None:
        """Set fields of the row, and have it kept."""
        self.row = msgspec.structs.replace(self.row, **fields)
        self._on_change(self.row)
