"""A process that cannot outlive the one that started it: the parent's end of guardian.py."""

import os
import select
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from inventory_stream.devservers.errors import GuardianError

GUARDIAN_PATH: Final = Path(__file__).with_name("guardian.py")

# How long the guardian may take to answer an order or to say that it has started. Normally
# 0.1 s; on a machine with every core busy a Python start has taken 2 s. It only bounds a
# fault: nothing waits this long when all is well.
REPORT_SECONDS_MAX: Final = 30.0

# A report is one short line; this is far more than the longest, "exited -15".
REPORT_READ_BYTES: Final = 256


class GuardedProcess:
    """One running command; ends with `stop`, with `kill`, or with the process that made it.

    A child that the owner forks without exec (multiprocessing's "fork") may hold the pipe
    open; the owner's own end is still noticed where the kernel has pidfds (Linux 5.3).
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        log_path: Path,
        working_dir: Path,
        grace_seconds: float,
        kept_descriptors: Sequence[int] = (),
    ) -> None:
        """Start the command.

        Args:
            command: Program and arguments.
            log_path: File that gets the command's output, appended.
            working_dir: The command's working folder.
            grace_seconds: Time from SIGTERM to SIGKILL when it is asked to end.
            kept_descriptors: Descriptors that the guardian (not the command) keeps open as
                long as it lives: a lock held so outlives a killed owner by as much as the
                command does.

        Raises:
            GuardianError: The guardian did not report a start in time.
        """
        self.grace_seconds = grace_seconds
        self.exit_status: int | None = None
        self.pid: int | None = None
        self._unread = b""
        with log_path.open("ab") as log:
            self._guardian = subprocess.Popen(  # noqa: S603 - our own program with our own arguments
                [
                    *(sys.executable, "-I", "-S", str(GUARDIAN_PATH)),
                    *(str(os.getpid()), str(grace_seconds), *command),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=working_dir,
                pass_fds=kept_descriptors,
                # Its own session: a terminal's Ctrl-C reaches the owner alone, who ends
                # things in order.
                start_new_session=True,
                bufsize=0,
            )
        try:
            first = self._read_report(REPORT_SECONDS_MAX)
        except BaseException:
            self._abandon()
            raise
        if first.startswith("started "):
            self.pid = int(first.removeprefix("started "))

    def fileno(self) -> int:
        """Return a descriptor for select: readable once the command has exited."""
        assert self._guardian.stdout is not None  # noqa: S101 - for the type checker: PIPE was asked for
        return self._guardian.stdout.fileno()

    def is_running(self) -> bool:
        """Tell whether the command has not exited yet."""
        return self.wait(0.0) is None

    def wait(self, timeout_seconds: float) -> int | None:
        """Return the exit status (negative: the signal that killed it), or None if still running."""
        if self.exit_status is None and self._has_report(timeout_seconds):
            self._read_report(REPORT_SECONDS_MAX)
        if self.exit_status is not None:
            self._reap()
        return self.exit_status

    def stop(self) -> int:
        """Ask the command to end, kill it when it does not within `grace_seconds`; return its status."""
        self._close_orders()
        return self._wait_until_over(self.grace_seconds + REPORT_SECONDS_MAX)

    def kill(self) -> int:
        """End the command with SIGKILL, as a crash would; return its exit status."""
        self._order(b"K")
        return self._wait_until_over(REPORT_SECONDS_MAX)

    def pause(self) -> None:
        """Suspend the command (SIGSTOP); on return every thread of it stands still."""
        self._order(b"S")

    def resume(self) -> None:
        """Let a suspended command go on (SIGCONT)."""
        self._order(b"C")

    def _order(self, order: bytes) -> None:
        if self.exit_status is not None:
            return
        assert self._guardian.stdin is not None  # noqa: S101 - for the type checker: PIPE was asked for
        with suppress(BrokenPipeError):  # the command, and so the guardian, has just ended
            self._guardian.stdin.write(order)
        self._read_report(REPORT_SECONDS_MAX)

    def _wait_until_over(self, timeout_seconds: float) -> int:
        deadline_seconds = time.monotonic() + timeout_seconds
        while self.exit_status is None:
            self._read_report(max(0.0, deadline_seconds - time.monotonic()))
        self._reap()
        return self.exit_status

    def _has_report(self, timeout_seconds: float) -> bool:
        if b"\n" in self._unread:
            return True
        ready, _, _ = select.select([self], [], [], timeout_seconds)
        return bool(ready)

    def _read_report(self, timeout_seconds: float) -> str:
        """Return the next report; an exit, also one unasked for, is noted in `exit_status`."""
        deadline_seconds = time.monotonic() + timeout_seconds
        while b"\n" not in self._unread:
            if not self._has_report(max(0.0, deadline_seconds - time.monotonic())):
                self._abandon()
                raise GuardianError(
                    f"process {self.pid}: no word from its guardian for {timeout_seconds:g} s"
                )
            received = os.read(self.fileno(), REPORT_READ_BYTES)
            if not received:
                self._abandon()
                raise GuardianError(f"process {self.pid}: its guardian died, which has killed it too")
            self._unread += received
        line, _, self._unread = self._unread.partition(b"\n")
        report = line.decode()
        if report.startswith("exited "):
            self.exit_status = int(report.removeprefix("exited "))
        return report

    def _abandon(self) -> None:
        """Kill a guardian that fails us; the kernel kills the command with it."""
        self._guardian.kill()
        self._reap()

    def _close_orders(self) -> None:
        if self._guardian.stdin is not None:
            self._guardian.stdin.close()

    def _reap(self) -> None:
        self._close_orders()
        self._guardian.wait(REPORT_SECONDS_MAX)
        if self.exit_status is None:
            self.exit_status = self._guardian.returncode
        if self._guardian.stdout is not None:
            self._guardian.stdout.close()


def run_guarded(
    command: Sequence[str], *, log_path: Path, working_dir: Path, timeout_seconds: float
) -> int | None:
    """Run a short command to its end; return its exit status, or None when it took too long."""
    process = GuardedProcess(command, log_path=log_path, working_dir=working_dir, grace_seconds=1.0)
    try:
        return process.wait(timeout_seconds)
    finally:
        if process.exit_status is None:
            process.stop()
