"""The two input topics of a partition, as its owner sees them."""

from collections.abc import Awaitable, Callable, Sequence
from enum import Enum
from typing import NamedTuple, Protocol


class Input(Enum):
    """Which of the two input topics."""

    STOCK = "stock"
    ORDERS = "orders"


class InputRecord(NamedTuple):
    """One Kafka record of an input topic, undecoded. `timestamp` in ms, LogAppendTime on order-events.

    The names are those of the client's own record, which is handed over as it is: a copy of each would
    cost a third of what reading it costs.
    """

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


class InputRange(NamedTuple):
    """Offsets that an input partition holds: from `beginning` up to, not including, `end`.

    Records of a transaction that is still open count: they may become commands (R18).
    """

    beginning: int
    end: int


class InputOffsets(Protocol):
    """Asks the broker itself, never a remembered high-water mark (R18)."""

    async def range_of(self, source: Input, partition: int) -> InputRange:
        """Give the offsets that the broker holds now.

        Raises:
            UnreachableError: no answer within the bound.
        """

    async def has_records(self, source: Input, partition: int, first: int, end: int) -> bool:
        """Tell whether a command lies from `first` up to, not including, `end`, or may yet come there.

        Control records and aborted transactions take offsets that no command has. True also where
        a transaction is still open, and where it would take too much reading to know.

        Raises:
            UnreachableError: no answer within the bound.
        """


class PartitionInbox(Protocol):
    """What the host of a partition hands records to."""

    async def put(
        self,
        source: Input,
        records: Sequence[InputRecord],
        done: Callable[[], Awaitable[None]],
    ) -> None:
        """Queue consecutive records; waits while the queue is full (back-pressure).

        `done` is awaited, in order per source, once every decision of these records is durable.
        """
