"""Looks at the shelves all the time, as storefronts do: `atp:{sku}` straight from Redis."""

import asyncio
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Final, Self

from redis.asyncio import Redis
from redis.exceptions import RedisError

from models.ids import partition_of
from tests.e2e.audit import Judgement, Place
from tests.e2e.cluster import DEADLINE_SECONDS, LOOK_SECONDS, PARTITIONS, Cluster
from tests.e2e.load import LOCATIONS, Producer

# The contract's own words (design: names and plain integers), not the product's constants.
_LOCATION: Final = "loc:"
_HEARTBEAT: Final = "projection:heartbeat:"


class ShelfWatch:
    """Reads every given SKU and the heartbeats again and again, all as they are at one moment."""

    def __init__(
        self, redis_url: str, skus: Sequence[str], constant_totals: Mapping[str, int] | None = None
    ) -> None:
        """Watch SKUs that are at all `LOCATIONS`; those with a constant total are bought by nobody."""
        self._client: Redis = Redis.from_url(redis_url, decode_responses=True)
        self._skus = skus
        self._running: asyncio.Task[None] | None = None
        self.looks = 0
        self.torn: list[str] = []
        """Each look at a SKU with only some of its locations, or with a wrong total, and each at a
        heartbeat beside a SKU that is not there: a storefront would have said "sold out"."""
        self.unanswered = 0
        """Looks that the server did not answer."""
        self._constant_totals = constant_totals or {}
        self._lacking = len(skus)
        self._full_from_look = 1
        self._is_over = False

    async def __aenter__(self) -> Self:
        self._running = asyncio.create_task(self._watch())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Asked, not cancelled: redis-py sends inside asyncio.wait_for, which on Python 3.11 swallows a
        # cancellation that meets the end of the sending, and the watch would go on for ever.
        self._is_over = True
        assert self._running is not None
        await asyncio.wait_for(self._running, DEADLINE_SECONDS)
        await self._client.aclose()

    async def flush(self) -> None:
        """Take everything away, as an operator's slip or a failover to an empty server would."""
        await self._client.flushall()
        self._full_from_look = self.looks + 2  # the look under way may have begun before

    async def is_full(self) -> bool:
        """Whether every SKU was there and whole at the last look since the last flush."""
        assert self._running is not None
        if self._running.done():
            self._running.result()
        return self.looks >= self._full_from_look and self._lacking == 0

    async def shown(self) -> dict[Place, int]:
        """Give what every `atp:` hash shows, by place."""
        found = {}
        async for key in self._client.scan_iter(match="atp:{*}"):
            sku = key.removeprefix("atp:{").removesuffix("}")
            fields: dict[str, str] = await self._client.hgetall(key)  # type: ignore[assignment]  # decoded
            for field, units in fields.items():
                if field.startswith(_LOCATION):
                    found[Place(sku, field.removeprefix(_LOCATION))] = int(units)
        return found

    async def _watch(self) -> None:
        while not self._is_over:
            pipeline = self._client.pipeline(transaction=True)
            for sku in self._skus:
                pipeline.hgetall(f"atp:{{{sku}}}")
            for partition in range(PARTITIONS):
                pipeline.exists(f"{_HEARTBEAT}{partition}")
            try:
                answers = await pipeline.execute()
            except (RedisError, OSError):
                self.unanswered, self._lacking = self.unanswered + 1, len(self._skus)
                await asyncio.sleep(LOOK_SECONDS)
                continue
            beating = answers[-PARTITIONS:]
            lacking = 0
            for sku, fields in zip(self._skus, answers[:-PARTITIONS], strict=True):
                lacking += not fields or not self._is_whole(sku, fields)
                if not fields and beating[partition_of(sku, PARTITIONS)]:
                    self.torn.append(f"{sku} at look {self.looks}: absent beside a heartbeat")
            self.looks, self._lacking = self.looks + 1, lacking

    def _is_whole(self, sku: str, fields: dict[str, str]) -> bool:
        units = {name: int(value) for name, value in fields.items() if name.startswith(_LOCATION)}
        is_whole = set(units) == {_LOCATION + location for location in LOCATIONS}
        total = sum(units.values())
        is_whole = is_whole and int(fields["total"]) == total == self._constant_totals.get(sku, total)
        if not is_whole:
            self.torn.append(f"{sku} at look {self.looks}: {fields}")
            return False
        return True


def available(found: Judgement) -> dict[Place, int]:
    """Give what the ledger says of every place: max(0, ATP), from the newest position rows."""
    return {place: max(0, row.available_to_promise) for place, row in found.positions.items()}


async def until_shown(cluster: Cluster, producer: Producer, shelf: ShelfWatch) -> None:
    """Wait until Redis shows what the ledger says."""

    async def is_the_ledger() -> bool:
        await cluster.follow()  # short reservations may still expire
        return await shelf.shown() == available(cluster.audit.judge(producer.sent.moves))

    await cluster.until(is_the_ledger, "Redis to show what the ledger says")
