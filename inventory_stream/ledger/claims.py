"""What is set aside at a position, or promised before it is there: pools, fences, backorders (R2, R24)."""

from dataclasses import dataclass, field
from typing import Final

from models.paths import CHANNEL, SALE
from models.rows import BackorderRow, FenceRow, Line, PoolRow, ReservationRow, fence_key, pool_key

SET_ASIDE: Final = 0
"""Step of a timed pool: its units are set aside; before any deadline of the same ms."""
CLOSE: Final = 1
"""Step of a timed pool: its sale is over; after the deadlines of the same ms, which free units for it."""


@dataclass(slots=True)
class Claims:
    """The claims on one position; most positions have none, and no such object.

    `pools` by sale id, `fences` by channel; `fenced` of the position is the sum of their unsold and unused
    units. `held` counts, by path, the reserved units that were taken from a pool that is open or a fence
    that exists: if they expire, only that path gets them back (R22). It follows from the lines. `waiting` is
    a heap of (created_ms, reservation id) of those with units that wait for goods; entries may be stale.
    """

    pools: dict[str, PoolRow] = field(default_factory=dict)
    fences: dict[str, FenceRow] = field(default_factory=dict)
    backorder: BackorderRow | None = None
    held: dict[str, int] = field(default_factory=dict)
    waiting: list[tuple[int, str]] = field(default_factory=list)
    keys: dict[str, bytes] = field(default_factory=dict, compare=False)

    @property
    def is_empty(self) -> bool:
        """Whether all that was claimed is gone; whoever recovers then has no such object (I8)."""
        return not (self.pools or self.fences or self.backorder is not None)

    def key_of(self, path: str, owner: PoolRow | FenceRow) -> bytes:
        """Give the row key of a path's pool or fence; every grant of a sale asks for it."""
        key = self.keys.get(path)
        if key is None:
            if isinstance(owner, PoolRow):
                key = pool_key(owner.sale_id, owner.sku, owner.location)
            else:
                key = fence_key(owner.channel, owner.sku, owner.location)
            self.keys[path] = key
        return key

    def fenced(self) -> int:
        """Units that the common path may not promise."""
        unsold = sum(pool.unsold for pool in self.pools.values())
        return unsold + sum(fence.units for fence in self.fences.values())

    def owner_of(self, reservation: ReservationRow) -> PoolRow | FenceRow | None:
        """Give who gets freed units of a reservation's path back: its open pool, its fence, or nobody.

        A pool of the same sale that was opened after the reservation was made is another one.
        """
        path = reservation.path
        if path.startswith(SALE):
            pool = self.pools.get(path[len(SALE) :])
            is_its = pool is not None and not pool.closed_ms and reservation.created_ms >= pool.opened_ms
            return pool if is_its else None
        return self.fences.get(path[len(CHANNEL) :])

    def note_held(self, reservation: ReservationRow, change: int) -> None:
        """Count reserved units that were taken from a path, for as long as it can get them back."""
        if change and self.owner_of(reservation) is not None:
            path = reservation.path
            held = self.held.pop(path, 0) + change
            if held:
                self.held[path] = held


def times_of(pool: PoolRow) -> tuple[tuple[int, int], ...]:
    """Give when something happens to a pool, and which step."""
    if pool.closed_ms:
        return ()
    if pool.is_fenced:
        return ((pool.ends_ms, CLOSE),)
    return (pool.fence_from_ms, SET_ASIDE), (pool.ends_ms, CLOSE)


def waiting_of(line: Line) -> int:
    """Units of a line that are promised and not there yet (R24)."""
    return line.backordered + line.backorders_confirmed


def is_live(reservation: ReservationRow) -> bool:
    """Whether a reservation has units that its deadline takes: reserved ones, or soft ones that wait."""
    return any(line.reserved or line.backordered for line in reservation.lines)


def held_of(line: Line) -> int:
    """Reserved units of a line that its path gets back when they expire: path units are freed first."""
    return min(line.reserved, line.from_path)
