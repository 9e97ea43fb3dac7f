"""The use case "what waits in the dead letters": which, how many, and for what reason."""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection
from dataclasses import dataclass, field
from typing import Final

from inventory_stream.flows.dead_letters_words import kind_of
from inventory_stream.ports.dead_letters import DeadLetterBox, StoredLetter

KINDS_MAX: Final = 1_000
"""Kinds of reasons counted apart. Decoders quote names out of the input, so there is no natural bound."""
OTHER_KINDS: Final = "(other reasons)"


@dataclass(frozen=True, slots=True)
class LetterFilter:
    """Which letters are meant; every part that is given must fit.

    `topic` is a full name, `reason` a part of the text in any case; times are those of the letters'
    writing, ms since the epoch, `until_ms` not included.
    """

    keys: Collection[str] = ()
    topic: str | None = None
    partition: int | None = None
    reason: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None

    def fits(self, stored: StoredLetter) -> bool:
        """Say whether a letter is meant."""
        letter = stored.letter
        return (
            (not self.keys or stored.key in self.keys)
            and (self.topic is None or letter.topic == self.topic)
            and (self.partition is None or letter.partition == self.partition)
            and (self.reason is None or self.reason.lower() in letter.reason.lower())
            and (self.since_ms is None or stored.written_ms >= self.since_ms)
            and (self.until_ms is None or stored.written_ms < self.until_ms)
        )


@dataclass(slots=True)
class LetterCounts:
    """What was counted: `by_kind` is (topic, reason without its numbers)."""

    letters: int = 0
    looked_at: int = 0
    """All that wait, meant or not."""
    by_kind: Counter[tuple[str, str]] = field(default_factory=Counter)
    keys_found: set[str] = field(default_factory=set)
    """Of the keys that the filter names, those that wait."""
    oldest_ms: int | None = None
    newest_ms: int | None = None

    def take(self, stored: StoredLetter) -> None:
        """Count one more."""
        self.letters += 1
        kind = stored.letter.topic, kind_of(stored.letter.reason)
        if kind not in self.by_kind and len(self.by_kind) >= KINDS_MAX:
            kind = stored.letter.topic, OTHER_KINDS
        self.by_kind[kind] += 1
        written_ms = stored.written_ms
        self.oldest_ms = written_ms if self.oldest_ms is None else min(self.oldest_ms, written_ms)
        self.newest_ms = written_ms if self.newest_ms is None else max(self.newest_ms, written_ms)


async def waiting_letters(
    box: DeadLetterBox, wanted: LetterFilter, on_letter: Callable[[int], object] = int
) -> AsyncIterator[StoredLetter]:
    """Yield the letters that are meant, oldest first; `on_letter` hears of each one looked at.

    Raises:
        InventoryStreamError: something there is no letter of this version.
        UnreachableError: Kafka does not answer.
    """
    async for stored in box.letters():
        on_letter(1)
        if wanted.fits(stored):
            yield stored


async def count_letters(
    box: DeadLetterBox,
    wanted: LetterFilter,
    on_letter: Callable[[int], object] = int,
    on_meant: Callable[[StoredLetter], object] = id,
) -> LetterCounts:
    """Count the letters that are meant, each handed to `on_meant`; raises as `waiting_letters`."""
    counts = LetterCounts()

    def heard(letters: int) -> None:
        counts.looked_at += letters
        on_letter(letters)

    async for stored in waiting_letters(box, wanted, heard):
        counts.take(stored)
        on_meant(stored)
        if stored.key in wanted.keys:
            counts.keys_found.add(stored.key)
    return counts
