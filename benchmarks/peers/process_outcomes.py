"""What a peer on Kafka has decided: its outcomes read back, as far as they are committed."""

import asyncio
import time
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

import msgspec

from benchmarks.ledger_check import Decision, LedgerReading, note_decision
from benchmarks.load import Workload
from benchmarks.statistics import Figures
from benchmarks.usage import Look, usage_figures
from benchmarks.watch import LedgerWatch

WARM_UP_KEY: Final = b"r/wrs-"
"""Outcomes of warm-up commands; those of a workload begin with `r/res-`."""

QUIET_SECONDS: Final = 0.5
"""The log has not grown for so long: time to read what is in it. Five commits of the slower Kafka Streams,
which would not be quiet between them."""


class Outcome(msgspec.Struct, array_like=True, gc=False):
    """The value of an outcome as the peers on Kafka write it: `["<sku>",<units granted>,...]` in JSON."""

    sku: str
    units_granted: int


LOOK_SECONDS: Final = 0.02
"""Between two looks at the end of the log, and with each new one at the processes, which takes 0.5 ms: the
error of wall times and of CPU, 0.7 % of a run of 3 s."""


class Seen(NamedTuple):
    """The log was seen to end here, at this wall time, so much having been used."""

    seconds: float
    end: int
    look: Look


_decode: Final = msgspec.json.Decoder(Outcome).decode


def decode_outcome(value: bytes) -> Decision:
    """Read the value of an outcome."""
    outcome = _decode(value)
    return Decision(outcome.sku, outcome.units_granted)


def warm_up_of(workload: Workload, commands: int) -> Workload:
    """Give commands of the same kind for the time before anything counts."""
    return replace(workload, commands=commands, seed=workload.seed + 1)


def as_warm_up(value: bytes) -> bytes:
    """Rename what a record value speaks of, so that nothing of it meets a measured command."""
    return (
        value.replace(b'"SKU-', b'"WRM-')
        .replace(b'"cmd-', b'"wrm-')
        .replace(b'"res-', b'"wrs-')
        .replace(b'"count-', b'"wrc-')
    )


def warm_up_records(workload: Workload) -> Iterator[tuple[bytes | None, bytes]]:
    """Give key and value of each order record of a warm-up."""
    for key, value in workload.values():
        yield key and b"WRM-" + key.removeprefix(b"SKU-"), as_warm_up(value)


class OutcomeWatch(LedgerWatch):
    """Reads a peer's outcome topic once, in pieces, whenever nothing else happens there.

    `reading` takes in the outcomes of a workload, `warmed_up` counts those of its warm-up.
    """

    def __init__(self, bootstrap_servers: str, topic: str, workload: Workload) -> None:
        super().__init__(bootstrap_servers, topic, isolation_level="read_committed")
        commands = workload.commands
        self.reading: Final = LedgerReading(
            bytearray(commands), bytearray(commands), array("q", [-1]) * commands
        )
        self.warmed_up = 0
        self._next = 0

    async def wait_outcomes(self, outcomes: int, seconds_max: float, look: Callable[[], Look]) -> list[Seen]:
        """Wait until so many outcomes are in the log, warm-up included; give all that was seen.

        Args:
            outcomes: How many to wait for; more that come meanwhile are read, too.
            seconds_max: Longest wait.
            look: What was used so far; raises when the peer has ended.

        Raises:
            SubjectEndedError: the peer ended.
            TimeoutError: not in time.
        """
        seen: list[Seen] = []
        async with asyncio.timeout(seconds_max):
            while True:
                end, now = await self.end(), time.perf_counter()
                if not seen or end != seen[-1].end:
                    seen.append(Seen(now, end, look()))
                elif now - seen[-1].seconds >= QUIET_SECONDS:
                    look()
                    # An offset each, and markers of transactions: fewer offsets are too few outcomes.
                    if end > self._next and end >= outcomes:
                        await self._read_to(end)
                    if len(self.reading.appended) + self.warmed_up >= outcomes:
                        return seen
                await asyncio.sleep(LOOK_SECONDS)

    async def read_to_end(self) -> None:
        """Read what is there now; the caller bounds the time."""
        await self._read_to(await self.end())

    async def _read_to(self, end: int) -> None:
        """Read on to an end that is known to be there; `_next` moves over markers, which nobody is given."""
        reading = self.reading
        self.consumer.seek(self.place, self._next)
        while self._next < end:
            fetched = await self.consumer.getmany(self.place, timeout_ms=1_000)
            for record in fetched.get(self.place, ()):
                key = record.key
                if key.startswith(WARM_UP_KEY):
                    self.warmed_up += 1
                else:
                    reading.rows += 1
                    reading.appended.append((record.timestamp, record.offset + 1))
                    note_decision(reading, key, record.offset, decode_outcome(record.value))
            self._next = await self.consumer.position(self.place)


def closed_figures(reading: LedgerReading, seen: Sequence[Seen]) -> Figures:
    """Compute what a closed loop gave, as `throughput_figures` does, start and warm-up left out.

    Returns:
        commands decided; commands_per_s by the broker's record times; ..._wall from one sight of committed
        outcomes to the last, and `usage_figures` between the two. What cannot be told, all being over at one
        look, is left out.
    """
    times = [time_ms for time_ms, _ in reading.appended]
    ends = [end for _, end in reading.appended]
    visible = [(sight, bisect_right(ends, sight.end)) for sight in seen]
    start, known = next((sight, count) for sight, count in visible if count)
    last, total = next((sight, count) for sight, count in visible if count == len(ends))
    later = len(times) - bisect_right(times, times[0])
    figures: Figures = {"commands": float(total)}
    if later and times[-1] > times[0]:
        figures["commands_per_s"] = later / (times[-1] - times[0]) * 1_000
    if total > known:
        figures["commands_per_s_wall"] = (total - known) / (last.seconds - start.seconds)
        figures |= usage_figures(start.look, last.look, total - known)
    return figures
