"""A sink for trying a mapping out: needs no broker, keeps nothing."""

from models.commands import Command


class DiscardingSink:
    """A `CommandSink` that drops what it gets."""

    async def send(self, command: Command, partition_key: str | None) -> None:
        """Drop a command."""

    async def flush(self) -> None:
        """There is nothing to wait for."""
