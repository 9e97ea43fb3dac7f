"""Where commands are handed to the ledger: the two input topics, or their stand-in."""

from typing import Final, Protocol

from models.commands import Command

STOCK_EVENTS: Final = "stock-events"
"""Topic of `STOCK_COMMANDS`, before the environment's prefix."""
ORDER_EVENTS: Final = "order-events"
"""Topic of `ORDER_COMMANDS`, before the environment's prefix."""


class CommandSink(Protocol):
    """Takes commands in order and keeps that order per topic and partition key.

    There is no order between stock commands and order commands: they go to two topics.
    """

    async def send(self, command: Command, partition_key: str | None) -> None:
        """Take one command; waits while too much is under way (back-pressure).

        Args:
            command: Any command of this version.
            partition_key: The SKU (R30). None: the command goes to every partition.

        Raises:
            UnreachableError: an earlier command was not acknowledged within its bound, or was refused
                by the broker. What was acknowledged since the last `flush` is unknown; sending the
                same commands again is harmless, because their ids are the same (R27).
        """

    async def flush(self) -> None:
        """Return when everything taken so far is durable.

        Raises:
            UnreachableError: as in `send`.
        """
