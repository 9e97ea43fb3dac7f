"""What Redis says of itself, and what time it has."""

import time
from typing import Any

from redis.asyncio import Redis

from inventory_stream.adapters.redis import keys
from inventory_stream.adapters.redis.connection import address_of, connect, reaching
from inventory_stream.adapters.redis.marker import owner_in
from inventory_stream.ports.servers import RedisServer
from inventory_stream.settings import RedisSettings


async def server_of(settings: RedisSettings) -> tuple[RedisServer, float]:
    """Ask the server about itself; the number is how far its clock is ahead of ours, ms.

    Raises:
        UnreachableError: it does not answer.
        RefusedError: it does not let this user in.
    """
    client = connect(settings)
    address = address_of(settings.url)
    try:
        with reaching(address):
            info: dict[str, Any] = await client.info()
            marker = await client.get(keys.MARKER)
            size = await client.dbsize()
            ahead_ms = await _ahead_ms(client)
    finally:
        await client.aclose()
    name = str(info.get("server_name", "redis"))
    server = RedisServer(
        address=address,
        name=name,
        version=str(info.get(f"{name}_version", info.get("redis_version", "0"))),
        eviction=info.get("maxmemory_policy"),
        used_bytes=int(info.get("used_memory", 0)),
        bytes_max=int(info.get("maxmemory", 0)),
        is_append_only=bool(info.get("aof_enabled", 0)),
        is_replica=info.get("role") == "slave",
        marker=None if marker is None else str(marker),
        owner=None if marker is None else owner_in(str(marker)),
        skus=int(size),
    )
    return server, ahead_ms


async def _ahead_ms(client: Redis) -> float:
    """Compare clocks, exact to half a round trip."""
    before_ms = time.time() * 1_000
    seconds, microseconds = await client.time()
    after_ms = time.time() * 1_000
    return float(seconds * 1_000 + microseconds / 1_000 - (before_ms + after_ms) / 2)
