"""The topic `channel-outcomes` as the one owner of an account sees it."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Protocol

from models.channels import OutcomeRow


class ChannelLog(Protocol):
    """Rows by their key (`models.channels.outcome_key`), kept for ever, the newest of each."""

    async def read(self, partition: int) -> Mapping[str, OutcomeRow]:
        """Give the newest row of each key of a partition, read to its end as it is now.

        Raises:
            UnreachableError: Kafka does not answer.
        """

    def history(self, partition: int) -> AsyncIterator[Sequence[tuple[str, OutcomeRow | None]]]:
        """Yield what `read` is made of, oldest first: of a key the last one counts, None took it out.

        For who keeps rows in a form of its own: a million of them as a mapping take 0.5 GB.

        Raises:
            UnreachableError: Kafka does not answer.
        """

    async def write(self, partition: int, rows: Sequence[tuple[str, OutcomeRow | None]]) -> None:
        """Keep rows, in order; None takes a key out. Returns when they are durable.

        Raises:
            UnreachableError: they are not known to be.
        """
