"""What every scenario runs on: one broker, a launcher, topics that go away again."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient

from benchmarks.load import Workload, produce
from benchmarks.result import Say
from benchmarks.subjects import PARTITIONS, Launcher, Place, place_settings
from inventory_stream.adapters.kafka.topic_rules import topic_specs
from inventory_stream.adapters.kafka.topics import create_topics
from inventory_stream.ports.commands import STOCK_EVENTS


@dataclass(frozen=True, slots=True)
class Bench:
    """Where scenarios run; `folder` takes scratch files and goes away at the end."""

    bootstrap_servers: str
    launcher: Launcher
    folder: Path
    say: Say

    @asynccontextmanager
    async def topics(self, *prefixes: str, partitions: int = PARTITIONS) -> AsyncIterator[None]:
        """Have the product's topics under each prefix, and give the disk back: a run leaves about 600 MB."""
        for prefix in prefixes:
            await create_topics(place_settings(self.bootstrap_servers, prefix, partitions))
        try:
            yield
        finally:
            await self._delete_topics(*prefixes)

    async def _delete_topics(self, *prefixes: str) -> None:
        names = [
            spec.name
            for prefix in prefixes
            for spec in topic_specs(place_settings(self.bootstrap_servers, prefix))
        ]
        admin: Any = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap_servers)
        await admin.start()
        try:
            await admin.delete_topics(names)
        finally:
            await admin.close()

    async def state_stock(self, workload: Workload, place: Place, partition: int = 0) -> int:
        """Write the opening stock of a workload; gives its number of records."""
        return await self.state_facts(workload.stock_values(), place, partition)

    async def state_facts(self, values: Iterable[bytes], place: Place, partition: int = 0) -> int:
        """Write records of stock-events; gives their number."""
        records, _ = await produce(
            self.bootstrap_servers,
            f"{place.inputs_prefix}{STOCK_EVENTS}",
            ((None, value) for value in values),
            partition,
        )
        return records
