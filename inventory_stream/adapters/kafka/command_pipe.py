"""A way for commands that outlives its producers: after Kafka was gone it opens a new one."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Final, Protocol

import structlog

from inventory_stream.adapters.kafka.command_lane import PACK_COMMANDS_MAX
from inventory_stream.adapters.kafka.command_sink import open_command_sink
from inventory_stream.errors import InventoryStreamError, UnreachableError
from inventory_stream.settings import Settings
from models.commands import Command

log = structlog.get_logger(__name__)

ACK_SECONDS_MAX: Final = 15.0
"""How long a batch may stay unacknowledged before another producer is tried. Whoever waited was told so
long before (gateway.answer_seconds); a broker's restart takes 4 s here, a leader election less."""

OPEN_PAUSE_SECONDS: Final = (0.2, 0.5, 1.0, 2.0)
"""Pauses between attempts to connect; the last one stays. A connect costs three round trips."""


class Sink(Protocol):
    """The part of a sink that is used here."""

    async def send(self, command: Command, partition_key: str | None) -> None:
        """Take one command; see `ports.commands.CommandSink`."""

    def offer(self, command: Command, partition_key: str) -> bool:
        """Take one command of one partition if there is room; raises as `send`."""


OpenSink = Callable[[], AbstractAsyncContextManager[Sink]]


class CommandPipe:
    """Takes commands while `run` runs; a sink that fails is replaced.

    What a failed sink had not delivered may or may not be in its topic. Nothing is sent again here: whoever
    asked waits for an answer, and asks again with the same id when none comes (R27).
    """

    def __init__(self, open_sink: OpenSink) -> None:
        self._open_sink = open_sink
        self._sink: Sink | None = None
        self._opened = asyncio.Event()
        self._broken = asyncio.Event()

    @classmethod
    def to_kafka(cls, settings: Settings) -> "CommandPipe":
        """Make one to the input topics, packing what arrives while a batch is under way."""
        return cls(
            lambda: open_command_sink(
                settings,
                pack_commands=PACK_COMMANDS_MAX,
                ack_seconds_max=ACK_SECONDS_MAX,
                linger_seconds=settings.gateway.linger_ms / 1_000,
            )
        )

    @property
    def is_open(self) -> bool:
        """Whether a sink is there that has not failed."""
        return self._opened.is_set()

    async def send(self, command: Command, partition_key: str | None) -> None:
        """Take one command; waits while there is no sink, without an end: the caller sets the deadline."""
        while True:
            await self._opened.wait()
            sink = self._sink
            if sink is None:
                continue
            try:
                await sink.send(command, partition_key)
            except UnreachableError as error:
                self._give_up(sink, error)
            else:
                return

    def offer(self, command: Command, partition_key: str) -> bool:
        """Take one command of one partition at once; False where it would have to wait."""
        sink = self._sink
        if sink is None:
            return False
        try:
            return sink.offer(command, partition_key)
        except UnreachableError as error:
            self._give_up(sink, error)
            return False

    def _give_up(self, sink: Sink, error: UnreachableError) -> None:
        if sink is self._sink:
            log.warning("command_sink_failed", reason=str(error))
            self._sink = None
            self._opened.clear()
            self._broken.set()

    async def run(self) -> None:
        """Keep a sink open until cancelled."""
        attempt = 0
        while True:
            try:
                async with self._open_sink() as sink:
                    self._broken.clear()
                    self._sink = sink
                    self._opened.set()
                    attempt = 0
                    log.info("command_sink_open")
                    await self._broken.wait()
            except InventoryStreamError as error:
                if attempt == 0:
                    log.warning("command_sink_unreachable", reason=str(error))
            finally:
                self._sink = None
                self._opened.clear()
            await asyncio.sleep(OPEN_PAUSE_SECONDS[min(attempt, len(OPEN_PAUSE_SECONDS) - 1)])
            attempt += 1
