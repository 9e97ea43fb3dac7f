"""An aiohttp application as what a process hosts: listens, drains, ends."""

import asyncio
import gc
import socket
from collections.abc import Callable, Sequence
from ssl import SSLContext
from typing import Final, Self

import structlog
from aiohttp import web

from inventory_stream.errors import SettingsError

log = structlog.get_logger(__name__)

BACKLOG_CONNECTIONS: Final = 4_096
"""Connections that wait to be taken: those of a sale's first second. The kernel may allow fewer."""

DRAIN_SECONDS_MAX: Final = 6.0
"""How long requests under way may last once the end begins; a reservation is answered within 2 s, and the
whole end has 8 s (`worker_process.STOP_SECONDS_MAX`)."""

KEEPALIVE_SECONDS: Final = 75.0
"""How long an idle connection is kept: longer than the 60 s of common load balancers, so that they close it
first and never send a request into a closing one."""


def listening_socket(host: str, port: int) -> socket.socket:
    """Take the address, so that a wrong one is said before anything is started.

    Raises:
        SettingsError: it cannot be had; one line that says why and the way out.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG_CONNECTIONS)
    except OSError as error:
        raise SettingsError(
            f"gateway.port = {port} on gateway.host = {host!r}: {error.strerror or error}; name another by "
            f"INVENTORY_STREAM_GATEWAY__PORT, 0 for any free one"
        ) from error


# Garbage collections of the youngest generation once per so many new containers (Python's default: 700), and
# seldom of the others: answers wait in many containers at once, which the default walks again and again. A
# collection of 20,000 takes 1 to 2 ms.
GC_THRESHOLDS: Final = (20_000, 50, 100)


class HttpHost:
    """Implements `worker_process.Host`, and is its own app.

    Args:
        app: Answers.
        listener: Where; closed with the host.
        tls: None: without encryption.
        why_not_ready: Names what is missing.
    """

    def __init__(
        self,
        app: web.Application,
        listener: socket.socket,
        tls: SSLContext | None,
        why_not_ready: Callable[[], Sequence[str]],
    ) -> None:
        self._listener = listener
        self._tls = tls
        self._why_not_ready = why_not_ready
        # Access is counted by the application; a line for each request would cost a tenth of it.
        self._runner = web.AppRunner(
            app,
            access_log=None,
            keepalive_timeout=KEEPALIVE_SECONDS,
            shutdown_timeout=DRAIN_SECONDS_MAX,
        )

    @property
    def app(self) -> Self:
        """What is started and stopped."""
        return self

    async def start(self) -> None:
        """Listen."""
        gc.freeze()  # what was imported and built stays
        gc.set_threshold(*GC_THRESHOLDS)
        await self._runner.setup()
        site = web.SockSite(self._runner, self._listener, ssl_context=self._tls, backlog=BACKLOG_CONNECTIONS)
        await site.start()
        host, port = self._listener.getsockname()[:2]
        log.info("gateway_listens", host=host, port=port, is_tls=self._tls is not None)

    async def why_not_ready(self) -> Sequence[str]:
        """Name what is missing before requests can be answered."""
        return self._why_not_ready()

    async def close(self) -> None:
        """Take no more connections, let requests under way end; bounded by `DRAIN_SECONDS_MAX`."""
        await self._runner.cleanup()

    async def stop(self) -> None:
        """Let go of the address."""
        self._listener.close()
        await asyncio.sleep(0)
