"""A channel that errs in every way of the failure catalogue (channels.md section 4), in virtual time."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final, NamedTuple

from inventory_stream.flows.channels.board import Batch
from inventory_stream.ports.channel import Caps, Ended, Push, Result

KINDS: Final = ("refused", "broken", "throttled", "auth", "lost", "slow", "some", "half")
LATE: Final = ("late", "twice")
PROMPT_MS: Final = 400
"""The longest that the shop takes to answer when it does."""


class Effect(NamedTuple):
    """At `at_ms` the shop begins to show `units` of a listing, if it shows `expected_units` (None: any)."""

    at_ms: int
    listing: str
    units: int
    expected_units: int | None = None


class Reply(NamedTuple):
    """At `at_ms` the sender learns the `ends`; meanwhile or later the effects happen."""

    at_ms: int
    ends: Sequence[Ended]
    effects: Sequence[Effect]


@dataclass
class Shop:
    """What buyers see, and how requests end. `faults`: the share of requests that go wrong.

    `poison`: listings over which it refuses the whole request, for as long as they are named here.
    `lateness_ms`: the longest from the end of a request, as its sender sees it, to its last effect.
    """

    rng: Random
    caps: Caps
    lateness_ms: int
    faults: float = 0.0
    shown: dict[str, int] = field(default_factory=dict)
    done: dict[str, Sequence[Ended]] = field(default_factory=dict)
    poison: dict[str, Result] = field(default_factory=dict)

    def send(self, batch: Batch, now_ms: int) -> Reply:
        """Take a request."""
        at_ms = now_ms + self.rng.randint(1, PROMPT_MS)
        if batch.key in self.done:
            return Reply(at_ms, self.done[batch.key], ())
        refusals = {self.poison[push.listing] for push in batch.pushes if push.listing in self.poison}
        if refusals:
            return Reply(at_ms, _all(batch, min(refusals)), ())
        kind = "fine"
        if self.rng.random() < self.faults:
            # What takes effect late or twice without saying so is found by reading back alone.
            kinds = KINDS + LATE if self.caps.can_read_back else KINDS
            kind = self.rng.choice(kinds)
        if kind == "refused":
            return Reply(at_ms, _all(batch, Result.RETRYABLE), ())
        if kind == "throttled":
            retry_at_ms = self.rng.choice((None, at_ms + 700, at_ms - 5_000))
            return Reply(at_ms, _all(batch, Result.THROTTLED, retry_at_ms), ())
        if kind == "auth":
            return Reply(at_ms, _all(batch, Result.AUTH), ())
        return self._apply(batch, kind, now_ms, at_ms)

    def read(self, listings: Sequence[str]) -> dict[str, int] | None:
        """Say what is shown; None: no answer."""
        if self.rng.random() < self.faults / 2:
            return None
        return {listing: self.shown[listing] for listing in listings if listing in self.shown}

    def apply(self, effect: Effect) -> None:
        """Show it."""
        if effect.expected_units in {None, self.shown.get(effect.listing, 0)}:
            self.shown[effect.listing] = effect.units

    def _apply(self, batch: Batch, kind: str, now_ms: int, at_ms: int) -> Reply:
        deadline_ms = now_ms + int(self.caps.request_seconds * 1_000)
        ends: list[Ended] = []
        effects: list[Effect] = []
        for push in batch.pushes:
            end = self._end(push, kind)
            if end is not None:
                ends.append(end)
            if end is None or end.result is Result.APPLIED:
                is_unknown = end is None or kind == "lost"
                effects += self._effects(push, kind, now_ms, at_ms, deadline_ms, is_unknown=is_unknown)
        if kind in {"lost", "slow"}:
            return Reply(deadline_ms, (), effects)
        if kind == "broken":  # a proxy that says 5xx of what was applied
            return Reply(at_ms, _all(batch, Result.RETRYABLE), effects)
        if all(end.result is Result.APPLIED for end in ends) and len(ends) == len(batch.pushes):
            self.done[batch.key] = ends
        return Reply(at_ms, ends, effects)

    def _end(self, push: Push, kind: str) -> Ended | None:
        # A slow one compares when it takes effect, and nobody hears of it.
        is_stale = push.expected_units not in {None, self.shown.get(push.listing, 0)}
        if self.caps.has_cas and is_stale and kind != "slow":
            return Ended(push.listing, Result.STALE)
        if kind == "some" and self.rng.random() < 0.3:
            result = self.rng.choice((Result.RETRYABLE, Result.PERMANENT, Result.THROTTLED))
            return Ended(push.listing, result, "some")
        if kind == "half" and self.rng.random() < 0.5:
            return None
        return Ended(push.listing, Result.APPLIED)

    def _effects(
        self, push: Push, kind: str, now_ms: int, at_ms: int, deadline_ms: int, *, is_unknown: bool
    ) -> list[Effect]:
        last_ms = (deadline_ms if kind in {"lost", "slow"} else at_ms) + self.lateness_ms
        if is_unknown and self.rng.random() < 0.5:
            return []
        if self.caps.has_cas:
            at_ms = self.rng.randint(now_ms, last_ms) if kind == "slow" else now_ms
            return [Effect(at_ms, push.listing, push.units, push.expected_units)]
        # As for `LATE`: what a failed request does later is found by reading back alone.
        if kind in {"fine", "some", "half", "lost"} or (kind == "broken" and not self.caps.can_read_back):
            return [Effect(self.rng.randint(now_ms, at_ms), push.listing, push.units)]
        times = 2 if kind == "twice" else 1
        return [Effect(self.rng.randint(now_ms, last_ms), push.listing, push.units) for _ in range(times)]


def _all(batch: Batch, result: Result, retry_at_ms: int | None = None) -> list[Ended]:
    return [Ended(push.listing, result, result.value, retry_at_ms) for push in batch.pushes]
