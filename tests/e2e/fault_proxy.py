"""A TCP proxy before the broker that is slow, stands still, loses requests and loses answers.

It knows so much of Kafka's protocol: every message begins with its length in 4 bytes, a request goes on
with the numbers of its kind, its version and its correlation, an answer with the correlation, and on one
connection answers come in the order of their requests. A message that is lost takes its connection with
it, as TCP has it: a client that misses one answer would take the next for it.
"""

import asyncio
import random
import socket
import struct
from collections import Counter, deque
from collections.abc import Collection
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from inventory_stream.devservers.ports import LOOPBACK, free_ports

PRODUCE: Final = 0
"""Kafka's number of the request that appends."""

_LENGTH_BYTES: Final = 4
_REQUEST_HEAD: Final = struct.Struct(">hhi")  # kind, version, correlation
_CORRELATION: Final = struct.Struct(">i")

MESSAGE_BYTES_MAX: Final = 64 * 1024 * 1024
"""No message of the tests is near; a larger length means that the proxy lost count of the frames."""


@dataclass(frozen=True)
class Faults:
    """What befalls each message from now on."""

    latency_seconds: float = 0.0
    """On each message, both ways; those of one connection wait for one another."""

    bytes_per_second: int | None = None
    """Of each connection and direction; None: as fast as it goes."""

    requests_lost: float = 0.0
    """Share of requests that do not reach the broker."""

    answers_lost: float = 0.0
    """Share of requests that the broker carried out and whose answer does not come back."""

    kinds: Collection[int] | None = None
    """Kinds of request that get lost; None: all."""


NO_FAULTS: Final = Faults()


class FaultProxy:
    """Forwards `port` to a broker's own port; `async with` opens it."""

    def __init__(self, seed: int) -> None:
        """Choose a port; `forward_to` must be set before a client comes."""
        (self.port,) = free_ports(1)
        self.forward_to = 0
        self.faults = NO_FAULTS
        self.lost_requests: Counter[int] = Counter()
        """By kind."""
        self.lost_answers: Counter[int] = Counter()
        """By kind."""
        self._random = random.Random(seed)
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    @property
    def bootstrap_servers(self) -> str:
        """Address for Kafka clients that shall meet the faults."""
        return f"{LOOPBACK}:{self.port}"

    async def __aenter__(self) -> Self:
        await self.up()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.down()

    async def up(self) -> None:
        """Take connections."""
        self._server = await asyncio.start_server(self._serve, LOOPBACK, self.port)

    async def down(self) -> None:
        """Refuse connections and reset those that are there."""
        if self._server is not None:
            self._server.close()
            self._server = None
        await self.reset()

    async def reset(self) -> None:
        """Reset every connection; new ones are taken at once."""
        connections = list(self._connections)
        for connection in connections:
            connection.cancel()
        await asyncio.gather(*connections, return_exceptions=True)

    def stall(self) -> None:
        """Pass nothing on any more; connections stay open, as behind a broken switch."""
        self._flowing.clear()

    def flow(self) -> None:
        """Pass on what waits."""
        self._flowing.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            await self._connect(reader, writer)
        except* (OSError, asyncio.IncompleteReadError):
            pass  # one side has gone, or a message was lost
        finally:
            self._connections.discard(task)
            _cut(writer)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        broker_reader, broker_writer = await asyncio.open_connection(LOOPBACK, self.forward_to)
        asked: deque[tuple[int, int]] = deque()
        try:
            async with asyncio.TaskGroup() as pumps:
                pumps.create_task(self._pump_requests(reader, broker_writer, asked))
                pumps.create_task(self._pump_answers(broker_reader, writer, asked))
        finally:
            _cut(broker_writer)

    async def _pump_requests(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, asked: deque[tuple[int, int]]
    ) -> None:
        while True:
            message = await _read(reader)
            kind, _version, correlation = _REQUEST_HEAD.unpack_from(message)
            await self._hold_up(message)
            if self._is_lost(kind, self.faults.requests_lost):
                self.lost_requests[kind] += 1
                raise ConnectionResetError
            asked.append((kind, correlation))
            await _write(writer, message)

    async def _pump_answers(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, asked: deque[tuple[int, int]]
    ) -> None:
        while True:
            message = await _read(reader)
            kind, correlation = asked.popleft()
            assert _CORRELATION.unpack_from(message) == (correlation,)
            await self._hold_up(message)
            if self._is_lost(kind, self.faults.answers_lost):
                self.lost_answers[kind] += 1
                raise ConnectionResetError
            await _write(writer, message)

    async def _hold_up(self, message: bytes) -> None:
        seconds = self.faults.latency_seconds
        if self.faults.bytes_per_second is not None:
            seconds += len(message) / self.faults.bytes_per_second
        if seconds:
            await asyncio.sleep(seconds)
        await self._flowing.wait()

    def _is_lost(self, kind: int, share: float) -> bool:
        kinds = self.faults.kinds
        return share > 0 and (kinds is None or kind in kinds) and self._random.random() < share


async def _read(reader: asyncio.StreamReader) -> bytes:
    length = int.from_bytes(await reader.readexactly(_LENGTH_BYTES), "big")
    assert length <= MESSAGE_BYTES_MAX, f"a message of {length} bytes"
    return await reader.readexactly(length)


async def _write(writer: asyncio.StreamWriter, message: bytes) -> None:
    writer.write(len(message).to_bytes(_LENGTH_BYTES, "big") + message)
    await writer.drain()


def _cut(writer: asyncio.StreamWriter) -> None:
    """Close with a reset: what has not been read yet is gone, as with a cable that was pulled."""
    connection = writer.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
