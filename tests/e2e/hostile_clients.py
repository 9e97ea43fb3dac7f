"""Clients that cost a server what it lets them: they send, and never read, or never come to an end."""

import asyncio
import base64
import os
import socket
import struct
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Final

import msgspec

RECEIVE_BYTES: Final = 4_096
"""The kernel's buffer of a client that never reads: little, so that the server has to keep the rest."""
DRIP_SECONDS: Final = 0.5
"""Between two bytes of a slow-loris client."""
FRAME_BYTES_MAX: Final = 65_536
"""Of a WebSocket frame whose length stands in two bytes."""


class Hostile:
    """Makes connections to one gateway that nobody ever reads from.

    `sent_bytes` is what they could hand over; it stands still once the server takes no more.
    """

    def __init__(self, port: int, key: str) -> None:
        self._port = port
        self._head = f"Host: localhost\r\nAuthorization: Bearer {key}\r\n".encode()
        self._sockets: list[socket.socket] = []
        self._tasks: list[asyncio.Task[None]] = []
        self.sent_bytes = 0

    async def reads_no_events(self, path: str) -> None:
        """Ask for a stream of events, and leave them lying."""
        await self._send(await self._connect(), self._get(path))

    async def reads_no_answers(self, path: str) -> None:
        """Pipeline requests for as long as they are taken."""
        self._begin(self._repeat(await self._connect(), self._get(path)))

    async def subscribes_and_reads_nothing(self, path: str, skus: list[str]) -> None:
        """Open a WebSocket and ask for the same SKUs again and again, until it is let go for it."""
        nonce = base64.b64encode(os.urandom(16)).decode()
        upgrade = (
            f"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: {nonce}\r\n"
        )
        connection = await self._connect()
        await self._send(connection, self._get(path, upgrade.encode()))
        message = msgspec.json.encode({"type": "subscribe", "skus": skus})
        self._begin(self._repeat(connection, _masked(message)))

    async def never_ends_its_head(self) -> None:
        """Drip header after header."""
        connection = await self._connect()
        await self._send(connection, b"POST /v1/reservations HTTP/1.1\r\n" + self._head)
        self._begin(self._drip(connection, b"X: 1\r\n"))

    async def never_ends_its_body(self, path: str) -> None:
        """Announce a body, and drip it."""
        connection = await self._connect()
        more = b"Idempotency-Key: loris\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n"
        await self._send(connection, f"POST {path} HTTP/1.1\r\n".encode() + self._head + more)
        self._begin(self._drip(connection, b" "))

    async def close(self) -> None:
        """Let all go."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for connection in self._sockets:
            connection.close()

    def _get(self, path: str, more: bytes = b"") -> bytes:
        return f"GET {path} HTTP/1.1\r\n".encode() + self._head + more + b"\r\n"

    def _begin(self, sending: Coroutine[None, None, None]) -> None:
        self._tasks.append(asyncio.create_task(sending))

    async def _connect(self) -> socket.socket:
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
        connection.setblocking(False)  # noqa: FBT003  # the library takes it so
        self._sockets.append(connection)
        await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", self._port))
        return connection

    async def _send(self, connection: socket.socket, data: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(connection, data)
        self.sent_bytes += len(data)

    async def _repeat(self, connection: socket.socket, data: bytes) -> None:
        while True:
            await self._send(connection, data)

    async def _drip(self, connection: socket.socket, data: bytes) -> None:
        while True:
            await asyncio.sleep(DRIP_SECONDS)  # the rate of the attack
            await self._send(connection, data)


@asynccontextmanager
async def hostile(port: int, key: str) -> AsyncIterator[Hostile]:
    """Give hostile clients of a gateway; all of them are gone afterwards."""
    clients = Hostile(port, key)
    try:
        yield clients
    finally:
        await clients.close()


def _masked(payload: bytes) -> bytes:
    """Put a text into a WebSocket frame from a client (RFC 6455, 5.2), masked with zeros."""
    assert 126 <= len(payload) < FRAME_BYTES_MAX
    return b"\x81" + bytes((0x80 | 126,)) + struct.pack(">H", len(payload)) + bytes(4) + payload
