"""One connection of a generator: HTTP/1.1 with keep-alive, one request at a time, nothing parsed twice.

An HTTP client of a library takes longer for a request than the gateway that is to be measured.
"""

import asyncio
from collections.abc import Callable
from typing import cast

Answered = Callable[["Line", int, bytes], None]
"""(connection, status, body) of an answer; status 0: the connection ended instead."""


class Line(asyncio.Protocol):
    """Asks, and hands each answer on. `number` is the request under way."""

    __slots__ = ("_answered", "_body_bytes", "_head", "_read", "_transport", "is_lost", "number")

    def __init__(self, answered: Answered) -> None:
        self.number = -1
        self.is_lost = False
        self._answered = answered
        self._read = b""
        self._head = 0
        self._body_bytes = -1
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Be ready."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one but does not say so

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002  # why makes no difference
        """Answer what is under way with nothing."""
        self.is_lost = True
        if self.number >= 0:
            self._answered(self, 0, b"")

    @property
    def is_closed(self) -> bool:
        """Whether nothing can be asked here any more, though it may not have been told yet."""
        return self.is_lost or self._transport is None or self._transport.is_closing()

    def ask(self, number: int, request: bytes) -> None:
        """Send a request; the one before was answered."""
        self.number = number
        assert self._transport is not None  # noqa: S101  # connected before it is used
        self._transport.write(request)

    def abort(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Take a part of an answer; hand it on when it is whole."""
        read = self._read = self._read + data if self._read else data
        if self._body_bytes < 0:
            end = read.find(b"\r\n\r\n")
            if end < 0:
                return
            self._head = end + 4
            self._body_bytes = _content_length(read[:end])
        if len(read) < self._head + self._body_bytes:
            return
        status, body = int(read[9:12]), read[self._head :]
        self._read, self._body_bytes = b"", -1
        self._answered(self, status, body)


def _content_length(head: bytes) -> int:
    """Give the length that a head states; both servers that are measured state it always.

    Raises:
        ValueError: it does not.
    """
    for name in (b"\r\nContent-Length: ", b"\r\ncontent-length: "):
        at = head.find(name)
        if at >= 0:
            end = head.find(b"\r", at + 2)
            return int(head[at + len(name) : end if end >= 0 else len(head)])
    raise ValueError(f"an answer without its length: {head[:200]!r}")


async def connect(port: int, connections: int, answered: Answered) -> list[Line]:
    """Open connections to this machine, one after the other."""
    loop = asyncio.get_running_loop()
    lines = [Line(answered) for _ in range(connections)]
    for line in lines:
        await loop.create_connection(lambda line=line: line, "127.0.0.1", port)  # type: ignore[misc]
    return lines
