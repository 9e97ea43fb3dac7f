"""The gateway's notes in Redis.

    note:key:<hash>       hash of the request that an Idempotency-Key was first used for; 24 h
    note:order:<order id> JSON: the reservations of an order, and who placed it; 7 days

No decision depends on them (docs/http/orders.md says what is missing while Redis is).
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from redis.asyncio import Redis

from inventory_stream.adapters.redis.connection import address_of, connect, reaching
from inventory_stream.adapters.redis.scripts import Call, Scripts
from inventory_stream.errors import UnreachableError
from inventory_stream.settings import RedisSettings

NOTE_SECONDS_MAX: Final = 0.25
"""Longest wait for one call: a live server takes 1 ms, and no request must wait for a dead one as long as
redis.timeout_seconds allows the projection."""

_PREFIX: Final = "note:"
_FIRST: Final = "notes_first.lua"
_REPLACE: Final = "notes_replace.lua"
_DROP: Final = "notes_drop.lua"


class RedisNotes:
    """Implements `ports.notes.Notes`."""

    def __init__(self, client: Redis, address: str, note_seconds_max: float = NOTE_SECONDS_MAX) -> None:
        self._client = client
        self._address = address
        self._seconds_max = note_seconds_max
        self._scripts = Scripts(client, (_FIRST, _REPLACE, _DROP))

    @classmethod
    def connect(cls, settings: RedisSettings) -> "RedisNotes":
        """Describe the connection; the first note opens it."""
        return cls(connect(settings), address_of(settings.url))

    async def first(self, pairs: Sequence[tuple[str, str]], seconds: int) -> Sequence[str | None]:
        """Keep texts unless there is one already; see the port."""
        had = await self._run(_FIRST, [key for key, _ in pairs], [str(seconds), *(text for _, text in pairs)])
        stood: list[str | None] = [None] * len(pairs)
        for at, text in zip(had[::2], had[1::2], strict=True):
            stood[int(at) - 1] = str(text)
        return stood

    async def replace(self, key: str, old: str, text: str, seconds: int) -> bool:
        """Keep a text in the place of a known one; see the port."""
        return bool(await self._run(_REPLACE, [key], [old, text, str(seconds)]))

    async def drop(self, pairs: Sequence[tuple[str, str]]) -> None:
        """Forget texts; see the port."""
        await self._run(_DROP, [key for key, _ in pairs], [text for _, text in pairs])

    async def get(self, key: str) -> str | None:
        """Give a text; see the port."""
        with reaching(self._address):
            async with self._bound():
                found = await self._client.get(_PREFIX + key)
        return None if found is None else str(found)

    async def close(self) -> None:
        """Let go of the connection."""
        await self._client.aclose()

    async def _run(self, script: str, keys: Sequence[str], arguments: Sequence[str]) -> Any:  # noqa: ANN401  # the script's own
        first, *more = [_PREFIX + key for key in keys]
        with reaching(self._address):
            async with self._bound():
                answers, _ = await self._scripts.run([Call(script, first, arguments, more)])
        return answers[0]

    @asynccontextmanager
    async def _bound(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._seconds_max):
                yield
        except TimeoutError:
            raise UnreachableError(
                f"redis {self._address}: no answer within {self._seconds_max:g} s"
            ) from None
