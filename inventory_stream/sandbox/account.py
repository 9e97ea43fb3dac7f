"""One account of a fake channel: what it shows, what it was told, its keys, tokens and budgets.

All of it lives in memory and is bounded; nothing here knows the form of any channel.
"""

import asyncio
import hashlib
import secrets
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Final, NamedTuple

from inventory_stream.sandbox.budget import Budget
from inventory_stream.sandbox.faults import PART_FAULTS, Fault, Faults

HISTORY_MAX: Final = 10_000
"""Changes and requests kept, the newest: minutes of a demo, and 40 MB if all bodies are large."""

KEYS_MAX: Final = 10_000
"""Idempotency keys remembered. Vendors keep them for a day; a test sees far fewer."""

KEPT_BODY_BYTES_MAX: Final = 4_096
"""Of a request's body in the history: enough to read what a small batch said."""

LATE_SECONDS: Final = 0.5
"""How late a late change comes: longer than the next push takes, shorter than a test's patience."""


OWN_CAUSES: Final = frozenset({"sale", "cancelled", "refunded", "edit"})
"""Of changes that the channel's own people make."""


class Done(StrEnum):
    """What became of one item."""

    APPLIED = "applied"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    """There is no such listing."""
    STALE = "stale"
    """`expected` is not what is shown."""
    UNNAMED = "unnamed"
    """The answer must not mention it."""


class Set(NamedTuple):
    """Show so many units of a listing (its id in the mapping's form). `expected`: compare first."""

    listing: str
    units: int
    expected: int | None = None


class Change(NamedTuple):
    """One change of what is shown. `cause`: push, late, twice, or one of `OWN_CAUSES`."""

    at_ms: int
    listing: str
    units: int
    cause: str


class Seen(NamedTuple):
    """One request as it came, and the status of its answer (0: none was given)."""

    at_ms: int
    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    status: int
    fault: str


class KeyReusedError(Exception):
    """An idempotency key came again with other content."""


class Keys:
    """Idempotency keys and what was answered under them, the newest `KEYS_MAX`."""

    def __init__(self) -> None:
        self._answers: OrderedDict[str, tuple[bytes, bytes | None]] = OrderedDict()

    def answer_of(self, key: str, content: bytes) -> bytes | None:
        """Give what was answered under the key; None: it is new, and is taken now.

        Raises:
            KeyReusedError: the key came with other content.
        """
        digest = hashlib.sha256(content).digest()
        known = self._answers.get(key)
        if known is not None and known[0] != digest:
            raise KeyReusedError
        if known is None:
            self._answers[key] = (digest, None)
            if len(self._answers) > KEYS_MAX:
                self._answers.popitem(last=False)
        return known[1] if known is not None else None

    def keep(self, key: str, answer: bytes) -> None:
        """Remember the answer of a key that was taken."""
        digest, _ = self._answers[key]
        self._answers[key] = (digest, answer)

    def forget(self, key: str) -> None:
        """Let the key be new again: nothing was done under it."""
        self._answers.pop(key, None)

    def __len__(self) -> int:
        return len(self._answers)


