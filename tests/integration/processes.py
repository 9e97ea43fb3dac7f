"""Waits for what other processes do: with a deadline, without sleeping."""

import os
import select
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Self

# Bounds waits that take under a second when all is well. The longest is a server's orderly
# end, for which its guardian allows 15 s before it kills.
DEADLINE_SECONDS = 60.0


class Mailbox:
    """A named pipe into which programs under test write lines, to say how far they have come."""

    def __init__(self, path: Path) -> None:
        self.path = path
        os.mkfifo(path)
        # Open for writing too: writers never wait for us, and we never see an end of file.
        self._descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        self._unread = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    def read_line(self) -> str:
        """Return the next line once it is written."""
        while b"\n" not in self._unread:
            ready, _, _ = select.select([self._descriptor], [], [], DEADLINE_SECONDS)
            assert ready, f"nobody wrote to {self.path} within {DEADLINE_SECONDS:g} s"
            self._unread += os.read(self._descriptor, 1024)
        line, _, self._unread = self._unread.partition(b"\n")
        return line.decode()

    def waiting(self) -> str:
        """Return what has been written and not been read."""
        with suppress(BlockingIOError):
            self._unread += os.read(self._descriptor, 1024)
        return self._unread.decode()


class Deaths:
    """Sees processes die, also where nobody reaps them (a container without an init), and no others."""

    def __init__(self, pids: list[int]) -> None:
        self._open = ExitStack()
        self._pidfds: dict[int, int] = {}
        for pid in pids:
            pidfd = os.pidfd_open(pid)
            self._open.callback(os.close, pidfd)
            self._pidfds[pidfd] = pid

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def still_alive(self, within_seconds: float = DEADLINE_SECONDS) -> list[int]:
        """Return the ids of those that have not died in time; returns as soon as all have."""
        deadline_seconds = time.monotonic() + within_seconds
        alive = dict(self._pidfds)
        while alive:
            dead, _, _ = select.select(list(alive), [], [], max(0.0, deadline_seconds - time.monotonic()))
            if not dead:
                break
            for pidfd in dead:
                del alive[pidfd]
        return list(alive.values())
