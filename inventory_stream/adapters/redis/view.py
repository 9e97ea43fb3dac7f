"""The reader's side of the Redis view, as a storefront would use it."""

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import orjson
from redis.asyncio import Redis
from redis.asyncio.client import PubSub

from inventory_stream.adapters.redis import keys
from inventory_stream.adapters.redis.connection import address_of, connect, reaching
from inventory_stream.errors import UnreachableError
from inventory_stream.ports.projection import AvailabilityMessage, SkuAvailability, Version
from inventory_stream.settings import RedisSettings

# Silence after which the connection is tried: a dead one is noticed after this, instead of never.
_MESSAGE_WAIT_SECONDS: Final = 5.0

# Longest wait for the answer to SUBSCRIBE; it takes one round trip.
_CONFIRM_SECONDS_MAX: Final = 5.0

_SCAN_KEYS: Final = 1_000


class RedisAvailabilityView:
    """See `inventory_stream.ports.projection.AvailabilityView`."""

    def __init__(self, client: Redis, address: str) -> None:
        self._client = client
        self._address = address

    @classmethod
    def connect(cls, settings: RedisSettings) -> "RedisAvailabilityView":
        """Describe a connection; the first call opens it."""
        return cls(connect(settings), address_of(settings.url))

    async def read(self, skus: Sequence[str]) -> Sequence[SkuAvailability | None]:
        """See the port."""
        pipeline = self._client.pipeline(transaction=False)
        for sku in skus:
            pipeline.hgetall(keys.sku_key(sku))
        with reaching(self._address):
            hashes = await pipeline.execute() if skus else []
        return [_availability(sku, fields) for sku, fields in zip(skus, hashes, strict=True)]

    async def sold_out(self) -> Collection[str]:
        """See the port."""
        members: set[str] = set()
        with reaching(self._address):
            async for member in self._client.sscan_iter(keys.SOLD_OUT, count=_SCAN_KEYS):
                members.add(member)
        return members

    async def all_skus(self) -> AsyncIterator[Sequence[str]]:
        """See the port."""
        cursor = 0
        while True:
            with reaching(self._address):
                cursor, found = await self._client.scan(cursor, match=keys.SKU_KEYS, count=_SCAN_KEYS)
            yield [keys.sku_of(str(key)) for key in found]
            if not cursor:
                return

    async def fresh(self, partitions: Collection[int]) -> Collection[int]:
        """See the port."""
        ordered = list(partitions)
        pipeline = self._client.pipeline(transaction=False)
        for partition in ordered:
            pipeline.exists(keys.heartbeat_key(partition))
        with reaching(self._address):
            beating = await pipeline.execute() if ordered else []
        return {partition for partition, beats in zip(ordered, beating, strict=True) if beats}

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[AsyncIterator[AvailabilityMessage]]:
        """See the port."""
        with reaching(self._address):
            async with self._client.pubsub() as subscription:
                await subscription.subscribe(keys.CHANNEL)
                # The confirmation: from it on nothing published is missed.
                if await subscription.get_message(timeout=_CONFIRM_SECONDS_MAX) is None:
                    raise UnreachableError(f"redis {self._address}: SUBSCRIBE was not confirmed")
                yield self._messages(subscription)

    async def _messages(self, subscription: PubSub) -> AsyncIterator[AvailabilityMessage]:
        while True:
            with reaching(self._address):
                message = await subscription.get_message(timeout=_MESSAGE_WAIT_SECONDS)
                if message is None:
                    await subscription.ping()  # a silent connection may be a dead one
            if message is not None and message["type"] == "message":
                yield _message(orjson.loads(message["data"]))

    async def close(self) -> None:
        """See the port."""
        await self._client.aclose()


def _message(fields: dict[str, Any]) -> AvailabilityMessage:
    return AvailabilityMessage(fields["sku"], fields["total"], Version.parse(fields["v"]), fields["at"])


def _availability(sku: str, fields: dict[str, str]) -> SkuAvailability | None:
    if "v" not in fields:
        return None
    return SkuAvailability(
        sku=sku,
        total=int(fields["total"]),
        short=int(fields["short"]),
        locations=_units(fields, keys.LOCATION_FIELD_PREFIX),
        version=Version.parse(fields["v"]),
        at_ms=int(fields["at"]),
        partition=int(fields["partition"]),
        channels=_units(fields, keys.CHANNEL_FIELD_PREFIX),
        sales=_units(fields, keys.SALE_FIELD_PREFIX),
        backorder=int(fields.get(keys.BACKORDER, 0)),
        beside=int(fields.get(keys.BESIDE, 0)),
        paths_offset=int(fields.get(keys.PATHS, -1)),
    )


def _units(fields: dict[str, str], prefix: str) -> dict[str, int]:
    return {
        field.removeprefix(prefix): int(units) for field, units in fields.items() if field.startswith(prefix)
    }
