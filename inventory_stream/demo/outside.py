"""What others see of the demo: the topic `exceptions`, as its consumers do, and the workers' /metrics."""

import asyncio
from collections import Counter
from collections.abc import Collection, Iterable
from typing import Final

import aiohttp
import msgspec
from prometheus_client.parser import text_string_to_metric_families

from inventory_stream.demo.errors import DemoError
from inventory_stream.metric_names import DECISIONS
from inventory_stream.ports.ledger_reader import LedgerReader
from models.events import ExceptionRaised

SCRAPE_SECONDS_MAX: Final = 10.0
"""Longest scrape of one worker: some ms on a quiet machine."""

_decode: Final = msgspec.json.Decoder(ExceptionRaised).decode


class ExceptionEvents:
    """The events about some SKUs that one act raised. An event that comes again counts once."""

    def __init__(self, reader: LedgerReader, partitions: int, skus: Collection[str], prefix: str) -> None:
        """`prefix` begins the ids of the act's commands and reservations."""
        self._reader = reader
        self._next = [0] * partitions
        self._keys = {sku.encode() for sku in skus}
        self._prefix = prefix
        self._seen: set[tuple[str, str]] = set()
        self.kinds: Counter[str] = Counter()

    async def read_on(self) -> None:
        """Read what has come since.

        Raises:
            UnreachableError: Kafka does not answer.
        """
        for partition, start in enumerate(self._next):
            end = await self._reader.end_offset(partition)
            async for records in self._reader.read(partition, start, end):
                for record in records:
                    # By key: what is left out has other SKUs, or marks the end of a transaction.
                    if record.key in self._keys and record.value is not None:
                        self._note(_decode(record.value))
            self._next[partition] = end

    def _note(self, event: ExceptionRaised) -> None:
        name = event.data.command_id or event.data.reservation_id or ""
        if name.startswith(self._prefix) and (event.source, event.id) not in self._seen:
            self._seen.add((event.source, event.id))
            self.kinds[event.data.kind] += 1


async def decisions_by_metrics(urls: Iterable[str]) -> int:
    """Add up what the ledger workers say that they have decided since they started.

    Raises:
        DemoError: one does not answer.
    """
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(SCRAPE_SECONDS_MAX)) as session:
        pages = await asyncio.gather(*(_page(session, url) for url in urls))
    return int(
        sum(
            sample.value
            for page in pages
            for family in text_string_to_metric_families(page)
            for sample in family.samples
            if sample.name == DECISIONS.name
        )
    )


async def _page(session: aiohttp.ClientSession, url: str) -> str:
    try:
        async with session.get(f"{url}/metrics") as answer:
            answer.raise_for_status()
            return await answer.text()
    except (aiohttp.ClientError, TimeoutError) as error:
        raise DemoError(f"{url}/metrics does not answer: {error!r}") from error
