"""The writer's side of the Redis view. The keys are in keys.py, the guard in guard.lua.

Sound on one server (a primary with replicas): the marker and the checkpoints lie beside the data, and one
call of the guard script writes many SKUs, whose keys a cluster would have in many slots.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import msgspec
import orjson
from redis.asyncio import Redis

from inventory_stream.adapters.redis import keys
from inventory_stream.adapters.redis.connection import address_of, connect, reaching
from inventory_stream.adapters.redis.marker import new_marker, owner_in, refuse_foreign, with_owner
from inventory_stream.adapters.redis.scripts import Call, Scripts
from inventory_stream.errors import UnreachableError
from inventory_stream.ports.monitor import SILENT_PROJECTION, ProjectionMonitor
from inventory_stream.ports.projection import (
    NO_PATHS,
    Announcement,
    Checkpoint,
    Extent,
    Move,
    Paths,
    Refusal,
    SkuChange,
    ViewOwner,
    Written,
)
from inventory_stream.settings import RedisSettings

_encode: Final = msgspec.msgpack.Encoder().encode

_GUARD: Final = "guard.lua"
_ANNOUNCE: Final = "announce.lua"
_SWAP: Final = "swap.lua"
_BEAT: Final = "beat.lua"

# An enumeration's `value` is looked up by a descriptor, which took 0.3 us of each change.
_WORDS: Final = {extent: extent.value for extent in Extent}

_REFUSALS: Final = {-1: Refusal.OLDER, -2: Refusal.ABSENT}

# Members of one SADD, SREM or UNLINK: 1,000 ids of 128 characters are 128 KiB, and the server is
# busy for under 1 ms. Larger saves no round trip worth having, smaller costs some.
_MEMBERS_MAX: Final = 1_000

# A call of the guard script ends at either, and storefronts' reads get their turn before the next one.
# SKUs: the server is busy for 1.2 ms (12 us a SKU of few locations, measured on batches of 300), and more
# would spare no answer worth having. Locations: 100 whole SKUs of 1,000 stores each had a read wait for
# 163 ms in one call, and for 11 ms in a call each. One SKU is never divided.
_SKUS_PER_CALL: Final = 100
_LOCATIONS_PER_CALL: Final = 1_000

# How often `settle_sold_out` looks again after its own change. Each look after the first is needed
# only if yet another writer changed the SKU in the microseconds between.
_SETTLE_ROUNDS_MAX: Final = 10


class RedisProjection:
    """See `inventory_stream.ports.projection.Projection`."""

    def __init__(
        self,
        client: Redis,
        settings: RedisSettings,
        owner: ViewOwner,
        monitor: ProjectionMonitor = SILENT_PROJECTION,
    ) -> None:
        self._client = client
        self._monitor = monitor
        self._settings = settings
        self._owner = owner
        self._address = address_of(settings.url)
        self._scripts = Scripts(client, (_GUARD, _ANNOUNCE, _SWAP, _BEAT))

    @classmethod
    def connect(
        cls, settings: RedisSettings, owner: ViewOwner, monitor: ProjectionMonitor = SILENT_PROJECTION
    ) -> "RedisProjection":
        """Describe a connection; the first call opens it. `owner` is the ledger that is shown there."""
        return cls(connect(settings), settings, owner, monitor)

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        try:
            with reaching(self._address):
                yield
        except UnreachableError:
            self._monitor.view_failed()
            raise
        self._monitor.view_answered()

    async def ensure_marker(self) -> str:
        """See the port."""
        with self._reaching():
            await self._client.set(keys.MARKER, new_marker(self._owner), nx=True)
        marker = await self.marker()
        if marker is None:
            return await self.ensure_marker()
        if owner_in(marker) is None:  # written by a version that named no owner
            await self._replace_marker(marker, with_owner(marker, self._owner))
            return await self.ensure_marker()
        refuse_foreign(self._settings, marker, self._owner)
        return marker

    async def take_over(self) -> None:
        """See the port."""
        marker = await self.marker()
        theirs = None if marker is None else owner_in(marker)
        if marker is not None and theirs is not None and not theirs.is_same(self._owner):
            await self._replace_marker(marker, new_marker(self._owner))
        await self.ensure_marker()

    async def _replace_marker(self, expected: str, new: str) -> None:
        """Set the marker if it is `expected`: two workers that begin at once must end with one of them."""
        with self._reaching():
            await self._scripts.run([Call(_SWAP, keys.MARKER, (expected, new))])

    async def marker(self) -> str | None:
        """See the port."""
        with self._reaching():
            return _text(await self._client.get(keys.MARKER))

    async def checkpoint(self, partition: int) -> Checkpoint | None:
        """See the port."""
        with self._reaching():
            return parse_checkpoint(_text(await self._client.get(keys.checkpoint_key(partition))))

    async def take(self, partition: int, checkpoint: Checkpoint) -> None:
        """See the port."""
        with self._reaching():
            await self._client.set(keys.checkpoint_key(partition), format_checkpoint(checkpoint))

    async def swap(self, partition: int, expected: Checkpoint, new: Checkpoint) -> bool:
        """See the port."""
        with self._reaching():
            answers, _ = await self._scripts.run([_swap_call(partition, expected, new)])
        return answers == [1]

    async def write(self, partition: int, changes: Sequence[SkuChange]) -> Written:
        """See the port."""
        # Before the hash itself: a name too many does no harm, a missing one hides the SKU from
        # the removal at the end of a rebuild.
        whole = [change.sku for change in changes if change.extent is not Extent.CHANGE]
        before = [
            ("SADD", keys.skus_key(partition), *whole[first : first + _MEMBERS_MAX])
            for first in range(0, len(whole), _MEMBERS_MAX)
        ]
        after = [("GET", keys.MARKER), ("GET", keys.checkpoint_key(partition))]
        calls = [_guard_call(partition, some) for some in _per_call(changes)]
        with self._reaching():
            answers, (marker, checkpoint) = await self._scripts.run(calls, before, after)
        totals = [int(total) for answer in answers for total in answer.split(" ")]
        return Written(
            [_REFUSALS.get(total, total) for total in totals], marker, parse_checkpoint(checkpoint)
        )

    async def announce(self, announcements: Sequence[Announcement], move: Move | None = None) -> bool:
        """See the port."""
        calls = []
        for first in range(0, len(announcements), _MEMBERS_MAX):
            some = announcements[first : first + _MEMBERS_MAX]
            out = [one.change.sku for one in some if one.is_sold_out]
            back = [one.change.sku for one in some if not one.is_sold_out]
            messages = [_message(change, total) for change, total in some]
            calls.append(Call(_ANNOUNCE, keys.SOLD_OUT, (keys.CHANNEL, _encode((out, back, messages)))))
        if move is not None:
            calls.append(_swap_call(*move))
        with self._reaching():
            answers, _ = await self._scripts.run(calls)
        return move is None or answers[-1] == 1

    async def settle_sold_out(self, skus: Collection[str]) -> None:
        """See the port.

        The last change of membership by anybody is followed by its own look at the hash, so the
        last look finds membership and hash in agreement.
        """
        ordered = list(skus)
        seen: list[bool] | None = None
        for _ in range(_SETTLE_ROUNDS_MAX):
            pipeline = self._client.pipeline(transaction=False)
            if seen is not None:
                for sku, is_out in zip(ordered, seen, strict=True):
                    (pipeline.sadd if is_out else pipeline.srem)(keys.SOLD_OUT, sku)
            for sku in ordered:
                pipeline.hmget(keys.sku_key(sku), ("total", keys.BESIDE))
            with self._reaching():
                answers = await pipeline.execute()
            found = [total == "0" and beside is None for total, beside in answers[-len(ordered) :]]
            if found == seen or not ordered:
                return
            seen = found

    async def skus(self, partition: int) -> Collection[str]:
        """See the port."""
        members: set[str] = set()
        with self._reaching():
            async for member in self._client.sscan_iter(keys.skus_key(partition), count=_MEMBERS_MAX):
                members.add(member)
        return members

    async def remove(self, partition: int, skus: Collection[str]) -> None:
        """See the port."""
        ordered = list(skus)
        for first in range(0, len(ordered), _MEMBERS_MAX):
            some = ordered[first : first + _MEMBERS_MAX]
            pipeline = self._client.pipeline(transaction=False)
            for sku in some:  # one key each: in a cluster they lie in different slots
                pipeline.unlink(keys.sku_key(sku))
            pipeline.srem(keys.SOLD_OUT, *some)
            pipeline.srem(keys.skus_key(partition), *some)
            with self._reaching():
                await pipeline.execute()

    async def beat(self, partition: int, place: Checkpoint, expiry_ms: int) -> bool:
        """See the port."""
        call = Call(
            _BEAT,
            keys.heartbeat_key(partition),
            (place.marker, format_checkpoint(place), str(expiry_ms)),
            (keys.MARKER, keys.checkpoint_key(partition)),
        )
        with self._reaching():
            answers, _ = await self._scripts.run([call])
        return answers == [1]

    async def stop_beating(self, partition: int) -> None:
        """See the port."""
        with self._reaching():
            await self._client.delete(keys.heartbeat_key(partition))

    async def close(self) -> None:
        """See the port."""
        await self._client.aclose()


def format_checkpoint(checkpoint: Checkpoint) -> str:
    """Give a checkpoint's text; no part of it holds a space."""
    return " ".join(str(part) for part in checkpoint)


