"""What Kafka and Valkey have in common here: start, wait for an answer, stop, crash, suspend."""

import os
import time
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Final, Self

from inventory_stream.devservers import locks, logs, ports
from inventory_stream.devservers.errors import (
    DataDirInUseError,
    PortTakenError,
    ServerStartError,
    ServerStateError,
)
from inventory_stream.devservers.guarded import GuardedProcess
from inventory_stream.devservers.probes import ProbeError

# From SIGTERM to SIGKILL. Kafka ends in 0.3 s and Valkey in 0.1 s here when nothing
# else runs; fifty times that is a machine in trouble, and SIGKILL loses nothing that was acknowledged.
GRACE_SECONDS: Final = 15.0

# How long a start waits for a former server to leave the data folder: one that was orphaned
# by a killed owner has GRACE_SECONDS to end, then it is killed.
DATA_DIR_SECONDS_MAX: Final = GRACE_SECONDS + 5.0

# Pause between two questions to a starting server; Valkey answers after 10 ms, Kafka after 2 s.
PROBE_INTERVAL_SECONDS: Final = 0.05

# Starts with freshly chosen ports. Another process can take a port between our look and the
# server's bind; five times in a row is something else than chance.
BIND_TRIES_MAX: Final = 5

# What both servers log when the port is not theirs.
BIND_FAILURE_TEXT: Final = "Address already in use"


