"""Listens to what the projection tells, at almost no cost to who is measured."""

import asyncio
import re
import time
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Final, Self
from urllib.parse import urlsplit

import msgspec

CHANNEL: Final = b"atp"
"""The publish channel of docs/contracts.md."""

CONNECT_SECONDS_MAX: Final = 10.0
"""For Valkey on this machine to confirm the subscription: a few ms, or seconds on a busy machine."""

_MESSAGE: Final = re.compile(rb"\$\d+\r\n(\{[^\r]*\})\r\n")


class _Told(msgspec.Struct, gc=False):
    """A message, as far as it matters here; `v` is `<generation>:<offset>`."""

    sku: str
    v: str


_decode: Final = msgspec.json.Decoder(_Told).decode


class Tellings:
    """When the view told which version of a SKU: offsets and times, both ascending."""

    def __init__(self) -> None:
        self.offsets: Final = array("q")
        self.seconds: Final = array("d")

    def first_with(self, offset: int) -> float | None:
        """When a version of this offset or a later one was first told; None if never."""
        at = bisect_left(self.offsets, offset)
        return self.seconds[at] if at < len(self.offsets) else None


class ViewWatch(asyncio.Protocol):
    """A subscriber that keeps what it hears as bytes with their times, and reads it when all is over.

    The client library would take a third of a core for 5,000 messages a second, of the two that the
    measured share with it.
    """

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        assert address.hostname is not None  # noqa: S101  # our own server's address
        assert address.port is not None  # noqa: S101  # as above
        self._host: Final = address.hostname
        self._port: Final = address.port
        self._chunks: list[bytes] = []
        self._seconds: list[float] = []
        self._subscribed = asyncio.Event()
        self._transport: asyncio.Transport | None = None

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_connection(lambda: self, self._host, self._port)
        self._transport.write(b"SUBSCRIBE " + CHANNEL + b"\r\n")
        async with asyncio.timeout(CONNECT_SECONDS_MAX):
            await self._subscribed.wait()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._transport is not None:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        """Keep it, with its time."""
        self._seconds.append(time.perf_counter())
        self._chunks.append(data)
        self._subscribed.set()

    def tellings(self) -> dict[str, Tellings]:
        """Read everything heard so far: by SKU."""
        return tellings_of(self._chunks, self._seconds)


def tellings_of(chunks: Sequence[bytes], seconds: Sequence[float]) -> dict[str, Tellings]:
    """Read a subscriber's stream; a message was heard when the chunk came that completed it."""
    ends = list(accumulate(map(len, chunks)))
    told: dict[str, Tellings] = {}
    for found in _MESSAGE.finditer(b"".join(chunks)):
        message = _decode(found[1])
        of_sku = told.setdefault(message.sku, Tellings())
        # The chunk whose end is the first at or beyond the message's last byte.
        of_sku.seconds.append(seconds[bisect_right(ends, found.end() - 1)])
        of_sku.offsets.append(int(message.v.partition(":")[2]))
    return told
