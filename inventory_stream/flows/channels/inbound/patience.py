"""How long a channel is asked about an order that it named, before the order becomes a dead letter.

Trouble of the channel (it does not answer, throttles, refuses access) is waited for. Trouble of one
order (its answer cannot be read, or it fails while the channel answers all else) must not hold up the
account's later orders: `channels replay` brings it back.
"""

from collections.abc import Callable
from typing import Final

from inventory_stream.flows.channels.inbound.taking import Place
from inventory_stream.ports.channel import NOT_READ, ChannelError, Result

OWN_TRIES_MIN: Final = 10
"""Failed tries that an order needs for being the one to blame; ten in a row are no reset connection."""

NOT_READ_SECONDS: Final = 60.0
"""How long an order is tried whose answer comes and cannot be read. Some are mended by then (the page of a
proxy in place of an answer); each second longer, what later orders of the account took is sold elsewhere."""

ALONE_SECONDS: Final = 15 * 60.0
"""How long an order is tried that fails, or is refused, while pushes or read backs are answered. It may be
that all orders cannot be asked for, which is over in most cases by then."""

SILENT_SECONDS: Final = 24 * 3_600.0
"""How long orders of an account wait for a channel that tells of none. `channel-inbound` keeps a week:
nothing that waits behind them may get so old."""

PAUSE_SECONDS_MAX: Final = 3_600.0
"""Longest between two tries of one wait: request, Retry-After (15 min) and pause are far below it. After
more, a channel that was silent then may have been well since."""

_MAY_BE_ITS_OWN: Final = frozenset({Result.RETRYABLE, Result.AMBIGUOUS, Result.AUTH})


class _Own:
    """What speaks for an order's own trouble: tries, and since when."""

    __slots__ = ("answers", "since", "tries")

    def __init__(self, answers: int) -> None:
        self.answers = answers
        self.tries = 0
        self.since = 0.0


class Patience:
    """Of one account, whose deliveries are taken one after the other.

    Args:
        now_seconds: A clock that only grows.
    """

    def __init__(self, now_seconds: Callable[[], float]) -> None:
        self._now = now_seconds
        self._tried_at: float | None = None
        self._silent_since: float | None = None
        self._place: Place | None = None
        self._orders: Final[dict[str, _Own]] = {}

    def told(self) -> None:
        """Hear that the channel told of an order, or that it never will."""
        self._silent_since = None

    def is_over(self, place: Place, order_id: str, error: ChannelError, answers: int) -> bool:
        """Hear that the channel did not tell of an order now; say whether to give it up.

        Args:
            place: Of the delivery that names it.
            order_id: The order.
            error: What the channel did.
            answers: How many other requests the channel has answered so far.
        """
        now = self._now()
        if self._silent_since is None or now - (self._tried_at or now) > PAUSE_SECONDS_MAX:
            self._silent_since = now
        self._tried_at = now
        if self._is_its_own(self._own_of(place, order_id, answers), error, answers, now):
            self.told()
            return True
        return now - self._silent_since >= SILENT_SECONDS

    def _own_of(self, place: Place, order_id: str, answers: int) -> _Own:
        if place != self._place:
            self._place = place
            self._orders.clear()
        return self._orders.setdefault(order_id, _Own(answers))

    @staticmethod
    def _is_its_own(own: _Own, error: ChannelError, answers: int, now: float) -> bool:
        is_unread = error.code in NOT_READ
        if is_unread or (error.result in _MAY_BE_ITS_OWN and answers != own.answers):
            own.since = own.since if own.tries else now
            own.tries += 1
        own.answers = answers
        seconds_max = NOT_READ_SECONDS if is_unread else ALONE_SECONDS
        return own.tries >= OWN_TRIES_MIN and now - own.since >= seconds_max
