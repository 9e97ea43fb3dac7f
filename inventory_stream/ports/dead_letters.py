"""Where input goes that no ledger can decide: undecodable, unknown, impossible."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class DeadLetter(NamedTuple):
    """One piece of poison input, where it was, and why it was refused.

    `pack_index` is the command's place inside a packed record, None when the whole record is meant.
    `value` is what is meant and no more: a pack of 1,000 that is refused as a whole must not be kept
    1,000 times. None for an empty record.
    """

    topic: str
    partition: int
    offset: int
    pack_index: int | None
    reason: str
    key: bytes | None
    value: bytes | None
    timestamp_ms: int


class DeadLetters(Protocol):
    """The topic `dead-letters`, or its stand-in."""

    async def write(self, letters: Sequence[DeadLetter]) -> None:
        """Keep the letters; returns only when they are durable.

        Raises:
            LedgerLogError: they could not be kept; the progress that passes them must not be written.
        """
