"""A peer's program as a process that cannot outlive the benchmark."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import psutil

from benchmarks.subjects import SubjectEndedError
from inventory_stream.devservers import logs
from inventory_stream.devservers.guarded import GuardedProcess

GRACE_SECONDS: Final = 5.0
"""From SIGTERM to SIGKILL: nothing of a peer's is needed after its run."""


class PeerProcess:
    """One running program; a context manager that ends it.

    Args:
        name: Of its log file in `folder`.
        command: Program and arguments.
        folder: Its working folder.
    """

    def __init__(self, name: str, command: Sequence[str], folder: Path) -> None:
        self._name = name
        self._log_path = folder / f"{name}.log"
        self._process = GuardedProcess(
            command,
            log_path=self._log_path,
            working_dir=folder,
            grace_seconds=GRACE_SECONDS,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def cpu_seconds(self) -> float:
        """Give the CPU time of all its threads, user and system. No peer starts processes of its own.

        Raises:
            SubjectEndedError: it has ended by itself.
        """
        return self._look()[0]

    def resident_bytes(self) -> int:
        """Give its resident memory.

        Raises:
            SubjectEndedError: it has ended by itself.
        """
        return self._look()[1]

    def _look(self) -> tuple[float, int]:
        """Give CPU seconds and resident bytes."""
        if self._process.is_running() and self._process.pid is not None:
            with suppress(psutil.NoSuchProcess):  # it has ended, and its guardian has yet to say so
                process = psutil.Process(self._process.pid)
                times = process.cpu_times()
                return float(times.user + times.system), int(process.memory_info().rss)
        raise SubjectEndedError(f"{self._name} ended while it was measured.\n{logs.tail(self._log_path)}")

    def stop(self) -> None:
        """End it; one that has ended is left alone."""
        if self._process.is_running():
            self._process.stop()
