"""A broker, two input topics, and supervised recording workers: the world of the host's tests."""

import json
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from inventory_stream.devservers.supervisor import Supervisor
from tests.integration.processes import DEADLINE_SECONDS, Mailbox

SESSION_TIMEOUT_MS = 6_000  # the least that a broker takes by default
REPOSITORY = Path(__file__).parents[2]


class Event(NamedTuple):
    """One thing that a recording worker said."""

    worker: str
    what: str
    partition: int
    source: str | None = None
    first: int = 0
    """Offset of the first record handed over."""

    last: int = 0
    fresh: int = 0
    """How many of the records were not below the progress."""

    stock: int = 0
    orders: int = 0


class HostWorld:
    """Everything of one test; stops all of it at the end."""

    def __init__(self, bootstrap_servers: str, prefix: str, folder: Path) -> None:
        self.bootstrap_servers = bootstrap_servers
        self.group = f"{prefix}host"
        self.stock = f"{prefix}stock-events"
        self.orders = f"{prefix}order-events"
        self.folder = folder
        self.events: list[Event] = []
        self._open = ExitStack()

    def __enter__(self) -> Self:
        self._mailbox = self._open.enter_context(Mailbox(self.folder / "mailbox"))
        self.supervisor = self._open.enter_context(Supervisor(self.folder / "logs", working_dir=REPOSITORY))
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._open.close()

    async def create_topics(self, stock_partitions: int, order_partitions: int) -> None:
        """Create the two inputs."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap_servers)
        await admin.start()
        try:
            await admin.create_topics(
                [NewTopic(self.stock, stock_partitions, 1), NewTopic(self.orders, order_partitions, 1)]
            )
        finally:
            await admin.close()

    async def produce(self, topic: str, partition: int, count: int) -> None:
        """Append so many records; on return they are in the log."""
        producer = AIOKafkaProducer(bootstrap_servers=self.bootstrap_servers)
        await producer.start()
        try:
            for number in range(count):
                await producer.send(topic, str(number).encode(), partition=partition)
            await producer.flush()
        finally:
            await producer.stop()

    def start(self, name: str, **options: str) -> None:
        """Start a recording worker."""
        config = {
            "bootstrap_servers": self.bootstrap_servers,
            "group": self.group,
            "stock": self.stock,
            "orders": self.orders,
            "name": name,
            "session_timeout_ms": str(SESSION_TIMEOUT_MS),
            **options,
        }
        module = "tests.integration.recording_worker"
        self.supervisor.start(name, [sys.executable, "-m", module, str(self.folder), json.dumps(config)])

    def set_progress(self, partition: int, *, stock: int, orders: int) -> None:
        """Say where a partition's owner has come, as an earlier owner would have."""
        path = self.folder / f"progress-{partition}.json"
        path.write_text(json.dumps({"stock": stock, "orders": orders}))

    def log(self, name: str) -> str:
        """What a worker has written to its output."""
        return self.supervisor.log_path(name).read_text()

    def wait_for(self, is_there: Callable[[list[Event]], bool]) -> list[Event]:
        """Read what workers say until a condition holds, for `DEADLINE_SECONDS` at most."""
        deadline_seconds = time.monotonic() + DEADLINE_SECONDS
        while not is_there(self.events):
            assert time.monotonic() < deadline_seconds, self.events[-20:]
            line: dict[str, Any] = json.loads(self._mailbox.read_line())
            self.events.append(Event(**line))
        return self.events

    def wait_for_count(self, what: str, count: int, worker: str | None = None) -> None:
        """Wait until something was said `count` times in all, by anybody or by one worker."""
        self.wait_for(
            lambda events: (
                len([event for event in events if event.what == what and worker in {None, event.worker}])
                >= count
            )
        )

    def decided(self, source: str, partition: int) -> list[int]:
        """Give the offsets decided so far of an input, in the order of their decisions."""
        return [
            offset
            for event in self.events
            if event.what == "put" and event.source == source and event.partition == partition
            for offset in range(event.last + 1 - event.fresh, event.last + 1)
        ]

    def wait_until_decided(self, source: str, partition: int, count: int) -> list[int]:
        """Wait until so many offsets of an input are decided, and give them."""
        self.wait_for(lambda _: len(self.decided(source, partition)) >= count)
        return self.decided(source, partition)