def parse_checkpoint(text: str | None) -> Checkpoint | None:
    """Undo `format_checkpoint`; None for none, and for what this version did not write."""
    if text is None:
        return None
    try:
        marker, generation_ms, term, next_offset, row_ms, writer, stated = text.split(" ")
        numbers = (int(generation_ms), int(term), int(next_offset), int(row_ms))
        return Checkpoint(marker, *numbers, writer, int(stated))
    except ValueError:
        return None


def _text(answer: bytes | str | None) -> str | None:
    """Narrow the library's type: the client decodes every answer."""
    assert not isinstance(answer, bytes)  # noqa: S101  # decode_responses is set in connection.py
    return answer


def _swap_call(partition: int, expected: Checkpoint, new: Checkpoint) -> Call:
    return Call(_SWAP, keys.checkpoint_key(partition), (format_checkpoint(expected), format_checkpoint(new)))


def _message(change: SkuChange, total: int) -> str:
    # Text, because the msgpack of Redis 7 and Valkey 9 does not know the type that bytes become.
    message = {"sku": change.sku, "total": total, "v": str(change.version), "at": change.at_ms}
    return orjson.dumps(message).decode()


def _per_call(changes: Sequence[SkuChange]) -> Iterator[Sequence[SkuChange]]:
    """Divide changes, in their order, into what one call of the guard script writes."""
    first = locations = 0
    for number, change in enumerate(changes):
        locations += len(change.locations)
        is_full = number - first == _SKUS_PER_CALL or locations > _LOCATIONS_PER_CALL
        if is_full and number > first:
            yield changes[first:number]
            first, locations = number, len(change.locations)
    if changes:
        yield changes[first:]


