"""Keeps worker processes running: what compose and k8s do for a user, for demo, tests and benchmarks.

A ledger worker that may not write any more ends itself (P7) and counts on being started again.

    with Supervisor(folder) as supervisor:
        supervisor.start("ledger-1", [sys.executable, "-m", "inventory_stream", "worker", "ledger"])
        supervisor.kill("ledger-1")          # as a crash would; it is started again

Each process stands under a guardian (guardian.py), so none outlives this process, however it dies.
"""

import os
import select
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from inventory_stream.devservers.errors import GuardianError, ServerStateError
from inventory_stream.devservers.guarded import GuardedProcess

# Pause before a process is started again: doubled with each exit in a row, up to the last. The
# first is short because one exit is usually a fence that did its work; the last keeps a process
# that cannot start (no broker) from eating a core: a start costs about 0.5 s of CPU.
BACK_OFF_SECONDS_MIN: Final = 0.1
BACK_OFF_SECONDS_MAX: Final = 5.0

# A process that ran this long was healthy; its next exit starts with the shortest pause again.
HEALTHY_SECONDS: Final = 10.0

# From SIGTERM to SIGKILL. Workers promise to end within 10 s.
GRACE_SECONDS: Final = 12.0


class _Program:
    """One named program over all its lives; touched under the supervisor's lock only."""

    def __init__(self, command: Sequence[str], log_path: Path) -> None:
        self.command = list(command)
        self.log_path = log_path
        self.process: GuardedProcess | None = None
        self.exit_statuses: list[int] = []
        self.started_seconds = 0.0
        self.pause_seconds = BACK_OFF_SECONDS_MIN
        self.start_at_seconds: float | None = None
        """When to start it again (monotonic); None while it runs, or when it is over."""


