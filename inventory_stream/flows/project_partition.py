"""One partition of the Redis view: resume, rebuild, advance. No retries and no locks: see project.py."""

import asyncio
import secrets
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final, NamedTuple

import structlog

from inventory_stream.errors import RetryableError
from inventory_stream.flows.project_paths import PartitionPaths, sku_of
from inventory_stream.flows.project_rows import changes_of, latest_rows, without_gone
from inventory_stream.ports.ledger_log import LedgerRecord
from inventory_stream.ports.ledger_reader import LedgerReader, RowFilter, RowFilterFactory, StoredRecord
from inventory_stream.ports.monitor import SILENT_PROJECTION, ProjectionMonitor
from inventory_stream.ports.projection import (
    Announcement,
    Checkpoint,
    Extent,
    LocationUnits,
    Move,
    Projection,
    Refusal,
    SkuChange,
    Written,
)

# Half of the ledger's delete.retention (7 days, P12): a checkpoint older than this may have missed
# tombstones that compaction has since taken away.
CHECKPOINT_AGE_MS_MAX: Final = 302_400_000

# `Checkpoint.stated`: see there.
_NOTHING_STATED: Final = 0
_STATED: Final = 1
_SHOWING_ANEW: Final = 2

_REBUILDING: Final = "rebuilding"
"""The marker in a checkpoint that holds nothing yet: no server's marker is this word."""

_NOT_OURS: Final = "the view's checkpoint is not what we wrote"

_log = structlog.get_logger(__name__)


class PlaceLostError(RetryableError):
    """The checkpoint in the view is not ours: rebuild, then go on."""


class StoppedError(Exception):
    """The partition was given up while we worked on it."""


class Step(NamedTuple):
    """A batch made ready: the changes, and the checkpoint once they are in the view.

    `stated` are the keys of its rows of pools, ring-fences, backorders and policies.
    """

    changes: Mapping[str, SkuChange]
    place: Checkpoint
    stated: Collection[bytes] = ()


