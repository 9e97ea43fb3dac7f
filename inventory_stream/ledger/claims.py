"""What is set aside at a position, or promised before it is there: pools, fences, backorders (R2, R24)."""

from dataclasses import dataclass, field

from models.rows import BackorderRow, FenceRow, PoolRow


@dataclass(slots=True)
class Claims:
    """The claims on one position; most positions have none, and no such object.

    `pools` by sale id, `fences` by channel; `fenced` of the position is the sum of their unsold and unused
    units. `held` counts, by path, the reserved units that were taken from a pool that is open or a fence
    that exists: if they expire, only that path gets them back (R22). It follows from the lines.
    """

    pools: dict[str, PoolRow] = field(default_factory=dict)
    fences: dict[str, FenceRow] = field(default_factory=dict)
    backorder: BackorderRow | None = None
    held: dict[str, int] = field(default_factory=dict)

    def fenced(self) -> int:
        """Units that the common path may not promise."""
        unsold = sum(pool.unsold for pool in self.pools.values())
        return unsold + sum(fence.units for fence in self.fences.values())
