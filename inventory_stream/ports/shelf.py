"""What can be sold, in the memory of one gateway: a mirror of the ledger's positions and of what is stated.

Fed by the gateway's one ledger tail (`LedgerListener`), asked by whatever answers a request. It decides
nothing: what it says is what the ledger had written when the tail last caught up.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final, NamedTuple, Protocol

from inventory_stream.ports.ledger_log import LedgerRecord
from inventory_stream.ports.projection import Version
from models.rows import Breakdown

FRESH_SECONDS_MAX: Final = 1.0
"""A partition is fresh while its tail was caught up within this: the projection's own bound for its
heartbeat (docs/contracts.md), so that an early "sold out" is never older, whoever says it."""


class LedgerListener(Protocol):
    """Hears what the ledger tail reads. Nothing here waits or raises."""

    def take(self, partition: int, generation_ms: int, records: Sequence[LedgerRecord]) -> None:
        """Take rows that count, in their order; `generation_ms` as in `Version`."""

    def caught_up(self, partition: int) -> None:
        """Hear that all rows below an end offset, asked of the broker just now, were taken."""

    def forget(self, partition: int) -> None:
        """Drop all of a partition: the tail reads it anew from the beginning (truncated, made anew)."""


class SkuView(NamedTuple):
    """What a SKU shows (R5, R25). All units are whole and never negative.

    `version` is that of the newest row which it reflects, `at_ms` the record time of that row. `locations`
    are units of the common path, `channels` what each channel with a policy or fence is shown, `sales` the
    unsold units of each open pool.
    """

    sku: str
    version: Version
    at_ms: int
    total: int
    short: int
    locations: Mapping[str, int]
    channels: Mapping[str, int]
    sales: Mapping[str, int]
    is_sold_out: bool


class Subscription(Protocol):
    """One who hears of changes, until `close`."""

    def close(self) -> None:
        """Hear no more. May be called twice."""


OnChange = Callable[[Collection[str]], None]
"""Hears which of the followed SKUs changed, once per portion that the tail read. Must not wait or raise:
note it, wake somebody, return."""


class Shelf(Protocol):
    """The reader's side. Nothing but `wait_for` waits."""

    def availability(self, skus: Sequence[str]) -> Sequence[SkuView | None]:
        """Give what each SKU shows, in the order asked; None where the ledger has no such SKU."""

    def is_fresh(self, partition: int) -> bool:
        """Say whether the partition's tail was caught up within `FRESH_SECONDS_MAX`."""

    def is_sku_fresh(self, sku: str) -> bool:
        """Say the same of the partition that a SKU belongs to."""

    def could_cover(
        self,
        sku: str,
        units: int,
        *,
        location: str | None = None,
        group: str | None = None,
        path: str = "common",
        is_split: bool = False,
        allow_partial: bool = False,
        allow_backorder: bool = False,
    ) -> bool | None:
        """Say whether a reserve of this could be granted by what the shelf shows (R3).

        `is_split`: the strategy `split`. None: not fresh, or not known here (SKU, group, sale), so that
        only the ledger can tell.
        """

    def breakdown(self, sku: str, *, location: str | None, group: str | None, path: str) -> Breakdown | None:
        """Give the numbers behind a refusal, as a decision would; `earliest_deadline_ms` is 0, unknown here."""

    def subscribe(self, skus: Collection[str], on_change: OnChange) -> Subscription:
        """Hear of changes of these SKUs from now on, whether they exist yet or not."""

    async def wait_for(self, version: Version, sku: str, within_seconds: float) -> bool:
        """Wait until the shelf shows a version of a SKU or a later one; False: not in time."""
