"""How commands leave the demo: through Kafka, counted."""

from inventory_stream.ports.commands import CommandSink
from models.codec import to_positional
from models.commands import Command


class CountingSink:
    """A `CommandSink` that counts: each command sent must find exactly one answer."""

    def __init__(self, sink: CommandSink, partitions: int, *, is_positional: bool = False) -> None:
        """Wrap a sink.

        Args:
            sink: Where the commands go.
            partitions: Of each input: a command without a key goes to all of them and counts for each.
            is_positional: Send the shorter wire form, which packs need to be of one kind.
        """
        self._sink = sink
        self._partitions = partitions
        self._is_positional = is_positional
        self.sent = 0

    async def send(self, command: Command, partition_key: str | None) -> None:
        """See `CommandSink.send`."""
        self.sent += 1 if partition_key is not None else self._partitions
        await self._sink.send(to_positional(command) if self._is_positional else command, partition_key)

    async def flush(self) -> None:
        """See `CommandSink.flush`."""
        await self._sink.flush()
