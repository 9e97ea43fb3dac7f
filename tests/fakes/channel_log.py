"""`channel-outcomes` in memory."""

from collections.abc import AsyncIterator, Mapping, Sequence

from inventory_stream.errors import UnreachableError
from models.channels import OutcomeRow


class FakeChannelLog:
    """Implements `ports.channel_log.ChannelLog`; `is_away`: Kafka does not answer."""

    def __init__(self) -> None:
        self.rows: dict[int, list[tuple[str, OutcomeRow | None]]] = {}
        self.writes = 0
        self.is_away = False

    async def read(self, partition: int) -> Mapping[str, OutcomeRow]:
        """See the port."""
        newest = dict(self.rows.get(partition, ()))
        return {key: row for key, row in newest.items() if row is not None}

    async def history(self, partition: int) -> AsyncIterator[Sequence[tuple[str, OutcomeRow | None]]]:
        """See the port."""
        yield tuple(self.rows.get(partition, ()))

    async def write(self, partition: int, rows: Sequence[tuple[str, OutcomeRow | None]]) -> None:
        """See the port."""
        self.writes += 1
        if self.is_away:
            raise UnreachableError("no broker answers")
        self.rows.setdefault(partition, []).extend(rows)
