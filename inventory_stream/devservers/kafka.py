"""Apache Kafka as one KRaft node (broker and controller) from its Maven artifacts."""

import base64
import shutil
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Final

from inventory_stream.devservers import logs, probes
from inventory_stream.devservers.errors import ServerStartError
from inventory_stream.devservers.guarded import run_guarded
from inventory_stream.devservers.jars import kafka_jars
from inventory_stream.devservers.lifecycle import DevServer
from inventory_stream.devservers.ports import LOOPBACK
from inventory_stream.devservers.probes import ProbeError
from inventory_stream.devservers.security import KafkaSecurity
from inventory_stream.devservers.toolchain import JAVA

# Tests: a small heap, one collector thread and only the quick compiler give the soonest
# start (2 s, 355 MB). Never measure with these.
JVM_FOR_TESTS: Final = ("-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")

# Demo and benchmarks: what Kafka's own start script sets, so that numbers compare with others'.
JVM_FOR_LOAD: Final = (
    *("-Xmx1g", "-Xms1g", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20"),
    *("-XX:InitiatingHeapOccupancyPercent=35", "-XX:+ExplicitGCInvokesConcurrent"),
)

# Names inside the data folder, which is the broker's working folder: a whole path would have
# to be escaped, `log.dirs` being a list between commas in a file of Latin-1.
TOPICS_NAME: Final = "topics"
UNFINISHED_NAME: Final = "topics.unfinished"
PROPERTIES_NAME: Final = "server.properties"

# Formatting the data folder is one short Java run: 1.1 s here.
FORMAT_SECONDS_MAX: Final = 60.0

# Entries that a caller may change through `KafkaSettings.properties`.
DEFAULT_PROPERTIES: Final[Mapping[str, str]] = {
    # One broker can hold one replica; the defaults of 3 would refuse groups and transactions.
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    # Made at their first use; with the default of 50 that takes a second of file making.
    # More than one, so that work does spread over coordinators.
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.num.partitions": "1",
    # Of topics made without saying how many. Like production: several, few.
    "num.partitions": "4",
    # A misspelt topic must be an error here, as it is in production.
    "auto.create.topics.enable": "false",
    # After a crash the new broker may register once the session of the dead one has ended:
    # with the default of 9 s a restart took 11.6 s. A shorter one would fence a broker that
    # merely waits for a core.
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
    # The first member of a group would wait 3 s for company.
    "group.initial.rebalance.delay.ms": "0",
    # The cleaner takes its buffer from the heap at once: the default of 128 MiB is half of a
    # test's. 16 MiB clean 600,000 keys per pass.
    "log.cleaner.dedupe.buffer.size": "16777216",
}


@dataclass(frozen=True, slots=True)
class KafkaSettings:
    """How the broker runs."""

    jvm_options: tuple[str, ...] = JVM_FOR_TESTS
    """Options of java: JVM_FOR_TESTS, or JVM_FOR_LOAD for the demo and benchmarks."""

    properties: Mapping[str, str] = field(default_factory=dict)
    """Entries of server.properties, over the defaults above."""

    port: int | None = None
    """Port for clients; None chooses a free one."""

    advertised_port: int | None = None
    """Port of a proxy, if one shall stand before the broker. The broker then also listens on
    `KafkaServer.proxied_port`, to which the proxy forwards, and tells clients that come that
    way to come back through the proxy. Clients of `bootstrap_servers` bypass it, and so does
    the broker itself, so that a test can look on from behind while the proxy is cut."""

    security: KafkaSecurity | None = None
    """Certificates, users and rights for `bootstrap_servers`; None: neither encryption nor passwords."""


class KafkaServer(DevServer):
    """One Kafka broker on loopback, open to all unless `settings.security` says otherwise."""

    name: ClassVar[str] = "kafka"
    # Clients, the controller, the proxy's way in, the broker's way to itself where clients are asked.
    port_count: ClassVar[int] = 4
    # 2-3.5 s here; five other Java starts on two cores have made it 20.
    start_seconds_max: ClassVar[float] = 90.0

    def __init__(self, data_dir: Path, settings: KafkaSettings | None = None) -> None:
        """Describe a broker in `data_dir`; nothing runs before `start`."""
        self.settings = settings if settings is not None else KafkaSettings()
        super().__init__(data_dir, self.settings.port)
        self._java: list[str] = []
        self._cluster_id = ""

    @property
    def bootstrap_servers(self) -> str:
        """Address for Kafka clients."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def proxied_port(self) -> int:
        """Where a proxy on `settings.advertised_port` must forward to."""
        return self._port_at(2)

    def _prepare(self) -> None:
        java = JAVA.find()
        self._java = [
            *(str(java), *self.settings.jvm_options, "-cp", f"{kafka_jars()}/*"),
            "-Dorg.slf4j.simpleLogger.showDateTime=true",
            "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSZ",
        ]
        if not (self.data_dir / TOPICS_NAME).exists():
            self._format()
        self._cluster_id = self._read_cluster_id()

    def _command(self, server_ports: tuple[int, ...]) -> list[str]:
        self._write_properties(server_ports, TOPICS_NAME)
        return [*self._java, "kafka.Kafka", PROPERTIES_NAME]

    def _check_answer(self, server_ports: tuple[int, ...], process_id: int | None) -> None:  # noqa: ARG002 - Kafka tells its cluster id, not its process id
        port = server_ports[0] if self.settings.security is None else server_ports[3]
        metadata = probes.kafka_metadata(port)
        if metadata.cluster_id != self._cluster_id:
            raise ProbeError(f"cluster {metadata.cluster_id} answers on the port, not ours")
        if metadata.broker_ports != (port,):
            raise ProbeError("the broker is not registered yet")

    def _write_properties(self, server_ports: tuple[int, ...], topics_name: str) -> None:
        client_port, controller_port, proxied_port, own_port = server_ports
        listeners = {"CLIENT": client_port, "CONTROLLER": controller_port}
        advertised = {"CLIENT": client_port}
        if self.settings.advertised_port is not None:
            listeners["PROXIED"] = proxied_port
            advertised["PROXIED"] = self.settings.advertised_port
        security, protocols = self.settings.security, dict.fromkeys(listeners, "PLAINTEXT")
        if security is not None:
            listeners["OWN"] = advertised["OWN"] = own_port
            protocols |= {"CLIENT": security.protocol, "OWN": "PLAINTEXT"}
        properties = {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@{LOOPBACK}:{controller_port}",
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "CLIENT" if security is None else "OWN",
            "listeners": _addresses(listeners),
            "advertised.listeners": _addresses(advertised),
            "listener.security.protocol.map": ",".join(
                f"{name}:{protocol}" for name, protocol in protocols.items()
            ),
            "log.dirs": topics_name,
            **DEFAULT_PROPERTIES,
            **({} if security is None else security.properties),
            **self.settings.properties,
        }
        lines = [f"{name}={value}\n" for name, value in properties.items()]
        (self.data_dir / PROPERTIES_NAME).write_text("".join(lines))

    def _format(self) -> None:
        """Make the folder of the data with Kafka's own tool; whole or not at all, like the jars."""
        unfinished = self.data_dir / UNFINISHED_NAME
        shutil.rmtree(unfinished, ignore_errors=True)  # of a start that was killed
        # Formatting opens no port; any numbers do.
        self._write_properties((1, 2, 3, 4), UNFINISHED_NAME)
        security = self.settings.security
        command = [
            *(*self._java, "kafka.tools.StorageTool", "format"),
            *("--cluster-id", _new_cluster_id(), "--config", PROPERTIES_NAME),
            *(() if security is None else security.format_options),
        ]
        status = run_guarded(
            command, log_path=self.log_path, working_dir=self.data_dir, timeout_seconds=FORMAT_SECONDS_MAX
        )
        if status != 0:
            outcome = (
                f"took over {FORMAT_SECONDS_MAX:g} s" if status is None else f"ended with status {status}"
            )
            raise ServerStartError(f"formatting {unfinished} {outcome}.\n{logs.tail(self.log_path)}")
        unfinished.rename(self.data_dir / TOPICS_NAME)

    def _read_cluster_id(self) -> str:
        lines = (self.data_dir / TOPICS_NAME / "meta.properties").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line)["cluster.id"]


def _addresses(listeners: Mapping[str, int]) -> str:
    return ",".join(f"{name}://{LOOPBACK}:{port}" for name, port in listeners.items())


def _new_cluster_id() -> str:
    """Return a random id in Kafka's form: a UUID in 22 characters of base64."""
    while True:
        cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()
        if not cluster_id.startswith("-"):  # its tools would read that as an option
            return cluster_id
