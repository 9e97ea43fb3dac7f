"""The view of availability that storefronts read, as its writer and its readers see it.

Everything here can be thrown away and rebuilt from the ledger. The Redis form is the contract
with storefronts in any language: see `inventory_stream/adapters/redis/keys.py`.
"""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from enum import Enum
from types import MappingProxyType
from typing import Final, NamedTuple, Protocol, Self


class Version(NamedTuple):
    """Which position row a SKU's availability reflects; later rows of a SKU compare greater.

    `generation_ms` is the record time of the partition's first claim: a recreated ledger starts
    its offsets anew in a later generation.
    """

    generation_ms: int
    offset: int

    def __str__(self) -> str:
        """`<generation>:<offset>`, the field `v` of docs/contracts.md."""
        return f"{self.generation_ms}:{self.offset}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Undo `str`.

        Raises:
            ValueError: not two whole numbers with a colon between.
        """
        generation, offset = text.split(":")
        return cls(int(generation), int(offset))


class ViewOwner(NamedTuple):
    """Whose ledger a view shows: Kafka's id of the cluster, "" where it has none, and the full topic."""

    cluster_id: str
    topic: str

    def __str__(self) -> str:
        """`<cluster id>/<topic>`, or the topic alone; neither part can hold a slash, a space or an @."""
        return f"{self.cluster_id}/{self.topic}" if self.cluster_id else self.topic

    @classmethod
    def parse(cls, text: str) -> Self:
        """Undo `str`."""
        cluster_id, _, topic = text.rpartition("/")
        return cls(cluster_id, topic)

    def is_same(self, other: "ViewOwner") -> bool:
        """Say whether both are one ledger, as far as it can be told: an unknown cluster may be any."""
        is_cluster_same = not (self.cluster_id and other.cluster_id) or self.cluster_id == other.cluster_id
        return is_cluster_same and self.topic == other.topic


class LocationUnits(NamedTuple):
    """One location's share: `available` = max(0, ATP) (R5), `shortfall` as in R2."""

    available: int
    shortfall: int


class Paths(NamedTuple):
    """What paths beside common can sell of one SKU, and what each channel is shown: always all there is.

    `channels` and `sales` as in `ledger.shown.Shown`. `backorder` are units that may be promised before
    they are there, `beside` all that only pools, ring-fences and backorder can sell. `offset` is that of
    the newest row of theirs: between changes of one version the later one counts.
    """

    channels: Mapping[str, int]
    sales: Mapping[str, int]
    backorder: int
    beside: int
    offset: int


NO_PATHS: Final = Paths(MappingProxyType({}), MappingProxyType({}), 0, 0, -1)
"""The paths of a SKU that only common sells."""


class Extent(Enum):
    """What a change says about the locations that it does not name."""

    CHANGE = "change"
    """Nothing: they stay. Refused (ABSENT) when the SKU is not in the view at all."""
    WHOLE = "whole"
    """There are none: they go."""
    RESET = "reset"
    """As WHOLE, and whatever version is there is overwritten: offsets went back (truncation)."""


class SkuChange(NamedTuple):
    """New units of one SKU at some or all of its locations; None takes a location away.

    `at_ms` is the record time of the row that `version` names.
    """

    sku: str
    version: Version
    at_ms: int
    locations: Mapping[str, LocationUnits | None]
    extent: Extent
    paths: Paths = NO_PATHS


class Refusal(Enum):
    """Why a change was not written."""

    OLDER = "older"
    """The view holds a higher version of the SKU already, or the same one with later paths."""
    ABSENT = "absent"
    """A CHANGE of a SKU that is not in the view: writing it would show a SKU with locations missing."""


class Checkpoint(NamedTuple):
    """How far one partition is in the view; kept in the view's own server, beside the data.

    True as long as `marker` is the server's: every position row below `next_offset` is in the
    view. `row_ms` is the record time of the last row before `next_offset`, `term` that of the
    newest claim (P4), `writer` a random word of the process that wrote it. `stated` is 0 as long as
    the partition never had a pool, a ring-fence, a backorder or a policy, 1 since it has, and 2 while
    SKUs are left that do not show the newest policy of a channel.
    """

    marker: str
    generation_ms: int
    term: int
    next_offset: int
    row_ms: int
    writer: str
    stated: int = 0


class Written(NamedTuple):
    """What `write` did: per change the SKU's new total or why not, and what the server then held."""

    results: Sequence[int | Refusal]
    marker: str | None
    checkpoint: Checkpoint | None


class Announcement(NamedTuple):
    """A change that was written, with the SKU's total (sum over locations) after it."""

    change: SkuChange
    total: int

    @property
    def is_sold_out(self) -> bool:
        """Say whether no path has a unit."""
        return not self.total and not self.change.paths.beside


