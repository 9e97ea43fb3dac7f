"""One reader of live updates: where its bytes go, what it follows, and what it was not told yet."""

import asyncio
import socket
from collections.abc import Mapping
from contextlib import suppress
from enum import Enum
from operator import attrgetter
from typing import Final, Protocol

from inventory_stream.gateway.live.frames import HEARTBEAT_SOCKET, HEARTBEAT_SSE, Frame, Topic
from inventory_stream.gateway.live.limits import BEHIND_BYTES, SEND_BUFFER_BYTES
from inventory_stream.gateway.live.token import Token  # noqa: TC001  # of an attribute's type

_UNHEARD_MS: Final = 45_000
"""Three heartbeats without an acknowledgement of the other side's kernel: the line is dead, and the kernel
says so (TCP_USER_TIMEOUT); left alone it would try for a quarter of an hour."""

_ORDER: Final = attrgetter("partition", "version")


class Pipe(Protocol):
    """The part of `asyncio.Transport` that a reader needs."""

    def write(self, data: bytes) -> None:
        """Send, or keep until it can be sent."""

    def get_write_buffer_size(self) -> int:
        """Give the bytes that were not sent yet."""

    def is_closing(self) -> bool:
        """Say whether the line is gone."""

    def abort(self) -> None:
        """Cut the line at once; what was not sent is dropped."""


class Ending(Enum):
    """Why a reader ends."""

    GONE = "it went away"
    TOO_SLOW = "its buffers were full for too long"
    SHUTDOWN = "the gateway stops"


class Reader:
    """One connection. Written to only by the hub, and never more than it takes.

    `untold` are followed topics with a value newer than what was sent: a set of its own topics, so
    that it is bounded however slow the reader is. What is sent of each is its value at the sending. `asked`
    are topics followed since the last round, with the token it resumes from.
    """

    __slots__ = ("_behind_since", "_is_socket", "_pipe", "asked", "ended", "topics", "untold")

    def __init__(self, pipe: Pipe, *, is_socket: bool) -> None:
        self._pipe = pipe
        self._is_socket = is_socket
        self._behind_since: float | None = None
        self.topics: set[Topic] = set()
        self.asked: dict[Topic, Token | None] = {}
        self.untold: set[Topic] = set()
        self.ended: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()

    @property
    def is_behind(self) -> bool:
        """Whether more than `BEHIND_BYTES` waited to be sent at a look, and not all of it was taken since."""
        return self._behind_since is not None

    def tell(self, frames: Mapping[Topic, Frame], now: float, behind_seconds_max: float) -> None:
        """Write the newest value of each untold topic, unless it is behind; `now` is monotonic, in s.

        Who stays behind for too long is cut, though it reads a little.
        """
        if self._pipe.is_closing():
            self.end(Ending.GONE)
            return
        self._look(now)
        if self._behind_since is None:
            self._send([frames[topic] for topic in self.untold])
            self.untold.clear()
            self._look(now)
        elif now - self._behind_since > behind_seconds_max:
            self._pipe.abort()
            self.end(Ending.TOO_SLOW)

    def _look(self, now: float) -> None:
        unsent_bytes = self._pipe.get_write_buffer_size()
        if not unsent_bytes:
            self._behind_since = None
        elif unsent_bytes > BEHIND_BYTES and self._behind_since is None:
            self._behind_since = now

    def _send(self, frames: list[Frame]) -> None:
        """Write events in the order of their versions, which the resume token relies on."""
        if frames:
            frames.sort(key=_ORDER)
            self._pipe.write(b"".join([f.socket if self._is_socket else f.sse for f in frames]))

    def beat(self) -> None:
        """Write a heartbeat; a reader that is behind has bytes on their way as it is."""
        if self._pipe.is_closing():
            self.end(Ending.GONE)
        elif not self.is_behind:
            self._pipe.write(HEARTBEAT_SOCKET if self._is_socket else HEARTBEAT_SSE)

    def end(self, ending: Ending) -> None:
        """Say that it is over, to whoever answers the request."""
        if not self.ended.done():
            self.ended.set_result(ending)


def bound_buffers(transport: asyncio.BaseTransport) -> None:
    """Keep the kernel from buffering much for a slow reader, or from keeping a dead line.

    A kernel that knows no such option does as it does by itself.
    """
    line = transport.get_extra_info("socket")
    if line is None:
        return
    with suppress(OSError):
        line.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNHEARD_MS)
