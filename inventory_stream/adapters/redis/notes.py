"""The gateway's notes about orders in Redis.

    note:key:<hash>       hash of the request that an Idempotency-Key was first used for; 24 h
    note:order:<order id> JSON: the reservations of an order, and who placed it; 7 days

No decision depends on them (docs/http/orders.md says what is missing while Redis is).
"""

import asyncio
from collections.abc import Awaitable
from typing import Any, Final

from redis.asyncio import Redis

from inventory_stream.adapters.redis.connection import address_of, connect, reaching
from inventory_stream.errors import UnreachableError
from inventory_stream.settings import RedisSettings

NOTE_SECONDS_MAX: Final = 0.25
"""Longest wait for one note: a live server takes 1 ms, and an order must not wait for a dead one as long as
redis.timeout_seconds allows the projection."""

_PREFIX: Final = "note:"


class RedisNotes:
    """Implements `ports.notes.Notes`."""

    def __init__(self, client: Redis, address: str, note_seconds_max: float = NOTE_SECONDS_MAX) -> None:
        self._client = client
        self._address = address
        self._seconds_max = note_seconds_max

    @classmethod
    def connect(cls, settings: RedisSettings) -> "RedisNotes":
        """Describe the connection; the first note opens it."""
        return cls(connect(settings), address_of(settings.url))

    async def first(self, key: str, text: str, seconds: int) -> str:
        """Keep a text unless there is one already; see the port."""
        found = await self._bounded(self._client.set(_PREFIX + key, text, ex=seconds, nx=True, get=True))
        return text if found is None else str(found)

    async def put(self, key: str, text: str, seconds: int) -> None:
        """Keep a text; see the port."""
        await self._bounded(self._client.set(_PREFIX + key, text, ex=seconds))

    async def get(self, key: str) -> str | None:
        """Give a text; see the port."""
        found = await self._bounded(self._client.get(_PREFIX + key))
        return None if found is None else str(found)

    async def close(self) -> None:
        """Let go of the connection."""
        await self._client.aclose()

    async def _bounded(self, answering: Awaitable[Any]) -> object:
        with reaching(self._address):
            try:
                async with asyncio.timeout(self._seconds_max):
                    return await answering
            except TimeoutError:
                raise UnreachableError(
                    f"redis {self._address}: no answer within {self._seconds_max:g} s"
                ) from None
