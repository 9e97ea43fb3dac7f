"""What a process tells about itself while it works, for whoever watches it.

Called once per batch or more seldom, never per command. Nothing here may raise, wait, or keep
what it is given: a monitor that is broken must not stop a decision. The silent ones at the end are
what runs when nobody watches.
"""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, Protocol

from inventory_stream.ledger.batch import Sealed
from inventory_stream.ports.inputs import Input
from inventory_stream.ports.partition_owner import NextOffsets


class Window(NamedTuple):
    """How far back answers of one kind are kept now (R29)."""

    seconds: float
    is_by_count: bool
    """Whether the count limit and not the time decides."""


class OwnerSnapshot(NamedTuple):
    """What one owner holds at the moment of asking."""

    recovered_rows: int
    inbox_batches: Mapping[Input, int]
    next_offsets: NextOffsets
    """Where the inputs go on, by the last durable @progress."""

    newest_ms: Mapping[Input, int]
    """Record time of the newest record taken from each input, 0 for none yet; ms since the Unix epoch."""

    kept: Mapping[str, int]
    windows: Mapping[str, Window]


class Acked(NamedTuple):
    """One acknowledged append of the ledger."""

    rows: int
    size_bytes: int
    seconds: float
    skew_seconds: float
    """How far our clock lies outside the time in which the broker stamped it (R18); above 0: ahead."""


class OwnerMonitor(Protocol):
    """Hears what the owner of one partition does; also its log, which knows acknowledgements."""

    def opening(self, snapshot: Callable[[], OwnerSnapshot]) -> None:
        """The partition is being claimed and read; `snapshot` may be asked until `closed`."""

    def claimed(self, term: int, tries: int, fenced_ids: int, lease_margin: Callable[[], float]) -> None:
        """A claim holds (P1); `lease_margin` gives the seconds that are left of the lease (P3)."""

    def recovered(self, rows: int, seconds: float, voided_keys: int) -> None:
        """The state is read and deciding begins."""

    def decided(self, batch: Sealed, seconds: float) -> None:
        """Input was decided into one append; `seconds` of decoding and deciding went into it."""

    def acked(self, acked: Acked) -> None:
        """An append was acknowledged."""

    def buried(self, source: Input, letters: int) -> None:
        """Input went to the dead letters."""

    def lag(self, source: Input, records: int, seconds: float) -> None:
        """So many records of an input are undecided, the oldest for at most so long."""

    def positions(self, count: int) -> None:
        """So many positions are in the state."""

    def closed(self) -> None:
        """The partition was given up."""


class ProjectionMonitor(Protocol):
    """Hears what a projection worker does, for each of its partitions."""

    def taken_up(self, partition: int) -> None:
        """The partition is followed from now on; it is not fresh yet."""

    def given_up(self, partition: int) -> None:
        """The partition is another worker's business now."""

    def applied(self, partition: int, rows: int, skus: int, delay_seconds: float) -> None:
        """Rows are in the view; `delay_seconds` is the age of the oldest of them."""

    def looked(self, partition: int, lag_records: int | None, *, is_fresh: bool) -> None:
        """A look at freshness ended, with or without a heartbeat; None: the lag could not be asked."""

    def rebuilding(self, partition: int) -> None:
        """A rebuild began."""

    def rebuilt(self, partition: int) -> None:
        """A rebuild is done."""

    def dropped(self, partition: int, rows: int) -> None:
        """Rows of a fenced owner were left out (P4)."""

    def published(self, partition: int, topic: str, events: int) -> None:
        """Events are with outside consumers; `topic` without the environment's prefix."""

    def raised(self, partition: int, kind: str) -> None:
        """An exception is about to be told."""

    def not_published(self, partition: int) -> None:
        """Publishing stopped and begins anew after a pause."""

    def view_answered(self) -> None:
        """The server of the view answered a call."""

    def view_failed(self) -> None:
        """The server of the view did not answer a call."""


class _SilentOwnerMonitor:
    def opening(self, snapshot: Callable[[], OwnerSnapshot]) -> None: ...
    def claimed(self, term: int, tries: int, fenced_ids: int, lease_margin: Callable[[], float]) -> None: ...
    def recovered(self, rows: int, seconds: float, voided_keys: int) -> None: ...
    def decided(self, batch: Sealed, seconds: float) -> None: ...
    def acked(self, acked: Acked) -> None: ...
    def buried(self, source: Input, letters: int) -> None: ...
    def lag(self, source: Input, records: int, seconds: float) -> None: ...
    def positions(self, count: int) -> None: ...
    def closed(self) -> None: ...


class _SilentProjectionMonitor:
    def taken_up(self, partition: int) -> None: ...
    def given_up(self, partition: int) -> None: ...
    def applied(self, partition: int, rows: int, skus: int, delay_seconds: float) -> None: ...
    def looked(self, partition: int, lag_records: int | None, *, is_fresh: bool) -> None: ...
    def rebuilding(self, partition: int) -> None: ...
    def rebuilt(self, partition: int) -> None: ...
    def dropped(self, partition: int, rows: int) -> None: ...
    def published(self, partition: int, topic: str, events: int) -> None: ...
    def raised(self, partition: int, kind: str) -> None: ...
    def not_published(self, partition: int) -> None: ...
    def view_answered(self) -> None: ...
    def view_failed(self) -> None: ...


SILENT_OWNER: Final[OwnerMonitor] = _SilentOwnerMonitor()
SILENT_PROJECTION: Final[ProjectionMonitor] = _SilentProjectionMonitor()