class PartitionProjection:
    """Brings one partition into the view. One call at a time; any may be repeated after an error.

    UnreachableError comes out of every method that awaits, PlaceLostError out of those that write:
    `lost` is then set and `rebuild` is the way on. Both leave the view at an earlier checkpoint or
    at none, never ahead of it.
    """

    def __init__(
        self,
        number: int,
        view: Projection,
        reader: LedgerReader,
        row_filter: RowFilterFactory,
        batch_skus_max: int,
        clock_ms: Callable[[], int],
        monitor: ProjectionMonitor = SILENT_PROJECTION,
    ) -> None:
        self.number = number
        self.is_stopped = False
        """Set to end whatever is under way with StoppedError at the next step."""
        self.checkpoint: Checkpoint | None = None
        """What we last wrote to the view; None before `resume` is through."""
        self.lost: tuple[Extent, str] | None = None
        """Why the view must be rebuilt, and whether over higher versions (RESET)."""
        self._view = view
        self._reader = reader
        self._row_filter = row_filter
        self._rows: RowFilter = row_filter()
        self._batch_skus_max = batch_skus_max
        self._clock_ms = clock_ms
        self._monitor = monitor
        # A random word for each time a partition is taken up: two holders never pass for one.
        self._writer = secrets.token_hex(8)
        # All locations of SKUs of which the view held a higher version during a rebuild: another
        # writer is or was ahead, and its hash may lack what only the rebuild knows.
        self._behind: dict[str, Mapping[str, LocationUnits | None]] = {}
        # None as long as nothing is stated: then all that a SKU shows is in its hash.
        self._paths: PartitionPaths | None = None
        # SKUs that do not show the newest policy of a channel yet; the last one is the next.
        self._to_show: list[str] = []
        # SKUs announced since the view was last seen to be ours.
        self._unsure: Collection[str] = ()

    @property
    def place(self) -> Checkpoint:
        """The checkpoint of a partition that has been resumed."""
        assert self.checkpoint is not None  # noqa: S101  # resume() comes before anything else
        return self.checkpoint

    async def resume(self, *, is_rebuild_asked: bool) -> None:
        """Go on where the view's own checkpoint says, or rebuild; does nothing when already under way."""
        if self.checkpoint is not None:  # rebuilt a moment ago
            return
        stored = await self._view.checkpoint(self.number)
        marker = await self._view.ensure_marker()
        if is_rebuild_asked:
            # RESET: the operator wants what the ledger says, whatever versions are there.
            self.lost = (Extent.RESET, "asked for")
        elif stored is None or stored.marker != marker:
            self.lost = (Extent.WHOLE, "the view has no checkpoint of its own data")
        else:
            self.lost = await self._why_not(stored)
        if self.lost is not None or stored is None:
            await self.rebuild()
            return
        mine = stored._replace(writer=self._writer)
        if not await self._view.swap(self.number, stored, mine):
            raise PlaceLostError("another writer moved the checkpoint; looking again")
        self._rows = self._row_filter(stored.term, stored.generation_ms)
        if stored.stated != _NOTHING_STATED:
            paths = await self._remembered(stored.next_offset)
            self._to_show = list(paths.skus()) if stored.stated == _SHOWING_ANEW else []
        self.checkpoint = mine

    async def _remembered(self, end_offset: int) -> PartitionPaths:
        """Read the partition up to an offset for what its SKUs show beside their locations.

        3 s for a million rows; SKUs that are in the view stay there as they are meanwhile.
        """
        rows = self._row_filter()
        newest: dict[bytes, LedgerRecord] = {}
        async for records in self._reader.read(self.number, 0, end_offset):
            self._leave_if_stopped()
            latest_rows(rows.feed(records), newest, newest)
        paths = PartitionPaths()
        await asyncio.to_thread(paths.take_all, newest.values())
        self._paths = paths
        return paths

    async def _why_not(self, stored: Checkpoint) -> tuple[Extent, str] | None:
        """Say why a checkpoint cannot be resumed from; None if it can."""
        end_offset = await self._reader.end_offset(self.number)
        if end_offset < stored.next_offset:
            return Extent.RESET, _truncated(end_offset, stored)
        if stored.next_offset == 0:
            return None
        if self._clock_ms() - stored.row_ms > CHECKPOINT_AGE_MS_MAX:
            return Extent.WHOLE, "the checkpoint is older than tombstones are kept"
        last = stored.next_offset - 1
        async for records in self._reader.read(self.number, last, stored.next_offset):
            for record in records:
                if record.timestamp == stored.row_ms:
                    return None
                return Extent.RESET, f"another row lies at {last} now: the ledger was recreated or truncated"
        return Extent.WHOLE, f"the row at {last} was compacted away: it cannot be told whose ledger this is"

    async def rebuild(self) -> None:
        """Read the partition from its beginning, then write whole SKUs; ends with a new checkpoint.

        Hashes are overwritten in place, never deleted first: readers see old or new, and every SKU
        with all of its locations.
        """
        extent, why = self.lost or (Extent.WHOLE, "no checkpoint")
        self.lost = (extent, why)
        started = time.monotonic()
        _log.warning("projection_rebuild_started", partition=self.number, why=why)
        self._monitor.rebuilding(self.number)
        await self._view.stop_beating(self.number)
        marker = await self._view.ensure_marker()
        # Holds nothing: a crash from here on leads to another rebuild.
        nothing = Checkpoint(_REBUILDING, 0, -1, 0, 0, self._writer)
        await self._view.take(self.number, nothing)
        self._unsure = ()
        end_offset = await self._reader.end_offset(self.number)
        self._rows = self._row_filter()
        positions: dict[bytes, LedgerRecord] = {}
        stated: dict[bytes, LedgerRecord] = {}
        row_ms = 0
        async for records in self._reader.read(self.number, 0, end_offset):
            self._leave_if_stopped()
            latest_rows(self._live(records), positions, stated)
            row_ms = records[-1].timestamp
        # Beside the loop: a million positions take seconds, and other partitions' heartbeats and
        # the consumer group's must go on.
        changes = await asyncio.to_thread(changes_of, positions, self._rows.generation_ms, extent)
        self._paths, self._to_show = None, []
        if stated:
            self._paths = PartitionPaths()
            await asyncio.to_thread(self._paths.take_all, [*positions.values(), *stated.values()])
        del positions
        self._behind = {}
        for some in self._slices([self._with_paths(change) for change in changes.values()]):
            written = await self._write(some, marker, (nothing,))
            for change, result in zip(some, written.results, strict=True):
                if result is Refusal.OLDER:
                    self._behind[change.sku] = change.locations
            await self._announce(_written(some, written))
        await self._view.remove(self.number, set(await self._view.skus(self.number)) - changes.keys())
        how = _STATED if stated else _NOTHING_STATED
        done = Checkpoint(
            marker, self._rows.generation_ms, self._rows.term, end_offset, row_ms, self._writer, how
        )
        await self._announce((), Move(self.number, nothing, done))
        self.lost = None
        self._monitor.rebuilt(self.number)
        _log.info(
            "projection_rebuilt",
            partition=self.number,
            skus=len(changes),
            next_offset=end_offset,
            seconds=round(time.monotonic() - started, 3),
        )

    async def look(self) -> int:
        """Compare the view and the ledger with what we know of them; sets `lost` if they differ.

        Returns:
            The ledger's end offset, asked of the broker just now.
        """
        end_offset = await self._reader.end_offset(self.number)
        if end_offset < self.place.next_offset:
            self.lost = (Extent.RESET, _truncated(end_offset, self.place))
        elif self.lost is None:
            marker = await self._view.marker()
            if marker != self.place.marker or await self._view.checkpoint(self.number) != self.place:
                self.lost = (Extent.WHOLE, _NOT_OURS)
        return end_offset

    def digest(self, records: Sequence[StoredRecord]) -> Step | None:
        """Make consecutive records ready; None when all of them are in the view already.

        Each record is taken in once: repeat `advance`, not this.

        Raises:
            CorruptLedgerError: a record that no owner of this schema version writes.
        """
        fresh = [record for record in records if record.offset >= self.place.next_offset]
        if not fresh:
            return None
        positions: dict[bytes, LedgerRecord] = {}
        stated: dict[bytes, LedgerRecord] = {}
        latest_rows(self._live(fresh), positions, stated)
        if self._paths is not None:
            self._paths.take_all([*positions.values(), *stated.values()])
        changes = changes_of(positions, self._rows.generation_ms, Extent.CHANGE)
        place = self.place._replace(
            generation_ms=self._rows.generation_ms,
            term=self._rows.term,
            next_offset=fresh[-1].offset + 1,
            row_ms=fresh[-1].timestamp,
            stated=_stated_after(self.place.stated, stated),
        )
        return Step(changes, place, stated)

    async def advance(self, step: Step) -> None:
        """Bring a step into the view, then its checkpoint."""
        place = step.place
        before = self.place
        if before.next_offset >= place.next_offset:  # a rebuild has read past this batch
            return
        if self._paths is None and step.stated:
            await self._remembered(place.next_offset)
        changes = self._shown_by(step)
        told: list[Announcement] = []
        for some in self._slices([self._caught_up(change) for change in changes]):
            # Not with the last of them: its announcement rides along with the checkpoint below.
            await self._announce(told)
            # `place` may be there already: an earlier attempt's last answer was lost.
            written = await self._write(some, before.marker, (before, place))
            told = _written(some, written)
            # Absent and the view lost nothing: a new SKU. All its rows are in this batch, so what
            # we have of it is the whole of it, even if the server is flushed this very moment.
            new = [
                change._replace(extent=Extent.WHOLE, locations=locations)
                for change, result in zip(some, written.results, strict=True)
                if result is Refusal.ABSENT and (locations := without_gone(change.locations))
            ]
            if new:
                told += _written(new, await self._write(new, before.marker, (before, place)))
            for change, result in zip(some, written.results, strict=True):
                if change.extent is Extent.WHOLE and not isinstance(result, Refusal):
                    self._behind.pop(change.sku, None)
        await self._announce(told, Move(self.number, before, place))
        if place.stated == _SHOWING_ANEW and any(sku_of(key) is None for key in step.stated):
            self._to_show = [] if self._paths is None else list(self._paths.skus())

    async def show_next(self) -> bool:
        """Write some of the SKUs that do not show the newest policy of a channel; False: none is left.

        In slices, because a policy of a channel is about every SKU: others' changes come in between.
        """
        if self._paths is None or self.place.stated != _SHOWING_ANEW:
            return False
        some = self._to_show[-self._batch_skus_max :]
        found = (self._paths.change_of(sku, self._rows.generation_ms) for sku in some)
        changes = [change for change in found if change is not None]
        done = Move(self.number, self.place, self.place._replace(stated=_STATED))
        # `done.new` may be there already: an earlier attempt's last answer was lost.
        written = await self._write(changes, self.place.marker, (self.place, done.new))
        is_last = len(some) == len(self._to_show)
        await self._announce(_written(changes, written), done if is_last else None)
        del self._to_show[len(self._to_show) - len(some) :]
        return not is_last

    def _shown_by(self, step: Step) -> list[SkuChange]:
        """Give the changes of a step with their paths, and those of SKUs of which only a path changed."""
        changes = [self._with_paths(change) for change in step.changes.values()]
        if self._paths is not None:
            for sku in {sku_of(key) for key in step.stated} - step.changes.keys():
                change = None if sku is None else self._paths.change_of(sku, self._rows.generation_ms)
                if change is not None:
                    changes.append(change)
        return changes

    def _with_paths(self, change: SkuChange) -> SkuChange:
        return change if self._paths is None else change._replace(paths=self._paths.paths_of(change.sku))

    def _caught_up(self, change: SkuChange) -> SkuChange:
        """Widen a change to the whole SKU where a rebuild came too late to write it."""
        behind = self._behind.get(change.sku)
        if behind is None:
            return change
        locations = without_gone({**behind, **change.locations})
        self._behind[change.sku] = locations
        return change._replace(extent=Extent.WHOLE, locations=locations)

    async def _write(
        self, changes: Sequence[SkuChange], marker: str, ours: Collection[Checkpoint]
    ) -> Written:
        self._leave_if_stopped()
        written = await self._view.write(self.number, changes)
        if written.marker != marker or written.checkpoint not in ours:
            raise await self._lose()
        self._unsure = ()
        return written

    async def _announce(self, told: Sequence[Announcement], move: Move | None = None) -> None:
        """Tell readers, then move the checkpoint."""
        if not told and move is None:
            return
        self._leave_if_stopped()
        self._unsure = [*self._unsure, *(change.sku for change, _ in told)]
        if not await self._view.announce(told, move):
            raise await self._lose()
        if move is not None:
            self.checkpoint = move.new
            self._unsure = ()

    async def _lose(self) -> PlaceLostError:
        """Note that the view is not as we left it, and mend what we may have told too late."""
        self.lost = self.lost or (Extent.WHOLE, _NOT_OURS)
        await self._view.settle_sold_out(self._unsure)
        return PlaceLostError(f"partition {self.number}: {self.lost[1]}")

    def _live(self, records: Sequence[StoredRecord]) -> list[LedgerRecord]:
        alarms_before = self._rows.alarms
        rows = self._rows.feed(records)
        if self._rows.alarms > alarms_before:
            _log.error(
                "ledger_rows_of_a_fenced_owner_dropped",
                partition=self.number,
                rows=self._rows.alarms - alarms_before,
                term=self._rows.term,
            )
            self._monitor.dropped(self.number, self._rows.alarms - alarms_before)
        return rows

    def _slices(self, changes: Sequence[SkuChange]) -> list[Sequence[SkuChange]]:
        size = self._batch_skus_max
        return [changes[first : first + size] for first in range(0, len(changes), size)]

    def _leave_if_stopped(self) -> None:
        if self.is_stopped:
            raise StoppedError


def _written(changes: Sequence[SkuChange], written: Written) -> list[Announcement]:
    return [
        Announcement(change, result)
        for change, result in zip(changes, written.results, strict=True)
        if not isinstance(result, Refusal)
    ]


def _stated_after(before: int, stated: Collection[bytes]) -> int:
    """Give `Checkpoint.stated` once a batch with these keys is in the view."""
    if any(sku_of(key) is None for key in stated):
        return _SHOWING_ANEW
    return max(before, _STATED) if stated else before


def _truncated(end_offset: int, place: Checkpoint) -> str:
    return f"the ledger ends at {end_offset}, before our position {place.next_offset}: it was truncated"
