"""A command sink that connects when it is first needed, and anew after it failed."""

import asyncio
from contextlib import AsyncExitStack
from typing import Final

from inventory_stream.adapters.kafka.command_sink import KafkaCommandSink, open_command_sink
from inventory_stream.errors import InventoryStreamError
from inventory_stream.settings import Settings
from models.commands import Command

ACK_SECONDS_MAX: Final = 10.0
"""Longest wait for one batch: 5 ms here. Whoever sends tries again, so a wait for a broker's restart is
better spent there, where others are not held up."""


class LazyCommandSink:
    """A `CommandSink`. Several tasks may use it: one connects, the others wait."""

    def __init__(self, settings: Settings) -> None:
        """Connect to nothing yet."""
        self._settings = settings
        self._opening: Final = asyncio.Lock()
        self._stack: AsyncExitStack | None = None
        self._sink: KafkaCommandSink | None = None

    async def send(self, command: Command, partition_key: str | None) -> None:
        """Take one command; see the port."""
        sink = await self._open()
        try:
            await sink.send(command, partition_key)
        except InventoryStreamError:
            await self._drop(sink)
            raise

    async def flush(self) -> None:
        """Return when everything taken so far is durable; see the port."""
        sink = self._sink
        if sink is None:
            return
        try:
            await sink.flush()
        except InventoryStreamError:
            await self._drop(sink)
            raise

    async def close(self) -> None:
        """Let go of the connection; bounded. What `flush` returned from is kept already."""
        if self._sink is not None:
            await self._drop(self._sink)

    async def _open(self) -> KafkaCommandSink:
        async with self._opening:
            if self._sink is None:
                stack = AsyncExitStack()
                self._sink = await stack.enter_async_context(
                    open_command_sink(self._settings, ack_seconds_max=ACK_SECONDS_MAX)
                )
                self._stack = stack
            return self._sink

    async def _drop(self, sink: KafkaCommandSink) -> None:
        """Let go of a sink that failed: what it was given may be lost, and its senders are all told so."""
        if self._sink is sink and self._stack is not None:
            stack, self._stack, self._sink = self._stack, None, None
            await stack.aclose()
