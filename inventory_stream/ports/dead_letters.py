"""Where input goes that no ledger can decide: undecodable, unknown, impossible."""

from collections.abc import AsyncIterator, Sequence
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


class StoredLetter(NamedTuple):
    """A letter as it waits in the topic.

    `key` is its place, `topic/partition/offset[/pack_index]`, as the input topic was then: where that
    was created anew since, another record may lie there now, and a new letter of that place
    replaces this one. `written_ms` is the record time of the letter. `is_cut`: the original was too
    large to be kept whole.
    """

    key: str
    letter: DeadLetter
    written_ms: int
    is_cut: bool


class DeadLetterBox(Protocol):
    """The letters that wait, for whoever deals with them."""

    def letters(self) -> AsyncIterator[StoredLetter]:
        """Yield each letter that waits, once, oldest first; those written meanwhile are left out.

        Raises:
            InventoryStreamError: something there is no letter of this schema version.
            UnreachableError: Kafka does not answer.
        """

    async def settle(self, keys: Sequence[str]) -> None:
        """Take letters out by their keys; returns when that is durable.

        Raises:
            UnreachableError: it is not known to be.
        """


class Resend(NamedTuple):
    """An input record to send again. `topic` is a full name, `key` the Kafka key."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes


class Resender(Protocol):
    """Sends records into input topics."""

    async def resend(self, records: Sequence[Resend]) -> Sequence[int]:
        """Send them in order; returns their offsets when all are durable.

        Raises:
            UnreachableError: at least one is not known to be.
        """
