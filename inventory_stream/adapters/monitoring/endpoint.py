"""GET /metrics, /live and /ready of one process, from its first moment to its last."""

import asyncio
import errno
from collections.abc import Callable, Sequence
from typing import Final

import orjson
from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from inventory_stream.adapters.monitoring.health import Health, Reasons
from inventory_stream.adapters.monitoring.instruments import text_of
from inventory_stream.errors import PortBusyError, SettingsError

# How long the end waits for a scrape under way. A scrape takes milliseconds, the whole end 8 s.
CLOSE_SECONDS_MAX: Final = 0.5

_OK: Final = 200
_NOT_NOW: Final = 503


class Endpoint:
    """An HTTP server on the process's own event loop: no answer means that the loop is stuck.

    Args:
        host, port: Where it listens.
        health: What the probes answer.
        registry: What a scrape answers.
        refresh: Called before a scrape is answered, for what is only looked at then.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        health: Health,
        registry: CollectorRegistry,
        refresh: Callable[[], None],
        note_ready: Callable[[bool], None],
    ) -> None:
        self._host = host
        self._port = port
        self._health = health
        self.registry: Final = registry
        self._refresh = refresh
        self._note_ready = note_ready
        app = web.Application()
        app.add_routes(
            [
                web.get("/metrics", self._metrics),
                web.get("/live", self._live),
                web.get("/ready", self._ready),
            ]
        )
        # No line per probe in the log.
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=CLOSE_SECONDS_MAX)

    async def start(self) -> None:
        """Listen.

        Raises:
            SettingsError: the address cannot be had; one line that says why and the way out.
            PortBusyError: the port is another process's. A setting that no start mends would be taken for
                the end of `worker ledger --processes`, whose former workers may hold their ports for seconds.
        """
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, self._port).start()
        except OSError as error:
            await self._runner.cleanup()
            fault = PortBusyError if error.errno == errno.EADDRINUSE else SettingsError
            raise fault(
                f"monitoring.port = {self._port} on monitoring.host = {self._host!r}: "
                f"{error.strerror or error}; name another by INVENTORY_STREAM_MONITORING__PORT, 0 for none"
            ) from error

    def working(self, why_not_ready: Reasons) -> None:
        """The process works from now on."""
        self._health.working(why_not_ready)

    def stopping(self) -> None:
        """The end begins: /ready answers 503 from now on."""
        self._health.stopping()

    async def close(self) -> None:
        """Stop listening; bounded."""
        await self._runner.cleanup()

    async def _metrics(self, _: web.Request) -> web.Response:
        self._note_ready(not await self._health.why_not_ready())
        self._refresh()
        parts = []
        for family in self.registry.collect():
            parts.append(text_of(family))
            # Deciding goes on between two families: the whole page takes milliseconds.
            await asyncio.sleep(0)
        return web.Response(body=b"".join(parts), headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})

    async def _live(self, _: web.Request) -> web.Response:
        return _answer("live", self._health.why_not_alive())

    async def _ready(self, _: web.Request) -> web.Response:
        return _answer("ready", await self._health.why_not_ready())


def _answer(what: str, reasons: Sequence[str]) -> web.Response:
    is_so = not reasons
    body = orjson.dumps({what: is_so, "reasons": list(reasons)})
    return web.Response(body=body, status=_OK if is_so else _NOT_NOW, content_type="application/json")
