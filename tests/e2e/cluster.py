"""What the fault tests run on: two ledger workers and the projection as real processes, and their judge."""

import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment
from aiokafka.errors import KafkaError

from inventory_stream.adapters.kafka.connection import KafkaConnection
from inventory_stream.adapters.kafka.input_offsets import KafkaInputOffsets
from inventory_stream.adapters.kafka.ledger_reader import KafkaLedgerReader
from inventory_stream.adapters.kafka.topic_rules import LEDGER
from inventory_stream.adapters.kafka.topics import create_topics
from inventory_stream.bootstrap import LEDGER_GROUP, input_topics
from inventory_stream.devservers.ports import free_ports
from inventory_stream.devservers.supervisor import Supervisor
from inventory_stream.metric_names import FENCED_ROWS, OWNED, READY, Metric
from inventory_stream.ports.inputs import Input, InputRange
from inventory_stream.settings import ENV_PREFIX, KafkaSettings, RedisSettings, Settings, WorkerSettings
from tests.e2e.audit import LedgerAudit
from tests.e2e.figures import Figures, scrape

PARTITIONS: Final = 4
"""Two for each of two workers, so that either of them is the owner of something hot."""

SESSION_TIMEOUT_SECONDS: Final = 3.0
"""Half of the product's default: a takeover begins this long after a kill. At 2 s and below, workers
lost sessions by themselves while five other builds shared the two cores."""

DEADLINE_SECONDS: Final = 90.0
"""Longest wait for anything. A takeover takes the session timeout, a start of Python (2 s here, 10 s
on a busy machine), and the read of a small ledger."""

LOOK_SECONDS: Final = 0.05
"""Between two looks at a condition; each asks the broker at most ten questions."""

LEDGER_WORKERS: Final = ("ledger-1", "ledger-2")
PROJECTION: Final = "projection"

NO_BROKER_CODE: Final = 1
"""Status of a worker that is started while no broker answers: one line, and the supervisor tries again."""

_LOG_TAIL_LINES: Final = 8