class DevServer(ABC):
    """A server process with a data folder and ports that stay the same across restarts.

    Use as a context manager, or call `start` and `stop`. Not for use by several threads
    at once. Whatever happens to this process, the server does not outlive it.
    """

    name: ClassVar[str]
    """Names the server in messages and its log file."""

    port_count: ClassVar[int]
    """Ports that it listens on; the first is the one for clients."""

    start_seconds_max: ClassVar[float]
    """From start to the first answer, before the start counts as failed."""

    def __init__(self, data_dir: Path, port: int | None) -> None:
        """Describe a server; nothing runs before `start`.

        Args:
            data_dir: Folder of its data and log, made when absent, kept when it stops.
            port: Port for clients; None chooses a free one at the first start.
        """
        self.data_dir = data_dir.absolute()
        self.log_path = self.data_dir / f"{self.name}.log"
        self._wanted_port = port
        # Chosen by the first successful start and kept from then on.
        self._ports: tuple[int, ...] = ()
        self._process: GuardedProcess | None = None

    @abstractmethod
    def _prepare(self) -> None:
        """Do once what the first start needs; the data folder exists and is ours."""

    @abstractmethod
    def _command(self, server_ports: tuple[int, ...]) -> list[str]:
        """Return the command that serves on these ports, having written its settings."""

    @abstractmethod
    def _check_answer(self, server_ports: tuple[int, ...], process_id: int | None) -> None:
        """Return when the server answers as ours; raise ProbeError otherwise."""

    @property
    def port(self) -> int:
        """The port for clients; known after the first start."""
        return self._port_at(0)

    @property
    def process_id(self) -> int:
        """The running server's process id."""
        process = self._running()
        if process.pid is None:
            raise ServerStateError(f"{self.name} has no process id")
        return process.pid

    def _port_at(self, index: int) -> int:
        if not self._ports:
            raise ServerStateError(f"{self.name} has no port before its first start")
        return self._ports[index]

    def fileno(self) -> int:
        """Return a descriptor for select: readable once the server has exited by itself."""
        return self._running().fileno()

    def is_running(self) -> bool:
        """Tell whether the process lives, suspended or not."""
        return self._process is not None and self._process.is_running()

    def start(self) -> None:
        """Start the server and return when it answers.

        Raises:
            MissingToolError: A program that it needs is absent or too old.
            JarFetchError: Kafka's jars could not be fetched.
            CacheError: They could not be kept.
            DataDirInUseError: Another server has the data folder.
            PortTakenError: The port was given, or is kept from the last start, and is taken.
            ServerStartError: It ended or did not answer in time; carries the end of its log.
            ServerStateError: It runs already.
        """
        if self.is_running():
            raise ServerStateError(f"{self.name} runs already")
        self.data_dir.mkdir(parents=True, exist_ok=True)
        lock = locks.acquire(self.data_dir / f"{self.name}.lock", DATA_DIR_SECONDS_MAX)
        if lock is None:
            raise DataDirInUseError(f"another {self.name} uses the folder {self.data_dir}")
        try:
            self._prepare()
            for tries_left in reversed(range(BIND_TRIES_MAX)):
                server_ports = self._ports or self._choose_ports()
                try:
                    self._process = self._start_on(server_ports, lock)
                except PortTakenError:
                    if self._ports or self._wanted_port is not None or not tries_left:
                        raise
                else:
                    self._ports = server_ports
                    return
        finally:
            os.close(lock)  # the guardian has inherited it

    def stop(self) -> None:
        """Let the server end in order; kill it when it takes too long. Nothing when it is not running."""
        if self._process is not None:
            self._process.stop()
            self._process = None

    def kill(self) -> None:
        """Crash the server (SIGKILL); its data folder stays as the crash left it."""
        self._running().kill()
        self._process = None

    def pause(self) -> None:
        """Suspend the server (SIGSTOP): connections stay open, nothing is answered."""
        self._running().pause()

    def resume(self) -> None:
        """Let a suspended server go on (SIGCONT)."""
        self._running().resume()

    def restart(self) -> None:
        """Stop the server if it runs, and start it on the same ports and data."""
        self.stop()
        self.start()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _running(self) -> GuardedProcess:
        if self._process is None or not self._process.is_running():
            raise ServerStateError(f"{self.name} is not running; its log: {self.log_path}")
        return self._process

    def _choose_ports(self) -> tuple[int, ...]:
        if self._wanted_port is None:
            return tuple(ports.free_ports(self.port_count))
        others = ports.free_ports(self.port_count - 1, besides=self._wanted_port)
        return (self._wanted_port, *others)

    def _start_on(self, server_ports: tuple[int, ...], lock: int) -> GuardedProcess:
        for port in server_ports:
            if not ports.is_free(port):
                raise PortTakenError(
                    f"{self.name} cannot listen on {ports.LOOPBACK}:{port}: it is taken, or not permitted"
                )
        log_offset_bytes = self.log_path.stat().st_size if self.log_path.exists() else 0
        process = GuardedProcess(
            self._command(server_ports),
            log_path=self.log_path,
            working_dir=self.data_dir,
            grace_seconds=GRACE_SECONDS,
            kept_descriptors=(lock,),
        )
        try:
            self._await_answer(process, server_ports, log_offset_bytes)
        except BaseException:  # also Ctrl-C: nobody would stop it otherwise
            process.kill()
            raise
        return process

    def _await_answer(
        self, process: GuardedProcess, server_ports: tuple[int, ...], log_offset_bytes: int
    ) -> None:
        deadline_seconds = time.monotonic() + self.start_seconds_max
        while True:
            try:
                self._check_answer(server_ports, process.pid)
            except ProbeError as error:
                reason = str(error)
            else:
                return
            status = process.wait(PROBE_INTERVAL_SECONDS)
            if status is not None:
                log_tail = logs.tail(self.log_path, log_offset_bytes)
                if BIND_FAILURE_TEXT in logs.read_since(self.log_path, log_offset_bytes):
                    raise PortTakenError(f"{self.name} found a port of {server_ports} taken.\n{log_tail}")
                raise ServerStartError(f"{self.name} ended with status {status} while starting.\n{log_tail}")
            if time.monotonic() >= deadline_seconds:
                raise ServerStartError(
                    f"{self.name} gave no answer within {self.start_seconds_max:g} s ({reason}).\n"
                    + logs.tail(self.log_path, log_offset_bytes)
                )
