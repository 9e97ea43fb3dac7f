"""What the demo runs on: Kafka, Valkey, two ledger workers and the projection, as real processes."""

import sys
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Self

from inventory_stream.demo.errors import DemoError
from inventory_stream.devservers import JVM_FOR_LOAD, KafkaServer, ValkeyServer
from inventory_stream.devservers import KafkaSettings as BrokerSettings
from inventory_stream.devservers.ports import LOOPBACK, free_ports
from inventory_stream.devservers.supervisor import Supervisor
from inventory_stream.settings import ENV_PREFIX, KafkaSettings, RedisSettings, Settings, WorkerSettings

LEDGER_WORKERS: Final = ("ledger-1", "ledger-2")
PROJECTION: Final = "projection"
WORKERS: Final = (*LEDGER_WORKERS, PROJECTION)

PARTITIONS: Final = 4
"""Two for each worker; more would only add requests on a machine of two cores."""

_LOG_TAIL_LINES: Final = 5


class WorkerState(NamedTuple):
    """One worker process now. `pid` None: between two lives, or over."""

    name: str
    pid: int | None
    exit_statuses: tuple[int, ...]


class Stage:
    """Start servers and workers; whatever happens to this process, none of them outlives it."""

    def __init__(self, data_dir: Path) -> None:
        """Describe a stage in a folder that is empty or absent; `start_servers` makes it.

        Raises:
            DemoError: the folder has something in it already.
        """
        if data_dir.exists() and (not data_dir.is_dir() or any(data_dir.iterdir())):
            raise DemoError(f"--data-dir {data_dir}: not an empty folder; name another, or empty this one")
        self.data_dir = data_dir.absolute()
        self._open = ExitStack()
        self._kafka = KafkaServer(self.data_dir / "kafka", BrokerSettings(jvm_options=JVM_FOR_LOAD))
        self._valkey = ValkeyServer(self.data_dir / "valkey")
        self._supervisor: Supervisor | None = None
        self._settings: Settings | None = None
        self._ports: dict[str, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def settings(self) -> Settings:
        """Settings of everything on the stage; known once the servers run."""
        if self._settings is None:
            raise DemoError("the servers do not run yet")
        return self._settings

    def start_servers(self) -> None:
        """Start Kafka and Valkey; returns when both answer.

        Raises:
            DevServerError: a tool is missing or a server does not start; one line says what to do.
        """
        self._open.enter_context(self._valkey)
        self._open.enter_context(self._kafka)
        self._settings = Settings(
            kafka=KafkaSettings(
                bootstrap_servers=self._kafka.bootstrap_servers, topic_prefix="demo-", partitions=PARTITIONS
            ),
            redis=RedisSettings(url=self._valkey.url),
            worker=WorkerSettings(data_dir=self.data_dir / "scratch"),
        )

    def start_workers(self) -> None:
        """Start the workers under a supervisor, which starts each again that fails."""
        self._supervisor = self._open.enter_context(Supervisor(self.data_dir / "logs"))
        self._ports = dict(zip(WORKERS, free_ports(len(WORKERS)), strict=True))
        program = [sys.executable, "-m", "inventory_stream.cli", "worker"]
        for name in LEDGER_WORKERS:
            # Static membership: the group waits for a worker that was killed instead of moving its
            # partitions twice, so recovery is a restart, not a session timeout (6 s).
            environment = {**self._environment_of(name), f"{ENV_PREFIX}WORKER__INSTANCE_ID": name}
            self._supervisor.start(name, [*program, "ledger"], environment)
        self._supervisor.start(PROJECTION, [*program, "projection"], self._environment_of(PROJECTION))

    def stop(self) -> None:
        """Stop everything in reverse order; may be called twice. Bounded: see Supervisor and DevServer."""
        self._open.close()

    @property
    def environment(self) -> dict[str, str]:
        """Variables with which `inventory-stream` commands talk to this stage."""
        settings = self.settings
        return {
            f"{ENV_PREFIX}KAFKA__BOOTSTRAP_SERVERS": settings.kafka.bootstrap_servers,
            f"{ENV_PREFIX}KAFKA__TOPIC_PREFIX": settings.kafka.topic_prefix,
            f"{ENV_PREFIX}KAFKA__PARTITIONS": str(settings.kafka.partitions),
            f"{ENV_PREFIX}REDIS__URL": settings.redis.url,
            f"{ENV_PREFIX}WORKER__DATA_DIR": str(settings.worker.data_dir),
        }

    def _environment_of(self, worker: str) -> dict[str, str]:
        return {**self.environment, f"{ENV_PREFIX}MONITORING__PORT": str(self._ports[worker])}

    @property
    def monitoring_urls(self) -> dict[str, str]:
        """Where each worker says how it is (/metrics, /live, /ready), by its name."""
        return {name: f"http://{LOOPBACK}:{port}" for name, port in self._ports.items()}

    def workers(self) -> list[WorkerState]:
        """Give every worker's state."""
        supervisor = self._supervisor
        if supervisor is None:
            return []
        return [
            WorkerState(name, supervisor.pid(name), tuple(supervisor.exit_statuses(name))) for name in WORKERS
        ]

    def kill(self, worker: str) -> int:
        """Kill a worker with SIGKILL, as a crash would; gives its process id. It is started again."""
        if self._supervisor is None:
            raise DemoError("the workers do not run")
        return self._supervisor.kill(worker)

    def log_tails(self) -> str:
        """Give the last lines of every worker's log, for a message about what went wrong."""
        if self._supervisor is None:
            return ""
        parts = []
        for name in WORKERS:
            path = self._supervisor.log_path(name)
            lines = path.read_text(errors="replace").splitlines() if path.exists() else []
            parts += [f"--- {name} ({path})", *lines[-_LOG_TAIL_LINES:]]
        return "\n".join(parts)
