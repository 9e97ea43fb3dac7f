"""What an Idempotency-Key was first used for, at any gateway: another request under it is refused (R27).

The ledger knows a key's commands where they were decided, in one partition; these notes hold across all. They
are kept in Redis for 24 h, and in this process for those that it saw last. Without Redis only the latter, and
the ledger, refuse: nothing waits, and no decision depends on it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from hashlib import blake2b
from typing import Final, NamedTuple, TypeVar

import msgspec
import structlog

from inventory_stream.errors import InventoryStreamError
from inventory_stream.gateway.problems import Problem
from inventory_stream.ports.notes import Notes

log = structlog.get_logger(__name__)

T = TypeVar("T")

KEY_SECONDS: Final = 86_400
"""How long a key is known across SKUs: 24 h. The ledger knows its commands for 48 h and longer (R29)."""
KNOWN_MAX: Final = 32_768
"""Keys that this process remembers by itself: the last 8 s at 4,000 a second, 10 MB."""
AT_ONCE_MAX: Final = 512
"""Notes of one round trip: 30 KB, 1 ms of the server."""
WAITING_MAX: Final = 4_096
"""Notes that wait for the next round trip: a second of writes. What comes beyond goes on without."""
BUSY_NOTES: Final = 4
"""In one round trip: then the next waits `PAUSE_SECONDS` for more company. Of 190 us that a note alone costs
this process (measured), each of eight costs 37 and each of 32 costs 20; at 1,000 a second most are alone."""
PAUSE_SECONDS: Final = 0.002
"""What a busy gateway's writes are late by for it, a quarter of the 8 ms that half of them may take."""
ILL_SECONDS: Final = 1.0
"""After a failure one round trip in this time looks whether Redis is well, and no request waits for it."""

_DIGEST_BYTES: Final = 16
_REUSED: Final = "the Idempotency-Key was used for another request: take a new one"


class Known:
    """A key's first request. `is_ours`: this process wrote the note of it that Redis has."""

    __slots__ = ("is_bound", "is_ours", "request_hash", "since_seconds", "under_way")

    def __init__(self, request_hash: str, since_seconds: float, *, is_ours: bool) -> None:
        self.request_hash = request_hash
        self.since_seconds = since_seconds
        self.is_ours = is_ours
        self.is_bound = False
        self.under_way = 0


class _Waiting(NamedTuple):
    """A note to be written; its future hears what stood there, None: nothing or nobody knows."""

    key: str
    request_hash: str
    heard: asyncio.Future[tuple[bool, str | None]]


class Binding:
    """One request's hold on its key."""

    __slots__ = ("_hash", "_id", "_known", "_notes")

    def __init__(self, notes: "KeyNotes", key_id: str, request_hash: str) -> None:
        self._notes = notes
        self._id = key_id
        self._hash = request_hash
        self._known: Known | None = None

    def check(self) -> None:
        """Refuse a key that this process knows for another request; costs nothing.

        Raises:
            Problem: `key-reused`.
        """
        known = self._notes.known(self._id)
        if known is not None and known.request_hash != self._hash:
            raise Problem("key-reused", _REUSED)

    async def bind(self) -> None:
        """Note the request before anything is asked for it.

        Raises:
            Problem: `key-reused`: the key is noted for another one.
        """
        known = self._known = await self._notes.first(self._id, self._hash)
        if known is None:
            raise Problem("key-reused", _REUSED)
        known.under_way += 1

    async def end(self, *, is_final: bool) -> None:
        """Hear how it ended; what was not decided leaves its key free, if nobody else's request has it."""
        known = self._known
        if known is None:
            return
        known.under_way -= 1
        known.is_bound |= is_final
        if not known.is_bound and not known.under_way:
            await self._notes.take_back(self._id, known)


