"""What customers asked over HTTP and heard, and whether the ledger says the same. Pure."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from inventory_stream.demo.sale_tally import SaleTally
from models.outcomes import Outcome

CREATED: Final = 201
"""Units are held."""


class Request(NamedTuple):
    """One thing that a customer wants: `kind` is the ledger's word for it, `key` the Idempotency-Key."""

    kind: str
    key: str
    path: str
    body: Mapping[str, Any]


class Heard(NamedTuple):
    """The last word on a request. Times in monotonic seconds; `due_seconds`: when it should have left.

    `outcome` is the ledger's, or what kind of problem it was. `units` moved. `is_early`: a gateway said so
    without the ledger. `tries` in all, of which `cut` ended with the line, an answer still to come.
    """

    request: Request
    status: int
    outcome: str
    reservation_id: str
    units: int
    is_early: bool
    tries: int
    cut: int
    due_seconds: float
    answered_seconds: float

    @property
    def took_seconds(self) -> float:
        """From the moment when it should have left."""
        return self.answered_seconds - self.due_seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Answers beside the ledger's rows."""

    grants: int
    """Reservations that somebody was told of by a 201."""

    grants_in_ledger: int
    asked_again: int
    """Requests that the ledger decided, sent more than once under one key by whoever's will."""

    asked_again_same: int
    """Those of them in which every answer of the ledger was its one answer."""

    cut: int
    """Requests under way at a gateway when it died."""

    differences: tuple[str, ...]


class Hearings:
    """All answers of a sale."""

    def __init__(self) -> None:
        self.heard: list[Heard] = []
        self.unanswered: list[Request] = []
        """Those that nobody answered however often they were asked."""

    def compare(self, tally: SaleTally) -> Comparison:
        """Hold every answer against the first one that the ledger gave to that command."""
        by_key: defaultdict[str, list[Heard]] = defaultdict(list)
        wrong: dict[str, str] = {}
        decided: set[str] = set()
        granted: dict[str, bool] = {}
        for heard in self.heard:
            key = heard.request.key
            by_key[key].append(heard)
            if not heard.is_early:
                decided.add(key)
            difference = _difference(heard, tally)
            if difference is not None:
                wrong.setdefault(key, difference)
            if heard.status == CREATED:
                granted[heard.reservation_id] = difference is None and granted.get(heard.reservation_id, True)
        again = [
            key
            for key, answers in by_key.items()
            if key in decided and (len(answers) > 1 or answers[0].tries > 1)
        ]
        return Comparison(
            grants=len(granted),
            grants_in_ledger=sum(granted.values()),
            asked_again=len(again),
            asked_again_same=sum(key not in wrong for key in again),
            cut=sum(any(heard.cut for heard in answers) for answers in by_key.values()),
            differences=tuple(wrong.values()),
        )


def _difference(heard: Heard, tally: SaleTally) -> str | None:
    """Say what is wrong with an answer; None: nothing."""
    if heard.is_early:
        return None  # binds no key, so the ledger need not know of it
    what = f"{heard.request.kind} {heard.reservation_id or heard.request.key}"
    if heard.outcome not in Outcome.__members__:
        return f"{what}: answered {heard.status} {heard.outcome}, which is no decision"
    decided = tally.decided.get((heard.reservation_id, heard.request.kind))
    if decided is None:
        return f"{what}: answered {heard.status} {heard.outcome}, and the ledger has no such decision"
    outcome, units = decided
    if outcome.name != heard.outcome:
        return f"{what}: answered {heard.outcome}, the ledger says {outcome.name}"
    if units != heard.units and not outcome.is_refusal:
        return f"{what}: {heard.outcome} of {heard.units} units, the ledger says {units}"
    return None
