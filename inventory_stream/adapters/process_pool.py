"""Several processes of one kind under one parent: a core for each, started again when one ends.

A ledger worker that may not write any more ends itself (P7) and counts on being started again; its parent
does no work of its own that could keep it from that.
"""

import asyncio
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import structlog

log = structlog.get_logger(__name__)

BACK_OFF_SECONDS_MIN: Final = 0.1
"""First pause before a process is started again; doubled with each end in a row. Short, because one end is
usually a fence that did its work."""
BACK_OFF_SECONDS_MAX: Final = 5.0
"""Longest such pause: a process that cannot start (no broker) costs 0.5 s of CPU each time."""
HEALTHY_SECONDS: Final = 10.0
"""A process that ran this long was well; the pause after its next end is the shortest again."""
STOP_SECONDS_MAX: Final = 9.0
"""From SIGTERM to SIGKILL: a worker takes up to 8 s for its end, and all of it has to fit into 10."""

# prctl option of Linux: "signal to get when the parent dies".
_PR_SET_PDEATHSIG: Final = 1


class _Place:
    """One of the pool's processes over all its lives."""

    def __init__(self, number: int, environment: Mapping[str, str]) -> None:
        self.number = number
        self.environment = environment
        self.process: subprocess.Popen[bytes] | None = None
        self.pause_seconds = BACK_OFF_SECONDS_MIN


class ProcessPool:
    """Runs one command several times, until it is told to stop.

    Args:
        command: Program and arguments, the same for all.
        environments: Variables to set over this process's own, for each process.
        is_final: Says of an exit status that starting again cannot help: the pool ends with it.
    """

    def __init__(
        self,
        command: Sequence[str],
        environments: Sequence[Mapping[str, str]],
        is_final: Callable[[int], bool] = lambda _: False,
    ) -> None:
        self._command = list(command)
        self._places = [_Place(number, values) for number, values in enumerate(environments, 1)]
        self._is_final = is_final
        self._stopping = asyncio.Event()
        self._final_status = 0

    def stop(self) -> None:
        """Have every process end; `run` returns then."""
        self._stopping.set()

    @property
    def pids(self) -> list[int | None]:
        """The process ids in order; None between two lives."""
        return [None if place.process is None else place.process.pid for place in self._places]

    async def run(self) -> int:
        """Keep all processes running until `stop`.

        Returns:
            0 when all ended as they should, otherwise the status of one that did not (negative: the
            number of the signal that ended it).
        """
        statuses = await asyncio.gather(*(self._keep(place) for place in self._places))
        return self._final_status or next(filter(None, statuses), 0)

    async def _keep(self, place: _Place) -> int:
        """Run one process, life after life; gives how its last one ended."""
        while not self._stopping.is_set():
            began = time.monotonic()
            process = place.process = self._start(place)
            status = await self._ended(process)
            place.process = None
            if self._stopping.is_set():
                # Asked so early that it had not said yet how it wants to hear of it.
                return 0 if status == -signal.SIGTERM else status
            if self._is_final(status):
                self._final_status = status
                self.stop()
                return status
            if time.monotonic() - began >= HEALTHY_SECONDS:
                place.pause_seconds = BACK_OFF_SECONDS_MIN
            log.error(
                "process_ended",
                process=place.number,
                pid=process.pid,
                status=status,
                started_again_in_seconds=place.pause_seconds,
            )
            try:
                async with asyncio.timeout(place.pause_seconds):
                    await self._stopping.wait()
            except TimeoutError:
                place.pause_seconds = min(2 * place.pause_seconds, BACK_OFF_SECONDS_MAX)
        return 0

    def _start(self, place: _Place) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(  # noqa: S603  # our own program
            self._command,
            env=os.environ | place.environment,
            stdin=subprocess.DEVNULL,
            preexec_fn=_end_with(os.getpid()),  # noqa: PLW1509  # the parent has no thread that holds a lock
        )
        log.info("process_started", process=place.number, pid=process.pid)
        return process

    async def _ended(self, process: subprocess.Popen[bytes]) -> int:
        """Wait for the end of a process, asking it for one when the pool stops; gives its status.

        Negative: the number of the signal that ended it.
        """
        # A descriptor that is readable once the process is dead: no thread waits for it.
        descriptor = os.pidfd_open(process.pid)
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()
        loop.add_reader(descriptor, ended.set)
        try:
            end_seen = asyncio.ensure_future(ended.wait())
            stop_seen = asyncio.ensure_future(self._stopping.wait())
            await asyncio.wait([end_seen, stop_seen], return_when=asyncio.FIRST_COMPLETED)
            stop_seen.cancel()
            if not ended.is_set():
                process.terminate()
                await asyncio.wait([end_seen], timeout=STOP_SECONDS_MAX)
            if not ended.is_set():
                log.error("process_killed", pid=process.pid, seconds=STOP_SECONDS_MAX)
                process.kill()
            await end_seen
        finally:
            loop.remove_reader(descriptor)
            os.close(descriptor)
        return process.wait()


def _end_with(parent_pid: int) -> Callable[[], None] | None:
    """Give what a new process runs first: it is asked to end when its parent dies, however that was."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)

    def before_exec() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent_pid:  # it died in between
            os._exit(1)

    return before_exec
