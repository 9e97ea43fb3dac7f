"""What a fake can be told to do wrong: the failure catalogue, by name."""

from collections import deque
from collections.abc import Callable
from enum import StrEnum
from typing import Final, Literal, NamedTuple

Scope = Literal["all", "writes", "reads"]

WAITING_MAX: Final = 64
"""Faults that wait for their turn at once: a script of a test has a dozen."""


class Fault(StrEnum):
    """One way to fail. Those of `APPLY_FAULTS` change what is applied; the others, what is answered."""

    THROTTLED = "throttled"
    """429 without Retry-After; nothing is applied."""
    THROTTLED_SECONDS = "throttled-seconds"
    """429, Retry-After: 1."""
    THROTTLED_DATE = "throttled-date"
    """429, Retry-After as an RFC 1123 date 2 s ahead."""
    THROTTLED_PAST_DATE = "throttled-past-date"
    """429, Retry-After as an RFC 1123 date a minute ago."""
    BUSY = "busy"
    """503 with Retry-After: 1; nothing is applied."""
    SERVER_ERROR = "server-error"
    """500; nothing is applied."""
    SERVER_ERROR_AFTER = "server-error-after"
    """Applied; 500, as a proxy answers that lost the server behind it."""
    TOKEN_EXPIRED = "token-expired"  # noqa: S105  # a name, no secret
    """401, and every access token given out so far is worth nothing; nothing is applied."""
    RESET_BEFORE = "reset-before"
    """The connection is reset before anything is applied."""
    TIMEOUT_BEFORE = "timeout-before"
    """Nothing is applied and nothing is answered."""
    RESET_AFTER = "reset-after"
    """Applied, then the connection is reset."""
    TIMEOUT_AFTER = "timeout-after"
    """Applied, and nothing is answered."""
    MALFORMED = "malformed-json"
    """Applied; 200 with half a JSON document."""
    HTML = "html"
    """Applied; 200 with a page for people."""
    HUGE = "huge-body"
    """Applied; 200 with 64 MiB."""
    GZIP_BOMB = "gzip-bomb"
    """Applied; 200 with 64 KiB that unpack to 64 MiB."""
    SLOW = "slow-loris"
    """Applied; 200 whose body comes a byte at a time."""
    CLOCK_SKEW = "clock-skew"
    """The server's clock is ten minutes ahead: what is signed with a time is refused where it is checked."""
    ERRORS_IN_200 = "errors-in-200"
    """2xx in which every item is refused; nothing is applied."""
    HALF_APPLIED = "half-applied"
    """The first half is applied, the other is neither applied nor named in the answer."""
    ITEM_ABSENT = "item-absent"
    """All is applied, the answer does not name the last item."""
    ITEM_REFUSED = "item-refused"
    """The last item is refused by name, the others are applied."""
    LATE = "late-apply"
    """The answer is good, the change comes `late_seconds` later."""
    TWICE = "twice"
    """Applied at once and once more `late_seconds` later, over what came between."""


APPLY_FAULTS: Final = frozenset(
    {
        Fault.ERRORS_IN_200,
        Fault.HALF_APPLIED,
        Fault.ITEM_ABSENT,
        Fault.ITEM_REFUSED,
        Fault.LATE,
        Fault.TWICE,
    }
)
"""Taken by writes that apply something, never by a read or a token."""


PART_FAULTS: Final = frozenset({Fault.HALF_APPLIED, Fault.ITEM_ABSENT, Fault.ITEM_REFUSED})
"""Those that concern a part of a request's items."""


class _Waiting(NamedTuple):
    fault: Fault
    scope: Scope
    requests: int | None
    until: float | None


class Faults:
    """Faults of one fake, in the order in which they were switched on.

    Args:
        clock: Gives seconds of a clock that never goes back.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._waiting: deque[_Waiting] = deque(maxlen=WAITING_MAX)

    def next(self, fault: Fault, requests: int = 1, *, scope: Scope = "all") -> None:
        """Do this to the next requests, after those that are asked for already."""
        self._waiting.append(_Waiting(fault, scope, requests, None))

    def during(self, fault: Fault, seconds: float, *, scope: Scope = "all") -> None:
        """Do this to every request for so long."""
        self._waiting.append(_Waiting(fault, scope, None, self._clock() + seconds))

    def clear(self) -> None:
        """Do nothing wrong any more."""
        self._waiting.clear()

    def take_answer(self, *, is_write: bool) -> Fault | None:
        """Give the fault of how this request is answered, and count it as done."""
        return self._take(lambda waiting: waiting.fault not in APPLY_FAULTS, is_write=is_write)

    def take_apply(self) -> Fault | None:
        """Give the fault of what this request applies, and count it as done."""
        return self._take(lambda waiting: waiting.fault in APPLY_FAULTS, is_write=True)

    @property
    def now(self) -> list[str]:
        """Name what is switched on, for people."""
        self._drop_ended()
        return [f"{w.fault} x{w.requests}" if w.requests is not None else w.fault for w in self._waiting]

    def _take(self, is_asked: Callable[[_Waiting], bool], *, is_write: bool) -> Fault | None:
        self._drop_ended()
        other = "reads" if is_write else "writes"
        for place, waiting in enumerate(self._waiting):
            if waiting.scope == other or not is_asked(waiting):
                continue
            if waiting.requests is not None:
                self._waiting[place] = waiting._replace(requests=waiting.requests - 1)
            return waiting.fault
        return None

    def _drop_ended(self) -> None:
        now = self._clock()
        kept = [
            w
            for w in self._waiting
            if (w.requests is None or w.requests > 0) and (w.until is None or w.until > now)
        ]
        if len(kept) != len(self._waiting):
            self._waiting = deque(kept, maxlen=WAITING_MAX)