def _guard_call(partition: int, changes: Sequence[SkuChange]) -> Call:
    first, *more = [keys.sku_key(change.sku) for change in changes]
    return Call(_GUARD, first, (_encode([_guard_argument(partition, change) for change in changes]),), more)


def _guard_argument(partition: int, change: SkuChange) -> tuple[object, ...]:
    """Give the array that guard.lua documents."""
    _, version, at_ms, by_location, extent, paths = change
    locations: list[str | int] = []
    for location, units in by_location.items():
        locations += (location, -1, 0) if units is None else (location, *units)
    fields = () if paths is NO_PATHS else _path_fields(paths)
    return (_WORDS[extent], *version, at_ms, partition, locations, paths.offset, fields)


def _path_fields(paths: Paths) -> list[str | int]:
    """Give field and units in turn: no more than twice a few dozen channels and sales."""
    fields: list[str | int] = []
    for channel, units in paths.channels.items():
        fields += (keys.CHANNEL_FIELD_PREFIX + channel, units)
    for sale_id, units in paths.sales.items():
        fields += (keys.SALE_FIELD_PREFIX + sale_id, units)
    for name, units in ((keys.BACKORDER, paths.backorder), (keys.BESIDE, paths.beside)):
        if units:
            fields += (name, units)
    return fields