class Supervisor:
    """Starts programs, starts them again when they fail, and stops them all at the end.

    Safe to call from several threads. A program that exits with status 0 is over.
    """

    def __init__(self, log_dir: Path, *, working_dir: Path | None = None) -> None:
        """Make a supervisor without programs.

        Args:
            log_dir: Gets `<name>.log` of each program, appended over its lives.
            working_dir: Of all programs; this process's when None.
        """
        self._log_dir = log_dir
        self._working_dir = working_dir if working_dir is not None else Path.cwd()
        self._programs: dict[str, _Program] = {}
        self._changed = threading.Condition()
        self._is_stopping = False
        # Wakes the thread out of its select when there is something new to watch.
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._thread = threading.Thread(target=self._watch, name="supervisor", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.stop_all()

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        """Start a program and keep it running.

        Args:
            name: What it is called here, and its log file.
            command: Program and arguments.
            environment: Variables to set over this process's own.

        Raises:
            ServerStateError: the name is taken, or the supervisor has been stopped.
            GuardianError: the process could not be started at all.
        """
        variables = [f"{key}={value}" for key, value in (environment or {}).items()]
        with self._changed:
            if self._is_stopping or name in self._programs:
                raise ServerStateError(f"cannot start {name!r}: stopped already, or the name is taken")
            self._log_dir.mkdir(parents=True, exist_ok=True)
            full_command = ["env", *variables, *command] if variables else command
            program = _Program(full_command, self.log_path(name))
            self._programs[name] = program
            self._launch(program)
        self._wake()

    def log_path(self, name: str) -> Path:
        """Where a program's output goes."""
        return self._log_dir / f"{name}.log"

    def pid(self, name: str) -> int | None:
        """Return the process id of a program; None between two lives and when it is over."""
        with self._changed:
            process = self._programs[name].process
            return process.pid if process is not None else None

    def exit_statuses(self, name: str) -> list[int]:
        """Return how each life of a program ended (negative: the signal), oldest first."""
        with self._changed:
            return list(self._programs[name].exit_statuses)

    def wait_for_exits(self, name: str, count: int, timeout_seconds: float) -> bool:
        """Wait until a program has ended `count` times; False when it has not in time."""
        with self._changed:
            return self._changed.wait_for(
                lambda: len(self._programs[name].exit_statuses) >= count, timeout_seconds
            )

    def wait_until_running(self, name: str, timeout_seconds: float) -> bool:
        """Wait until a program has a process; False when it has none in time."""
        with self._changed:
            return self._changed.wait_for(lambda: self._programs[name].process is not None, timeout_seconds)

    def kill(self, name: str) -> int:
        """End a program's process with SIGKILL, as a crash would; it is started again.

        Returns:
            The id of the process that was killed.
        """
        with self._changed:
            process = self._running(name)
            process.kill()
            self._note_exit(self._programs[name])
        self._wake()
        assert process.pid is not None  # noqa: S101 - it ran
        return process.pid

    def pause(self, name: str) -> None:
        """Suspend a program (SIGSTOP); on return all its threads stand still."""
        with self._changed:
            self._running(name).pause()

    def resume(self, name: str) -> None:
        """Let a suspended program go on (SIGCONT)."""
        with self._changed:
            self._running(name).resume()

    def stop(self, name: str) -> int | None:
        """Ask a program to end (SIGTERM, then SIGKILL) and do not start it again.

        Returns:
            Its exit status; None when it was not running.
        """
        with self._changed:
            program = self._programs[name]
            program.start_at_seconds = None
            process = program.process
            program.process = None
        status = process.stop() if process is not None else None
        with self._changed:
            if status is not None:
                program.exit_statuses.append(status)
            self._changed.notify_all()
        return status

    def stop_all(self) -> None:
        """Stop every program, all at once, and the supervisor; may be called twice."""
        with self._changed:
            if self._is_stopping:
                return
            self._is_stopping = True
            names = list(self._programs)
        self._wake()
        self._thread.join()
        stops = [threading.Thread(target=self._stop_quietly, args=(name,)) for name in names]
        for stop in stops:
            stop.start()
        for stop in stops:
            stop.join()
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _stop_quietly(self, name: str) -> None:
        with suppress(GuardianError):  # its guardian died, and the kernel killed the process with it
            self.stop(name)

    def _running(self, name: str) -> GuardedProcess:
        process = self._programs[name].process
        if process is None:
            raise ServerStateError(f"{name!r} is not running; its log: {self.log_path(name)}")
        return process

    def _launch(self, program: _Program) -> None:
        program.start_at_seconds = None
        program.started_seconds = time.monotonic()
        program.process = GuardedProcess(
            program.command,
            log_path=program.log_path,
            working_dir=self._working_dir,
            grace_seconds=GRACE_SECONDS,
        )
        self._changed.notify_all()

    def _note_exit(self, program: _Program) -> None:
        """Record the end of a life and plan the next."""
        process, program.process = program.process, None
        assert process is not None  # noqa: S101 - callers saw it exit
        assert process.exit_status is not None  # noqa: S101 - as above
        program.exit_statuses.append(process.exit_status)
        now_seconds = time.monotonic()
        if now_seconds - program.started_seconds >= HEALTHY_SECONDS:
            program.pause_seconds = BACK_OFF_SECONDS_MIN
        if process.exit_status != 0:
            program.start_at_seconds = now_seconds + program.pause_seconds
            program.pause_seconds = min(program.pause_seconds * 2, BACK_OFF_SECONDS_MAX)
        self._changed.notify_all()

    def _wake(self) -> None:
        with suppress(BlockingIOError):  # full: it is about to wake anyway
            os.write(self._wake_write, b"x")

    def _watch(self) -> None:
        """Notice exits and start again what is due; the thread's body."""
        while True:
            with self._changed:
                if self._is_stopping:
                    return
                watched = [program.process for program in self._programs.values() if program.process]
                due = [at for program in self._programs.values() if (at := program.start_at_seconds)]
            wait_seconds = max(0.0, min(due) - time.monotonic()) if due else None
            with suppress(ValueError, OSError):  # one was stopped meanwhile: its descriptor is closed
                descriptors = [process.fileno() for process in watched]
                select.select([self._wake_read, *descriptors], [], [], wait_seconds)
            with suppress(BlockingIOError):
                os.read(self._wake_read, 1_024)
            with self._changed:
                for program in self._programs.values():
                    self._look_after(program)

    def _look_after(self, program: _Program) -> None:
        if self._is_stopping:
            return
        try:
            if program.process is not None and not program.process.is_running():
                self._note_exit(program)
            elif program.start_at_seconds is not None and program.start_at_seconds <= time.monotonic():
                self._launch(program)
        except GuardianError as error:
            # The guardian failed, which killed the process: a life that ended like any other.
            sys.stderr.write(f"supervisor: {error}\n")
            if program.process is not None and program.process.exit_status is not None:
                self._note_exit(program)
            else:
                program.start_at_seconds = time.monotonic() + BACK_OFF_SECONDS_MAX
