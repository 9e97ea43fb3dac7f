"""A `CommandSink` in memory."""

from dataclasses import dataclass, field

from inventory_stream.errors import UnreachableError
from models.commands import Command


@dataclass
class FakeCommandSink:
    """Keeps what it was sent. `fail_after` commands it is unreachable, as a broker that went away.

    `durable` holds what a flush has passed; `sent` also what is still under way.
    """

    fail_after: int | None = None
    sent: list[tuple[Command, str | None]] = field(default_factory=list)
    durable: int = 0

    async def send(self, command: Command, partition_key: str | None) -> None:
        """Take one command."""
        if self.fail_after is not None and len(self.sent) >= self.fail_after:
            raise UnreachableError("the fake broker went away")
        self.sent.append((command, partition_key))

    async def flush(self) -> None:
        """Make everything durable."""
        self.durable = len(self.sent)
