"""A replay from start to end: opening stock, then the rows, with checkpoints to resume from.

Order of a checkpoint: 1. everything sent is acknowledged, 2. the report is durable, 3. the state
names the row. A crash between any two repeats rows since the last checkpoint; their command ids
are the same, so the ledger gives its first answers again (R27) and the report is cut back.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

from inventory_stream.ports.commands import CommandSink
from inventory_stream.replay.compile import CompiledMapping
from inventory_stream.replay.errors import ReplayStateError
from inventory_stream.replay.mapper import Mapper, Remark
from inventory_stream.replay.opening import POSITIONS_MAX, Position, opening_sync, position_of
from inventory_stream.replay.pacing import Pacer, wait_unless_set
from inventory_stream.replay.report import ReportFile, Totals
from inventory_stream.replay.rows import Chunk, RowSource
from inventory_stream.replay.state import ReplayState, StateStore
from models.commands import Command

# Between checkpoints. A flush drains the pipeline for about 5 ms, so this costs 0.3 % of the
# speed; a crash repeats at most this long's rows, 200,000 at full speed.
CHECKPOINT_SECONDS: Final = 2.0


class Progress(Protocol):
    """Who watches. Called at least once per chunk of rows; must return at once."""

    def searching(self, fraction: float) -> None:
        """The file is searched for products that need an opening stock."""

    def replaying(self, totals: Totals, fraction: float) -> None:
        """Rows were handed to the sink."""


@dataclass(frozen=True, slots=True)
class ReplayJob:
    """What to replay. `rows_max` None: the whole file. `speed` None: as fast as possible."""

    source: RowSource
    mapping: CompiledMapping
    file_id: str
    rows_max: int | None = None
    speed: float | None = None


class Replay:
    """One run of a replay, perhaps the continuation of an earlier one."""

    def __init__(
        self,
        job: ReplayJob,
        sink: CommandSink,
        state: ReplayState,
        store: StateStore | None,
        report: ReportFile,
        progress: Progress,
        stop: asyncio.Event,
    ) -> None:
        """`store` None keeps no state (a dry run). `stop` ends the run at the next row or chunk."""
        self._job = job
        self._sink = sink
        self._state = state
        self._store = store
        self._report = report
        self._progress = progress
        self._stop = stop
        self._mapper = Mapper(job.mapping)
        self._pacer = None if job.speed is None else Pacer(job.speed)
        self._through_row = state.through_row
        self._checkpoint_at = time.monotonic()
        self.totals = Totals(
            Counter(state.accepted), Counter(state.skipped), Counter(state.refused), state.opening
        )
        """Of this run and the earlier ones that it continues."""

    async def run(self) -> bool:
        """Replay until the end, the limit or `stop`. True: nothing is left to do.

        Raises:
            UnreachableError: Kafka went away; the state is that of the last checkpoint.
            SourceError: the file broke off.
            ReplayStateError: more than POSITIONS_MAX positions need an opening stock.
        """
        if not self._state.finished and await self._open_positions():
            await self._replay_rows()
        finished = not self._stop.is_set()
        if self._job.rows_max is None and finished:
            self._state.finished = True
        await self._checkpoint()
        return finished

    async def _open_positions(self) -> bool:
        """Send the opening stock unless that was done. False: stopped before it was."""
        rule, state, limit = self._job.mapping.opening, self._state, self._job.rows_max
        if rule is None or state.opened_all or (limit is not None and limit <= state.opened_rows):
            return True
        positions: dict[Position, None] = {}
        for chunk in self._chunks(after_row=0):
            for result in self._mapper.map_chunk(chunk):
                if not isinstance(result, Remark) and (position := position_of(result)) is not None:
                    positions[position] = None
            if len(positions) > POSITIONS_MAX:
                raise ReplayStateError(
                    f"more than {POSITIONS_MAX} positions need an opening stock; replay it from a file of "
                    f"its own"
                )
            self._progress.searching(chunk.fraction)
            await asyncio.sleep(0)
            if self._stop.is_set():
                return False
        for position in positions:
            await self._sink.send(opening_sync(rule, position, self._job.file_id), position[0])
        await self._sink.flush()
        state.opened_rows, state.opened_all = limit or 0, limit is None
        self.totals.opening = len(positions)
        await self._checkpoint()
        return True

    async def _replay_rows(self) -> None:
        for chunk in self._chunks(after_row=self._through_row):
            await self._replay_chunk(self._mapper.map_chunk(chunk))
            self._progress.replaying(self.totals, chunk.fraction)
            await self._checkpoint_if_due()
            # Sending waits only where a batch is full: let Kafka's client, signals and the display run.
            await asyncio.sleep(0)
            if self._stop.is_set():
                return

    async def _replay_chunk(self, results: Sequence[Command | Remark]) -> None:
        done = 0
        for index, result in enumerate(results):
            if isinstance(result, Remark):
                continue
            if self._pacer is not None and (seconds := self._pacer.seconds_until(result)) > 0:
                self._account(results[done:index])
                done = index
                await self._checkpoint_if_due(wait_seconds=seconds)
                await wait_unless_set(self._stop, seconds)
                if self._stop.is_set():
                    return
            await self._sink.send(result, getattr(result, "sku", None))
        self._account(results[done:])

    def _account(self, results: Sequence[Command | Remark]) -> None:
        self._report.write(results)
        self.totals.add(results)
        self._through_row += len(results)

    def _chunks(self, after_row: int) -> Iterator[Chunk]:
        """Give the chunks after a row, cut at the job's limit."""
        limit = self._job.rows_max
        for chunk in self._job.source.chunks(self._job.mapping.columns, after_row):
            if limit is None:
                yield chunk
                continue
            wanted = chunk.rows[: max(0, limit - chunk.first_row + 1)]
            if wanted:
                through = chunk.first_row + len(wanted) - 1
                yield replace(chunk, rows=wanted, fraction=max(chunk.fraction, through / limit))
            if len(wanted) < len(chunk.rows):
                return

    async def _checkpoint_if_due(self, wait_seconds: float = 0.0) -> None:
        if time.monotonic() + wait_seconds >= self._checkpoint_at + CHECKPOINT_SECONDS:
            await self._checkpoint()

    async def _checkpoint(self) -> None:
        await self._sink.flush()
        state, totals = self._state, self.totals
        state.through_row = self._through_row
        state.report_bytes = self._report.sync()
        state.opening = totals.opening
        state.accepted, state.skipped = dict(totals.accepted), dict(totals.skipped)
        state.refused = dict(totals.refused)
        if self._store is not None:
            self._store.save(state)
        self._checkpoint_at = time.monotonic()
