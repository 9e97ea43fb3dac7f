"""Everything that is known of an account's listings."""

from typing import TYPE_CHECKING, Final

from inventory_stream.flows.channels.board.again import Repeats
from inventory_stream.flows.channels.board.checks import Check, Checks
from inventory_stream.flows.channels.board.columns import UNKNOWN, Columns
from inventory_stream.flows.channels.board.days import Days
from inventory_stream.flows.channels.board.lanes import Ages, Holds, Lanes
from inventory_stream.flows.channels.board.mass_change import MassGuard
from inventory_stream.flows.channels.board.mass_drift import OWN_MS, DriftGuard
from inventory_stream.ports.channel import Caps, Push
from inventory_stream.ports.projection import Version
from models.channels import DeadPush, ListingRow

if TYPE_CHECKING:
    from inventory_stream.flows.channels.board.batch import Batch


class Facts:
    """What the board's rules work on. Listings are named by their place in the columns.

    Most listings have numbers in the columns and nothing else; what only few have stands in dicts.
    `observed`: units that a read back showed, where the channel took nothing since. `repairs`: when that was.
    `looked_ms`: when a look last showed other units than were acknowledged; orders up to then may be missing.
    `blind`: nobody could read back what is shown, so nothing is compared.
    `failed`: the most that requests told which failed since one was taken, and when the last one did: a proxy
    answers with 5xx for what the server behind it has applied.
    `released_ms`: until when the wish that waits was kept back.
    `undead`: their rows still say that they are dead, and no push has ended since they are not;
    `in_step_again`: those of them that none will end for, until the rows are kept.
    `tries`: how often the wanted revision failed, and since when. `due_ms`: not before then.
    """

    def __init__(self, caps: Caps, raise_hold_ms: int, mass_change_share: float) -> None:
        self.caps = caps
        self.settle_ms = int(caps.settle_seconds * 1_000)
        self.columns: Final = Columns()
        self.lanes: Final = Lanes(self.columns)
        self.ages: Final = Ages(self.columns)
        self.holds: Final = Holds(raise_hold_ms)
        self.checks: Final = Checks(self.settle_ms)
        self.repeats: Final = Repeats()
        self.guard: Final = MassGuard(mass_change_share)
        self.drift: Final = DriftGuard(mass_change_share)
        self.days: Final = Days(caps.daily_pushes_max)
        self.flights: Final[dict[int, tuple[Batch, Push]]] = {}
        self.dead: Final[dict[int, DeadPush]] = {}
        self.undead: Final[set[int]] = set()
        self.in_step_again: Final[set[int]] = set()
        self.observed: Final[dict[int, int]] = {}
        self.repairs: Final[dict[int, int]] = {}
        self.looked_ms: Final[dict[int, int]] = {}
        self.failed: Final[dict[int, tuple[int, int]]] = {}
        self.released_ms: Final[dict[int, int]] = {}
        self.tries: Final[dict[int, tuple[int, int]]] = {}
        self.due_ms: Final[dict[int, int]] = {}
        self.stopped: Final[set[int]] = set()
        self.blind: Final[set[int]] = set()
        self.leaving: Final[set[int]] = set()
        self.is_killed: bool = False
        self.looks_until_ms: int = 0
        self.exposure_units: int = 0

    def target(self, place: int) -> int:
        """Units that the channel shall show; UNKNOWN: nobody said."""
        return 0 if self.is_killed else self.columns.wanted_units[place]

    def shown_most(self, place: int) -> int:
        """Give the most that a buyer may still be shown, requests in flight left out; UNKNOWN: no idea."""
        most = self._told_most(place)
        if self.observed:
            most = max(most, self.observed.get(place, UNKNOWN))
        check = self.checks.get(place)
        return most if check is None else max(most, check.units)

    def taken_most(self, place: int) -> int:
        """Give the most that the channel may have taken, or showed when somebody looked; UNKNOWN: nothing."""
        most = self._told_most(place)
        if self.observed and place not in self.blind:
            most = max(most, self.observed.get(place, UNKNOWN))
        return most

    def _told_most(self, place: int) -> int:
        most = self.columns.acknowledged_units[place]
        return max(most, self.failed[place][0]) if self.failed and place in self.failed else most

    def is_in_step(self, place: int) -> bool:
        """Say whether the channel took what is wanted, and nothing since speaks against it."""
        units = self.target(place)
        if units == UNKNOWN:
            return True
        if self.columns.acknowledged_units[place] != units or place in self.observed or place in self.failed:
            return False
        check = self.checks.get(place)
        return check is None or (check.units == UNKNOWN and not check.is_blocking)

    def is_drift(self, place: int, now_ms: int) -> bool:
        """Say whether another number than was told, if a look shows it, is not our own doing."""
        columns = self.columns
        if self.is_killed or columns.acknowledged_units[place] != self.target(place) or place in self.failed:
            return False
        check = self.checks.get(place)
        own_ms = 0 if self.drift.is_tripped else OWN_MS
        return now_ms >= columns.acknowledged_ms[place] + own_ms and (check is None or check.units == UNKNOWN)

    def dead_version(self, place: int) -> Version:
        """Give the version of a dead push that is there."""
        dead = self.dead[place]
        return Version(dead.generation_ms, dead.offset)

    def at_ms(self, place: int) -> int:
        """Up to when a channel's orders must have come in, for a raise: its row's time, or a look's.

        Where the channel compares with what it took, what it sold since makes it refuse; not with what was
        only seen there: what it had sold by then is in that number, and in the ledger with its order.
        """
        looked_ms = self.looked_ms.get(place, 0)
        is_guarded = self.caps.has_cas and self.columns.acknowledged_units[place] != UNKNOWN
        if is_guarded and place not in self.blind:
            return looked_ms
        return max(self.columns.wanted_at_ms[place], looked_ms)

    def repair_ms(self, place: int) -> int | None:
        """Give what tells a push from an earlier one of the same version that is no longer true.

        The time of the look that showed something else; or when a request last failed, which may have been
        applied over it; or, where the channel took other units of this version since (zeros of an operator, a
        mapping that was changed back), or of another SKU, when it took them.
        """
        columns = self.columns
        if place in self.repairs or place in self.failed:
            return max(self.repairs.get(place, 0), self.failed.get(place, (0, 0))[1])
        acknowledged = columns.acknowledged(place)
        is_retold = acknowledged >= columns.wanted(place) or not acknowledged.generation_ms
        return (columns.acknowledged_ms[place] or None) if is_retold else None

    def push(self, place: int) -> Push:
        """Say what a listing shall show."""
        columns = self.columns
        version = max(columns.wanted(place), columns.acknowledged(place))
        expected = None
        if self.caps.has_cas and place not in self.blind:
            expected = self.observed.get(place, columns.acknowledged_units[place])
        return Push(
            columns.names[place],
            version,
            self.target(place),
            # A channel that orders by time would put what it showed since on top of the row's own time.
            max(columns.wanted_at_ms[place], self.repair_ms(place) or 0),
            None if expected == UNKNOWN else expected,
            columns.skus[place],
            columns.acknowledged_ms[place],
            columns.partition[place],
        )

    def row(self, place: int, now_ms: int) -> ListingRow:
        """Give what is to be kept of a listing."""
        columns = self.columns
        day, count = self.days.of(place, now_ms)
        return ListingRow(
            columns.acknowledged_generation[place],
            columns.acknowledged_offset[place],
            max(0, columns.acknowledged_units[place]),
            columns.acknowledged_ms[place],
            self.dead.get(place),
            day if count else 0,
            count,
            columns.skus[place],
            columns.partition[place],
        )

    def is_still_dead(self, place: int) -> bool:
        """Say whether what was refused is what is wanted now."""
        dead = self.dead.get(place)
        return (
            dead is not None
            and dead.units == self.target(place)
            and self.dead_version(place) == self.columns.wanted(place)
        )

    def is_above_seen(self, place: int, units: int, check: Check | None) -> bool:
        """Say whether a look showed fewer, so that what is less than was told is a raise all the same."""
        is_sure = place not in self.blind and (check is None or check.units == UNKNOWN)
        return is_sure and bool(self.observed) and units > self.observed.get(place, units)

    def weigh(self, place: int) -> None:
        """Count what buyers may be shown beyond what may be sold."""
        columns = self.columns
        target = self.target(place)
        exposed = 0
        if target != UNKNOWN:
            most = self.shown_most(place)
            flight = self.flights.get(place)
            if flight is not None:
                most = max(most, flight[1].units)
            exposed = max(0, most - target)
        self.exposure_units += exposed - columns.exposed_units[place]
        columns.exposed_units[place] = exposed
