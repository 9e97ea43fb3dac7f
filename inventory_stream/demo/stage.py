"""What the demo runs on: Kafka, Valkey, ledger workers, projection and gateways, as real processes."""

import sys
import time
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Self

from inventory_stream.demo.channels_shop import CHANNELS, ChannelFiles
from inventory_stream.demo.errors import DemoError
from inventory_stream.demo.gateway_entry import Gateway
from inventory_stream.demo.shop import Shop
from inventory_stream.devservers import JVM_FOR_LOAD, KafkaServer, ValkeyServer
from inventory_stream.devservers import KafkaSettings as BrokerSettings
from inventory_stream.devservers.ports import LOOPBACK, free_ports
from inventory_stream.devservers.supervisor import Supervisor
from inventory_stream.settings import ENV_PREFIX, KafkaSettings, RedisSettings, Settings, WorkerSettings

LEDGER_WORKERS: Final = ("ledger-1", "ledger-2")
PROJECTION: Final = "projection"
GATEWAYS: Final = ("gateway-1", "gateway-2")
"""Two, so that who loses one can ask the other."""

CHANNEL_WORKER: Final = "channels-1"
SANDBOX: Final = "sandbox"
SANDBOX_SECONDS_MAX: Final = 30.0
"""Longest wait for the fakes to stand: 2 s here."""

PARTITIONS: Final = 4
"""Two for each worker; more would only add requests on a machine of two cores."""

WEBHOOKS_AT: Final = GATEWAYS[1]
"""Where channels send their webhooks: the one that nobody kills."""

LOOK_SECONDS: Final = 0.05
_LOG_TAIL_LINES: Final = 5
PROGRAM: Final = (sys.executable, "-P", "-m", "inventory_stream.cli")
"""-P: nothing is imported from the folder that the demo was called in."""


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
        self._shop: Shop | None = None
        self._gateway_ports: dict[str, int] = {}
        self._sandbox_port = 0
        self._channels = ChannelFiles(self.data_dir / "channels")

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
        supervisor = self._supervisor = self._open.enter_context(Supervisor(self.data_dir / "logs"))
        names = (*LEDGER_WORKERS, PROJECTION)
        self._ports = dict(zip(names, free_ports(len(names)), strict=True))
        for name in LEDGER_WORKERS:
            # Static membership: the group waits for a worker that was killed instead of moving its
            # partitions twice, so recovery is a restart, not a session timeout (6 s).
            environment = {**self._environment_of(name), f"{ENV_PREFIX}WORKER__INSTANCE_ID": name}
            supervisor.start(name, [*PROGRAM, "worker", "ledger"], environment)
        supervisor.start(PROJECTION, [*PROGRAM, "worker", "projection"], self._environment_of(PROJECTION))
        self._start_sandbox(supervisor)

    def _start_sandbox(self, supervisor: Supervisor) -> None:
        """Start the fake channels; gateways and channel workers read the files that it writes."""
        self._sandbox_port, *ports = free_ports(1 + len(GATEWAYS))
        self._gateway_ports = dict(zip(GATEWAYS, ports, strict=True))
        files = self._channels
        files.write_listings()
        options = {
            "--channels": ",".join(CHANNELS),
            "--port": str(self._sandbox_port),
            "--write-config": str(files.folder),
            "--listings": str(files.listings),
            "--gateway": self.gateway_urls[WEBHOOKS_AT],
        }
        words = [word for option in options.items() for word in option]
        supervisor.start(SANDBOX, [*PROGRAM, "sandbox", *words], self.environment)

    def start_gateways(self) -> None:
        """Start the gateways and the channel worker beside the others, with keys and secrets of their own.

        Raises:
            DemoError: the fake channels do not stand.
        """
        if self._supervisor is None:
            raise DemoError("the workers do not run")
        self._wait_for_sandbox()
        shop = self._shop = Shop(self.data_dir / "shop")
        names = (*GATEWAYS, CHANNEL_WORKER)
        self._ports |= dict(zip(names, free_ports(len(names)), strict=True))
        for name, port in self._gateway_ports.items():
            environment = {
                **self._environment_of(name),
                **shop.environment(port),
                f"{ENV_PREFIX}CHANNELS__WEBHOOKS_URL": self.gateway_urls[name],
            }
            self._supervisor.start(name, [*PROGRAM, "gateway"], environment)
        environment = {
            **self._environment_of(CHANNEL_WORKER),
            f"{ENV_PREFIX}WORKER__INSTANCE_ID": CHANNEL_WORKER,
        }
        self._supervisor.start(CHANNEL_WORKER, [*PROGRAM, "worker", "channels"], environment)

    def _wait_for_sandbox(self) -> None:
        """Wait for the mapping, which it writes last, and for its door."""
        deadline = time.monotonic() + SANDBOX_SECONDS_MAX
        while not self._channels.mapping.exists():
            if time.monotonic() > deadline:
                raise DemoError(
                    f"the sandbox did not start in {SANDBOX_SECONDS_MAX:.0f} s\n{self.log_tails()}"
                )
            time.sleep(LOOK_SECONDS)

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
            f"{ENV_PREFIX}CHANNELS__REGISTRY_FILE": str(self._channels.registry),
            f"{ENV_PREFIX}CHANNELS__MAPPING_FILE": str(self._channels.mapping),
            f"{ENV_PREFIX}CHANNELS__ALLOW_LOOPBACK": "true",
        }

    def _environment_of(self, worker: str) -> dict[str, str]:
        return {**self.environment, f"{ENV_PREFIX}MONITORING__PORT": str(self._ports[worker])}

    @property
    def monitoring_urls(self) -> dict[str, str]:
        """Where each worker says how it is (/metrics, /live, /ready), by its name."""
        return {name: f"http://{LOOPBACK}:{port}" for name, port in self._ports.items()}

    @property
    def shop(self) -> Shop:
        """What the gateways sell; known once they are started."""
        if self._shop is None:
            raise DemoError("the gateways do not run")
        return self._shop

    @property
    def gateway_urls(self) -> dict[str, str]:
        """Where each gateway answers, by its name."""
        return {name: f"http://{LOOPBACK}:{port}" for name, port in self._gateway_ports.items()}

    @property
    def sandbox_url(self) -> str:
        """Where the fake channels are steered."""
        return f"http://{LOOPBACK}:{self._sandbox_port}/_sandbox"

    @property
    def gateways(self) -> dict[str, Gateway]:
        """Where each gateway answers, and where it says whether it can, by its name."""
        return {
            name: Gateway(url, f"{self.monitoring_urls[name]}/ready")
            for name, url in self.gateway_urls.items()
        }

    def workers(self) -> list[WorkerState]:
        """Give the state of every worker and gateway."""
        supervisor = self._supervisor
        if supervisor is None:
            return []
        return [
            WorkerState(name, supervisor.pid(name), tuple(supervisor.exit_statuses(name)))
            for name in self._ports
        ]

    def kill(self, worker: str) -> int:
        """Kill a worker or gateway with SIGKILL, as a crash would; gives its process id. It starts again."""
        if self._supervisor is None:
            raise DemoError("the workers do not run")
        return self._supervisor.kill(worker)

    def log_tails(self) -> str:
        """Give the last lines of every worker's log, for a message about what went wrong."""
        if self._supervisor is None:
            return ""
        parts = []
        for name in (*self._ports, SANDBOX):
            path = self._supervisor.log_path(name)
            lines = path.read_text(errors="replace").splitlines() if path.exists() else []
            parts += [f"--- {name} ({path})", *lines[-_LOG_TAIL_LINES:]]
        return "\n".join(parts)
