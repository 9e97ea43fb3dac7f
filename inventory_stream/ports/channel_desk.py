"""What an operator's command sees of channels: the newest rows of accounts, and a way to ask their owner."""

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Protocol

from models.channels import Inbound, OutcomeRow


class ChannelDesk(Protocol):
    """`channel-outcomes` to read, `channel-inbound` to write to. Every method may raise UnreachableError."""

    async def rows(self, partition: int, wanted: Callable[[str], bool]) -> Mapping[str, OutcomeRow]:
        """Give the newest row of each key of a partition that `wanted` says yes to."""

    async def news(
        self, partition: int, offset: int, wanted: Callable[[str], bool]
    ) -> tuple[Mapping[str, OutcomeRow], int]:
        """Give those that were written from an offset on, and the offset to go on from."""

    async def end(self, partition: int) -> int:
        """Give where the next row of a partition will stand: from there `since` follows."""

    def since(
        self, partition: int, offset: int, wanted: Callable[[str], bool]
    ) -> AsyncIterator[tuple[str, OutcomeRow]]:
        """Yield rows as they are written, from an offset on, without end: bound it."""

    async def ask(self, inbound: Inbound, partition: int) -> None:
        """Hand an act to whoever owns the account; returns when it is durable."""

    async def close(self) -> None:
        """Let go of the connections; bounded."""
