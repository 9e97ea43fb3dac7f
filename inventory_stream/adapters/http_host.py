"""An aiohttp application as what a process hosts: listens, drains, ends."""

import asyncio
import gc
import socket
from collections.abc import Callable, Sequence
from ssl import SSLContext
from typing import Final, Self

import structlog
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from inventory_stream.errors import SettingsError

log = structlog.get_logger(__name__)

BACKLOG_CONNECTIONS: Final = 4_096
"""Connections that wait to be taken: those of a sale's first second. The kernel may allow fewer."""

DRAIN_SECONDS_MAX: Final = 6.0
"""How long requests under way may last once the end begins; a reservation is answered within 2 s, and the
whole end has 8 s (`worker_process.STOP_SECONDS_MAX`)."""

KEEPALIVE_SECONDS: Final = 75.0
"""How long an idle connection is kept: longer than the 60 s of common load balancers, so that they close it
first and never send a request into a closing one. It also bounds how long the head of a connection's request
may take to arrive, however its bytes drip."""

UNHEARD_MS: Final = 45_000
"""How long a client may leave sent bytes without taking them, before the kernel ends the connection: one that
never reads would keep its answer here for ever. Three heartbeats of a live stream."""


def listening_socket(host: str, port: int) -> socket.socket:
    """Take the address, so that a wrong one is said before anything is started.

    Raises:
        SettingsError: it cannot be had; one line that says why and the way out.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=BACKLOG_CONNECTIONS)
    except OSError as error:
        raise SettingsError(
            f"gateway.port = {port} on gateway.host = {host!r}: {error.strerror or error}; name another by "
            f"INVENTORY_STREAM_GATEWAY__PORT, 0 for any free one"
        ) from error
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # every connection inherits it
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNHEARD_MS)
    return listener


# Garbage collections of the youngest generation once per so many new containers (Python's default: 700), and
# seldom of the others: answers wait in many containers at once, which the default walks again and again. A
# collection of 20,000 takes 1 to 2 ms.
GC_THRESHOLDS: Final = (20_000, 50, 100)


Unreadable = Callable[[str], web.Response]
"""Gives the answer to what is no HTTP, from the reason."""


class _Connection(web.RequestHandler):
    """One client's connection. What cannot be read is answered as any refusal, and is no line of the log."""

    __slots__ = ("_unreadable",)

    def __init__(self, server: web.Server, loop: asyncio.AbstractEventLoop, unreadable: Unreadable) -> None:
        # Access is counted by the application; a line for each request would cost a tenth of it.
        super().__init__(
            server,
            loop=loop,
            access_log=None,  # type: ignore[arg-type]  # None is what its runner passes for "none"
            keepalive_timeout=KEEPALIVE_SECONDS,
        )
        self._unreadable = unreadable

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what no handler got to see; see the base class."""
        if not isinstance(exc, HttpProcessingError):
            return super().handle_error(request, status, exc, message)
        response = self._unreadable(exc.message)
        response.force_close()
        return response


class HttpHost:
    """Implements `worker_process.Host`, and is its own app.

    Args:
        app: Answers.
        listener: Where; closed with the host.
        tls: None: without encryption.
        why_not_ready: Names what is missing.
        unreadable: Answers what is no HTTP.
    """

    def __init__(
        self,
        app: web.Application,
        listener: socket.socket,
        tls: SSLContext | None,
        why_not_ready: Callable[[], Sequence[str]],
        unreadable: Unreadable,
    ) -> None:
        self._listener = listener
        self._tls = tls
        self._why_not_ready = why_not_ready
        self._unreadable = unreadable
        self._runner = web.AppRunner(app, shutdown_timeout=DRAIN_SECONDS_MAX)
        self._server: asyncio.Server | None = None

    @property
    def app(self) -> Self:
        """What is started and stopped."""
        return self

    async def start(self) -> None:
        """Listen."""
        gc.freeze()  # what was imported and built stays
        gc.set_threshold(*GC_THRESHOLDS)
        await self._runner.setup()
        loop, server = asyncio.get_running_loop(), self._runner.server
        assert server is not None  # noqa: S101  # it was set up
        self._server = await loop.create_server(
            lambda: _Connection(server, loop, self._unreadable),
            sock=self._listener,
            ssl=self._tls,
            backlog=BACKLOG_CONNECTIONS,
        )
        host, port = self._listener.getsockname()[:2]
        log.info("gateway_listens", host=host, port=port, is_tls=self._tls is not None)

    async def why_not_ready(self) -> Sequence[str]:
        """Name what is missing before requests can be answered."""
        return self._why_not_ready()

    async def close(self) -> None:
        """Take no more connections, let requests under way end; bounded by `DRAIN_SECONDS_MAX`."""
        if self._server is not None:
            self._server.close()
        await self._runner.cleanup()

    async def stop(self) -> None:
        """Let go of the address."""
        self._listener.close()
        await asyncio.sleep(0)