class Cluster:
    """One environment with its own topics. Use `async with`; ready on entry, everything ended on exit."""

    def __init__(
        self,
        bootstrap_servers: str,
        redis_url: str,
        prefix: str,
        folder: Path,
        worker_environment: Mapping[str, str] | None = None,
        ledger_module: str = "inventory_stream.cli",
        audit: LedgerAudit | None = None,
    ) -> None:
        """Describe a cluster.

        Args:
            bootstrap_servers: The broker, as the test sees it.
            redis_url: The Redis of the projection.
            prefix: Of all topics and groups.
            folder: Gets logs and scratch files.
            worker_environment: Variables that workers see otherwise than the test does.
            ledger_module: What runs as a ledger worker, with the arguments of the command.
            audit: Who judges the ledger, if another one than usual.
        """
        self._worker_environment = dict(worker_environment or {})
        self._ledger_module = ledger_module
        self.settings = Settings(
            kafka=KafkaSettings(
                bootstrap_servers=bootstrap_servers,
                topic_prefix=prefix,
                partitions=PARTITIONS,
                session_timeout_seconds=SESSION_TIMEOUT_SECONDS,
            ),
            redis=RedisSettings(url=redis_url),
            worker=WorkerSettings(data_dir=folder / "scratch"),
        )
        self.supervisor = Supervisor(folder / "logs")
        self.audit = audit or LedgerAudit(PARTITIONS)
        """What the ledger said up to the last `follow`."""
        self._names: list[str] = []
        self._monitoring_ports: dict[str, int] = {}
        self.connection = KafkaConnection(bootstrap_servers)
        self._reader = KafkaLedgerReader(connection=self.connection, topic=self.settings.topic(LEDGER))
        self._offsets = KafkaInputOffsets(connection=self.connection, topics=input_topics(self.settings))
        self._admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)

    async def __aenter__(self) -> Self:
        await self._admin.start()
        try:
            await create_topics(self.settings)
            for name in LEDGER_WORKERS:
                self.start_ledger(name)
            self._start(PROJECTION, "projection")
            await self.until_shared_by(len(LEDGER_WORKERS))
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._end()

    async def _end(self) -> None:
        await asyncio.to_thread(self.supervisor.stop_all)
        await asyncio.gather(self._admin.close(), self._reader.close(), self._offsets.close())

    # --- processes -------------------------------------------------------------------------------

    @property
    def environment(self) -> dict[str, str]:
        """Variables with which `inventory-stream` commands talk to this cluster."""
        kafka, worker = self.settings.kafka, self.settings.worker
        values = {
            "KAFKA__BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
            "KAFKA__TOPIC_PREFIX": kafka.topic_prefix,
            "KAFKA__PARTITIONS": kafka.partitions,
            "KAFKA__SESSION_TIMEOUT_SECONDS": kafka.session_timeout_seconds,
            "REDIS__URL": self.settings.redis.url,
            "WORKER__DATA_DIR": worker.data_dir,
            "LOGS__FORMAT": "console",  # for the eyes of whoever reads why a test failed
        }
        return {ENV_PREFIX + name: str(value) for name, value in values.items()}

    def start_ledger(self, name: str) -> None:
        """Start one more ledger worker."""
        self._start(name, "ledger", self._ledger_module)

    def _start(self, name: str, kind: str, module: str = "inventory_stream.cli") -> None:
        self._names.append(name)
        (self._monitoring_ports[name],) = free_ports(1)
        monitoring = {f"{ENV_PREFIX}MONITORING__PORT": str(self._monitoring_ports[name])}
        command = [sys.executable, "-m", module, "worker", kind]
        environment = {**self.environment, **monitoring, **self._worker_environment}
        self.supervisor.start(name, command, environment)

    async def ends(self, name: str, count: int = 1) -> list[int]:
        """Wait until a process has ended so many times; gives how each of its lives ended."""
        has_ended = await asyncio.to_thread(self.supervisor.wait_for_exits, name, count, DEADLINE_SECONDS)
        assert has_ended, f"{name} did not end in time\n{self.log_tails()}"
        return self.supervisor.exit_statuses(name)

    async def stop(self, name: str) -> int | None:
        """End a process in order (SIGTERM), for good; gives its exit status."""
        return await asyncio.to_thread(self.supervisor.stop, name)

    def forget(self, name: str) -> None:
        """Expect nothing more of a process that was stopped while it could not start."""
        self._names.remove(name)

    def exit_statuses(self) -> dict[str, list[int]]:
        """How each life of each process ended that has ended."""
        return {name: ends for name in self._names if (ends := self.supervisor.exit_statuses(name))}

    def log_tails(self) -> str:
        """Give why lives of every process ended, and its last lines, for a failure's message."""
        parts = []
        for name in self._names:
            lines = self.supervisor.log_path(name).read_text(errors="replace").splitlines()
            ends = [line for line in lines[:-_LOG_TAIL_LINES] if "ends with status" in line]
            parts += [f"--- {name}, ends {self.supervisor.exit_statuses(name)}", *ends]
            parts += lines[-_LOG_TAIL_LINES:]
        return "\n".join(parts)

    # --- waits -----------------------------------------------------------------------------------

    async def until(
        self, condition: Callable[[], Awaitable[bool]], what: str, seconds_max: float = DEADLINE_SECONDS
    ) -> None:
        """Wait for a condition, with a deadline; names what did not happen."""
        deadline = time.monotonic() + seconds_max
        while not await condition():
            assert time.monotonic() < deadline, f"waited in vain for {what}\n{self.log_tails()}"
            await asyncio.sleep(LOOK_SECONDS)

    async def shares(self) -> list[frozenset[int]]:
        """Ask the group coordinator for the partitions of each ledger worker; empty while it regroups."""
        state, members = await self._group()
        if state != "Stable":
            return []
        return [_partitions(member[4]) for member in members]

    async def _group(self) -> tuple[str, list[Any]]:
        """Ask for the state and the members of the ledger workers' group."""
        try:
            (answer,) = await self._admin.describe_consumer_groups([self.settings.topic(LEDGER_GROUP)])
        except KafkaError:  # the broker's first group: it makes the topic of offsets; or it is away
            return "", []
        _error, _group, state, _type, _protocol, members, *_ = answer.groups[0]
        return state, members

    async def until_shared_by(self, workers: int, *, claims_min: int = PARTITIONS) -> None:
        """Wait until so many workers share all partitions, and the ledger holds so many claims in all."""

        async def is_shared() -> bool:
            shares = await self.shares()
            if len(shares) != workers or not all(shares):
                return False
            if sorted(partition for share in shares for partition in share) != list(range(PARTITIONS)):
                return False
            return await self.claims() >= claims_min and all(self.audit.claims)

        await self.until(is_shared, f"{workers} workers that share all partitions, {claims_min} claims")

    async def until_shared_by_nobody(self) -> None:
        """Wait until the group has lost every ledger worker."""

        async def is_empty() -> bool:
            state, _ = await self._group()
            return state == "Empty"

        await self.until(is_empty, "the group to be empty")

    async def claims(self) -> int:
        """Count the claims that the ledger holds now."""
        await self.follow()
        return sum(self.audit.claims)

    async def follow(self) -> None:
        """Read on to where the ledger ends now."""
        for partition in range(PARTITIONS):
            end = await self._reader.end_offset(partition)
            position = self.audit.position[partition]
            if end > position:
                async for records in self._reader.read(partition, position, end):
                    self.audit.feed(partition, records)

    async def input_range(self, source: Input, partition: int) -> InputRange:
        """Ask the broker for the offsets that an input holds now."""
        return await self._offsets.range_of(source, partition)

    async def undecided(self) -> int:
        """Count the input records beyond `@progress`, by the broker's own end offsets."""
        await self.follow()
        missing = 0
        for partition in range(PARTITIONS):
            progress = self.audit.progress.get(partition)
            for source in Input:
                end = (await self.input_range(source, partition)).end
                if progress is None:
                    missing += end
                else:
                    missing += end - (progress.stock_next if source is Input.STOCK else progress.orders_next)
        return missing

    async def until_decided(self) -> None:
        """Wait until every input record is decided."""

        async def is_decided() -> bool:
            return await self.undecided() == 0

        await self.until(is_decided, "every input record to be decided")

    async def keys_in(self, topic: str) -> set[bytes]:
        """Read the keys of all records of a topic of one partition."""
        reader = KafkaLedgerReader(connection=self.connection, topic=self.settings.topic(topic))
        try:
            end = await reader.end_offset(0)
            return {record.key or b"" async for records in reader.read(0, 0, end) for record in records}
        finally:
            await reader.close()

    # --- judgement -------------------------------------------------------------------------------

    async def verify(self, seconds_max: float = DEADLINE_SECONDS) -> dict[str, Any]:
        """Run `inventory-stream ledger verify`, which must find every invariant kept; gives its report."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "inventory_stream.cli", "ledger", "verify", "--json"),
            env={**os.environ, **self.environment},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(seconds_max):
            output, errors = await process.communicate()
        assert process.returncode == 0, f"{output.decode()}\n{errors.decode()}\n{self.log_tails()}"
        report: dict[str, Any] = json.loads(output)
        assert report["sound"] is True
        assert report["oversold_units"] == 0
        return report

    async def figures(self, name: str) -> Figures:
        """Scrape a process's /metrics, which it answers soon after its start."""
        found: Figures | None = None

        async def has_answered() -> bool:
            nonlocal found
            found = await scrape(self._monitoring_ports[name])
            return found is not None

        await self.until(has_answered, f"{name} to show its metrics")
        assert found is not None
        return found

    async def sum_of(self, metric: Metric, **labels: str) -> float:
        """Add a metric up over all ledger workers that run; each counts since its own start."""
        ledgers = [name for name in self._names if name != PROJECTION and self.supervisor.pid(name)]
        return sum([(await self.figures(name)).sum(metric, **labels) for name in ledgers])

    async def _until_well(self, names: Sequence[str]) -> None:
        """Wait until the metrics say what is so: all ready, each partition owned once, nothing dropped."""

        async def are_well() -> bool:
            figures = {name: await self.figures(name) for name in names}
            owners = [name for name in names if name != PROJECTION]
            dropped = {name: one.sum(FENCED_ROWS) for name, one in figures.items()}
            assert not any(dropped.values()), dropped
            owned = sum(figures[name].sum(OWNED) for name in owners)
            return all(one.sum(READY) for one in figures.values()) and (not owners or owned == PARTITIONS)

        await self.until(are_well, "the metrics of all processes to say that all is well")

    async def end_in_order(self, expected: Mapping[str, Collection[int]]) -> None:
        """Nobody needed a hand: all run now, ended before only as expected, and end with 0 when asked.

        Args:
            expected: Exit statuses that lives of a process may have had.
        """
        for name, ends in self.exit_statuses().items():
            assert set(ends) <= set(expected.get(name, ())), f"{name} ended {ends}\n{self.log_tails()}"
        stopped = {name for name, ends in self.exit_statuses().items() if ends[-1] == 0}
        running = [name for name in self._names if name not in stopped]
        for name in running:
            assert self.supervisor.wait_until_running(name, DEADLINE_SECONDS), self.log_tails()
        await self._until_well(running)
        await asyncio.to_thread(self.supervisor.stop_all)
        last = {name: self.supervisor.exit_statuses(name)[-1] for name in running}
        assert last == dict.fromkeys(running, 0), self.log_tails()


def _partitions(assignment: Any) -> frozenset[int]:  # noqa: ANN401  # aiokafka is untyped here
    raw = bytes(assignment)
    if not raw:
        return frozenset()
    decoded = ConsumerProtocolMemberAssignment.decode(raw)
    return frozenset(place.partition for place in decoded.partitions())
