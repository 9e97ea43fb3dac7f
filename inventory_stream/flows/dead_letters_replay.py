"""The use case "replay dead letters": send the originals again, and take out what was sent.

The order that makes it safe to stop anywhere: a letter is taken out only after the broker has
acknowledged its record. Stopped in between, the next run sends the record again, and its command
ids keep it from being applied twice (R27).
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from inventory_stream.flows.dead_letters import LetterFilter, waiting_letters
from inventory_stream.flows.dead_letters_mend import Inputs, Mending, Unmendable, mend
from inventory_stream.flows.dead_letters_words import kind_of
from inventory_stream.ports.dead_letters import DeadLetterBox, Resend, Resender, StoredLetter

ROUND_LETTERS_MAX: Final = 1_000
"""Letters sent and taken out together: what one stop in the middle sends again at most."""

ROUND_BYTES_MAX: Final = 4 * 1024 * 1024
"""Of records handed to the producer before they are waited for; one record may have 1 MiB."""

EXAMPLES_MAX: Final = 10
"""Letters named that were not sent, the first ones."""


@dataclass(slots=True)
class ReplayReport:
    """What a replay did. `skipped` counts by reason what was left where it is."""

    sent: int = 0
    taken_out: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    examples: list[tuple[str, str]] = field(default_factory=list)
    """(key, why it was not sent)."""
    places_taken: int = 0
    """Letters sent but not taken out, as a record sent now may have their place: see `_round_done`."""

    def skip(self, key: str, reason: str) -> None:
        """Note a letter that is not sent."""
        self.skipped[kind_of(reason)] += 1
        if len(self.examples) < EXAMPLES_MAX:
            self.examples.append((key, reason))


async def replay_letters(
    box: DeadLetterBox,
    resender: Resender,
    wanted: LetterFilter,
    mending: Mending,
    inputs: Inputs,
    *,
    is_dry_run: bool = False,
    on_letter: Callable[[int], object] = int,
) -> ReplayReport:
    """Send the letters that are meant again, round by round, oldest first.

    Args:
        box: Where the letters wait.
        resender: Sends into the inputs.
        wanted: Which letters.
        mending: What to change first.
        inputs: The input topics.
        is_dry_run: Send nothing, take nothing out; the report says what would be.
        on_letter: Hears how many letters were just dealt with.

    Raises:
        InventoryStreamError: something in the topic is no letter of this version.
        UnreachableError: Kafka does not answer; what was taken out before is done.
    """
    report = ReplayReport()
    round_: list[tuple[StoredLetter, Resend]] = []
    size_bytes = 0
    first_landed: dict[tuple[str, int], int] = {}
    async for stored in waiting_letters(box, wanted):
        record = mend(stored, mending, inputs)
        if isinstance(record, Unmendable):
            report.skip(stored.key, record.reason)
            on_letter(1)
            continue
        if is_dry_run:
            report.sent += 1
            on_letter(1)
            continue
        if round_ and (len(round_) >= ROUND_LETTERS_MAX or size_bytes + len(record.value) > ROUND_BYTES_MAX):
            await _round_done(box, resender, round_, first_landed, report)
            on_letter(len(round_))
            round_, size_bytes = [], 0
        round_.append((stored, record))
        size_bytes += len(record.value)
    if round_:
        await _round_done(box, resender, round_, first_landed, report)
        on_letter(len(round_))
    return report


async def _round_done(
    box: DeadLetterBox,
    resender: Resender,
    round_: list[tuple[StoredLetter, Resend]],
    first_landed: dict[tuple[str, int], int],
    report: ReplayReport,
) -> None:
    """Send a round, then take its letters out.

    Where an input topic was created anew its offsets began again, and a record sent now may land at
    the very place that an old letter is named for. Should it be refused once more, its new letter has
    the old one's key, and taking that key out would take the new letter. So a letter whose place is at or
    behind the first that this run's records landed at is left to wait; the next run lands behind it.
    """
    offsets = await resender.resend([record for _, record in round_])
    for (_, record), offset in zip(round_, offsets, strict=True):
        first_landed.setdefault((record.topic, record.partition), offset)
    report.sent += len(round_)
    settled = []
    for stored, _ in round_:
        letter = stored.letter
        landed = first_landed.get((letter.topic, letter.partition))
        if landed is not None and letter.offset >= landed:
            report.places_taken += 1
        else:
            settled.append(stored.key)
    if settled:
        await box.settle(settled)
    report.taken_out += len(settled)