class Move(NamedTuple):
    """Arguments of `Projection.swap`."""

    partition: int
    expected: Checkpoint
    new: Checkpoint


class Projection(Protocol):
    """The writer's side. Every method raises UnreachableError when the server does not answer."""

    async def ensure_marker(self) -> str:
        """Give the server's random id, setting one if there is none (flushed, or new).

        Raises:
            ForeignViewError: the view there is another environment's; nothing was written.
        """

    async def take_over(self) -> None:
        """Make the server's data ours, whosever it is: from now on the former owner's workers end."""

    async def marker(self) -> str | None:
        """Give the server's random id, None if it was flushed."""

    async def checkpoint(self, partition: int) -> Checkpoint | None:
        """Give a partition's checkpoint, None if there is none."""

    async def take(self, partition: int, checkpoint: Checkpoint) -> None:
        """Put a checkpoint there, whatever there is: from now on another writer's `swap` fails."""

    async def swap(self, partition: int, expected: Checkpoint, new: Checkpoint) -> bool:
        """Replace a checkpoint if it is `expected` (or, after a lost answer, `new` already)."""

    async def write(self, partition: int, changes: Sequence[SkuChange]) -> Written:
        """Write changes, each SKU atomically, in one round trip; refuse what is older.

        `marker` and `checkpoint` of the answer are read after the last change was written. No SKU
        may occur twice.
        """

    async def announce(self, announcements: Sequence[Announcement], move: Move | None = None) -> bool:
        """Tell readers of what was written: membership of `soldout`, then one message per SKU, in order.

        Then, in the same round trip, `swap` by `move`; gives its answer, True without one.
        """

    async def settle_sold_out(self, skus: Collection[str]) -> None:
        """Set membership of `soldout` by what the view holds now.

        For a writer that learned after `announce` that another one is at work: whose membership
        came last is then not known.
        """

    async def skus(self, partition: int) -> Collection[str]:
        """Name every SKU that a WHOLE or RESET of this partition ever wrote and `remove` did not take."""

    async def remove(self, partition: int, skus: Collection[str]) -> None:
        """Take SKUs out of the view."""

    async def beat(self, partition: int, place: Checkpoint, expiry_ms: int) -> bool:
        """Say that the partition is fresh, for `expiry_ms`, if `place` is its checkpoint and the server's.

        Looked at and said in one step: False, and nothing was said, once the server was flushed.
        """

    async def stop_beating(self, partition: int) -> None:
        """Say at once that the partition is not fresh."""

    async def close(self) -> None:
        """Let go of the connections; bounded to a few seconds."""


class SkuAvailability(NamedTuple):
    """What a storefront sees of one SKU. `partition` names the heartbeat that speaks for it.

    `channels`, `sales`, `backorder`, `beside` and `paths_offset` are those of `Paths`.
    """

    sku: str
    total: int
    short: int
    locations: Mapping[str, int]
    version: Version
    at_ms: int
    partition: int
    channels: Mapping[str, int] = MappingProxyType({})
    sales: Mapping[str, int] = MappingProxyType({})
    backorder: int = 0
    beside: int = 0
    paths_offset: int = -1

    @property
    def is_sold_out(self) -> bool:
        """Say whether no path has a unit: this SKU belongs into `soldout`."""
        return not self.total and not self.beside


class AvailabilityMessage(NamedTuple):
    """What is published when a SKU was written; may repeat, and `version` tells an old one."""

    sku: str
    total: int
    version: Version
    at_ms: int


class AvailabilityView(Protocol):
    """The reader's side. Every method raises UnreachableError when the server does not answer."""

    async def read(self, skus: Sequence[str]) -> Sequence[SkuAvailability | None]:
        """Give each SKU's availability in the order asked, None where the view has no such SKU."""

    async def sold_out(self) -> Collection[str]:
        """Name the SKUs of which no path can sell a unit."""

    def all_skus(self) -> AsyncIterator[Sequence[str]]:
        """Name every SKU that the view holds, in pieces; one may be named twice.

        Those that are there from the first piece to the last are all named.
        """

    async def fresh(self, partitions: Collection[int]) -> Collection[int]:
        """Give those of the partitions whose heartbeat lives."""

    def listening(self) -> AbstractAsyncContextManager[AsyncIterator[AvailabilityMessage]]:
        """Subscribe; inside the block every message published since it was entered comes.

        The iterator raises UnreachableError when the connection breaks: what was published until
        the next subscription is then missed, so read again what you follow.
        """

    async def close(self) -> None:
        """Let go of the connections; bounded to a few seconds."""