class KeyNotes:
    """The notes of one gateway process."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._known: dict[str, Known] = {}
        self._waiting: list[_Waiting] = []
        self._sending: asyncio.Task[None] | None = None
        self._ill_until_seconds = 0.0
        self._is_ill = False

    def binding(self, key_id: str, *content: object) -> Binding:
        """Describe a request; `key_id` is a digest of caller and key, and salts that of the content."""
        digest = blake2b(msgspec.msgpack.encode(content), digest_size=_DIGEST_BYTES, key=key_id.encode())
        return Binding(self, key_id, digest.hexdigest())

    def known(self, key_id: str) -> Known | None:
        """Give what this process knows of a key."""
        known = self._known.get(key_id)
        if known is not None and _now_seconds() - known.since_seconds > KEY_SECONDS:
            del self._known[key_id]
            return None
        return known

    async def first(self, key_id: str, request_hash: str) -> Known | None:
        """Note a key's request; None: it is noted for another."""
        known = self.known(key_id)
        if known is None:
            is_ours, stood = await self._write(key_id, request_hash)
            if stood is not None and stood != request_hash:
                return None
            known = self._known.get(key_id)  # of one that came at the same time
        if known is None:
            known = self._known[key_id] = Known(request_hash, _now_seconds(), is_ours=is_ours)
            if len(self._known) > KNOWN_MAX:
                del self._known[next(iter(self._known))]
        return known if known.request_hash == request_hash else None

    async def take_back(self, key_id: str, known: Known) -> None:
        """Forget a key of which nothing was decided; what Redis is too ill for stays there for its 24 h."""
        if self._known.get(key_id) is known:
            del self._known[key_id]
        if known.is_ours and not self._is_ill:
            with suppress(InventoryStreamError):
                await self._notes.drop([(_note(key_id), known.request_hash)])

    async def _write(self, key_id: str, request_hash: str) -> tuple[bool, str | None]:
        """Give (whether the note was written, what stood there)."""
        if self._is_ill and (self._sending is not None or _now_seconds() < self._ill_until_seconds):
            return False, None
        if len(self._waiting) >= WAITING_MAX:
            return False, None
        waiting = _Waiting(key_id, request_hash, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if self._sending is None:
            self._sending = asyncio.create_task(self._send())
        return (False, None) if self._is_ill else await waiting.heard

    async def _send(self) -> None:
        """Write what waits, one round trip after the other."""
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:AT_ONCE_MAX], self._waiting[AT_ONCE_MAX:]
                try:
                    stood = await self._notes.first(
                        [(_note(one.key), one.request_hash) for one in batch], KEY_SECONDS
                    )
                except InventoryStreamError as error:
                    self._fail(batch, str(error))
                    return
                self._is_ill = False
                for one, found in zip(batch, stood, strict=True):
                    if not one.heard.done():
                        one.heard.set_result((found is None, found))
                if len(batch) >= BUSY_NOTES:
                    await asyncio.sleep(PAUSE_SECONDS)
        finally:
            self._sending = None

    def _fail(self, batch: Sequence[_Waiting], reason: str) -> None:
        if not self._is_ill:
            log.warning("keys_not_noted", reason=reason)
        self._is_ill = True
        self._ill_until_seconds = _now_seconds() + ILL_SECONDS
        for one in (*batch, *self._waiting):
            if not one.heard.done():
                one.heard.set_result((False, None))
        self._waiting = []


def is_final(problem: Problem) -> bool:
    """Say whether a refusal was decided, and so binds its key: those have numbers or lines behind them."""
    return problem.kind.status < 500 and bool(problem.members) and not problem.members.get("is_early")


async def bound(binding: Binding, answer: Callable[[], Awaitable[T]], *, binds_late: bool = False) -> T:
    """Answer a request under its key, which a 503, a failure or a refusal before a decision leaves free."""
    has_ended = False
    try:
        binding.check()
        if not binds_late:
            await binding.bind()
        reply = await answer()
        has_ended = True
    except Problem as problem:
        has_ended = is_final(problem)
        raise
    finally:
        await binding.end(is_final=has_ended)
    return reply


def _note(key_id: str) -> str:
    return f"key:{key_id}"


def _now_seconds() -> float:
    return asyncio.get_running_loop().time()