class FakeAccount:
    """Shows units per listing and applies what it is told.

    `shown` is the truth; `read` is what a read back gives, `lag_seconds` behind. A request is under way for
    `work_seconds` after it was applied. `overlaps` counts listings that two requests under way at once wanted
    to set: none, when one request per listing is in flight. `taken` counts all requests.
    """

    def __init__(
        self,
        listings: Mapping[str, int],
        *,
        lag_seconds: float = 0.0,
        late_seconds: float = LATE_SECONDS,
        accepts_new: bool = False,
        clock: Callable[[], float] = time.monotonic,
        now_ms: Callable[[], int] = lambda: int(time.time() * 1_000),
    ) -> None:
        self.shown: dict[str, int] = dict(listings)
        self.lag_seconds = lag_seconds
        self.late_seconds = late_seconds
        self.accepts_new = accepts_new
        self.faults = Faults(clock)
        self.keys = Keys()
        self.budgets: dict[str, Budget] = {}
        self.history: deque[Change] = deque(maxlen=HISTORY_MAX)
        self.requests: deque[Seen] = deque(maxlen=HISTORY_MAX)
        self.work_seconds = 0.0
        self.own_ms: dict[str, int] = {}
        """When the channel last changed a listing by itself."""
        self.taken = 0
        self.overlaps = 0
        self.under_way: set[str] = set()
        self.clock = clock
        self.now_ms = now_ms
        self._valid_tokens: deque[str] = deque(maxlen=16)
        self._standing_tokens: set[str] = set()
        self._lagging: dict[str, deque[tuple[float, int]]] = {}
        self._late: set[asyncio.TimerHandle] = set()

    def limit(self, name: str, per_second: float, burst: float) -> Budget:
        """Keep a budget under a name from now on."""
        budget = Budget(per_second, burst, self.clock)
        self.budgets[name] = budget
        return budget

    def apply(self, sets: Sequence[Set], *, is_whole: bool = False) -> list[Done]:
        """Do what one request asks, with the fault that is switched on; one end for each, in their order.

        `is_whole`: the channel does all of a request or nothing, and so can fail no part of it.
        """
        fault = self.faults.take_apply()
        if fault is Fault.ERRORS_IN_200 or (is_whole and fault in PART_FAULTS):
            return [Done.REFUSED for _ in sets]
        whole = len(sets) if fault is not Fault.HALF_APPLIED else (len(sets) + 1) // 2
        if fault is Fault.ITEM_REFUSED:
            whole = len(sets) - 1
        ends = [self._apply_one(item, fault) for item in sets[:whole]]
        if fault is Fault.ITEM_ABSENT and ends:
            ends[-1] = Done.UNNAMED
        rest = Done.UNNAMED if fault is Fault.HALF_APPLIED else Done.REFUSED
        return ends + [rest] * (len(sets) - whole)

    def _apply_one(self, item: Set, fault: Fault | None) -> Done:
        if item.listing not in self.shown and not self.accepts_new:
            return Done.UNKNOWN
        if item.expected is not None and item.expected != self.shown.get(item.listing, 0):
            return Done.STALE
        if fault is not Fault.LATE:
            self.show(item.listing, item.units, "push")
        if fault in {Fault.LATE, Fault.TWICE}:
            self._show_late(item, "late" if fault is Fault.LATE else "twice")
        return Done.APPLIED

    def _show_late(self, item: Set, cause: str) -> None:
        def show() -> None:
            self._late.discard(handle)
            self.show(item.listing, item.units, cause)

        handle = asyncio.get_running_loop().call_later(self.late_seconds, show)
        self._late.add(handle)

    @property
    def is_settled(self) -> bool:
        """Say whether no late change is under way."""
        return not self._late

    def show(self, listing: str, units: int, cause: str) -> None:
        """Show so many from now on."""
        if self.lag_seconds:
            was = self._lagging.setdefault(listing, deque(maxlen=32))
            was.append((self.clock() + self.lag_seconds, self.shown.get(listing, 0)))
        self.shown[listing] = units
        if cause in OWN_CAUSES:
            self.own_ms[listing] = self.now_ms()
        self.history.append(Change(self.now_ms(), listing, units, cause))

    def add(self, listing: str, units: int, cause: str) -> None:
        """Change what is shown by so many; the channel's own sales lower it, never below 0."""
        self.show(listing, max(0, self.shown.get(listing, 0) + units), cause)

    def read(self, listing: str) -> int | None:
        """Give what a read back shows; None: there is no such listing."""
        lagging = self._lagging.get(listing)
        while lagging and lagging[0][0] <= self.clock():
            lagging.popleft()
        if lagging:
            return lagging[0][1]
        return self.shown.get(listing)

    def new_token(self) -> str:
        """Give out an access token."""
        token = secrets.token_urlsafe(24)
        self._valid_tokens.append(token)
        return token

    def allow_token(self, token: str) -> None:
        """Let a token in that does not expire by itself."""
        self._standing_tokens.add(token)
        self._valid_tokens.append(token)

    def mend(self) -> None:
        """Do nothing wrong any more; whoever gives out standing tokens lets them in again."""
        self.faults.clear()
        self._valid_tokens.extend(self._standing_tokens)

    def is_valid(self, token: str) -> bool:
        """Say whether an access token lets in."""
        return token in self._valid_tokens

    def expire_tokens(self) -> None:
        """Let none of the tokens given out so far in any more."""
        self._valid_tokens.clear()

    def close(self) -> None:
        """Forget late changes."""
        for handle in self._late:
            handle.cancel()
        self._late.clear()
