"""Deliveries of channels that could not be read or mapped: found among the dead letters, and sent again."""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Final

import uvloop
from rich.console import Console

from inventory_stream.adapters.kafka.dead_letter_box import KafkaDeadLetterBox
from inventory_stream.adapters.kafka.preflight import check_topic_shape, quiet_client
from inventory_stream.adapters.kafka.topic_rules import DEAD_LETTERS
from inventory_stream.cli.dead_letters import print_report, replay_inputs, run_at_box
from inventory_stream.cli.reading import dead_letter_box, progress, say
from inventory_stream.flows.channels.status import letters_wait
from inventory_stream.flows.dead_letters import LetterFilter, waiting_letters
from inventory_stream.flows.dead_letters_mend import AS_IT_WAS
from inventory_stream.flows.dead_letters_replay import replay_letters
from inventory_stream.ports.integrations import Integration
from inventory_stream.settings import Settings
from models.channels import CHANNEL_INBOUND, Inbound, account_key, decode_inbound

REPLAYED_MAX: Final = 100_000
"""Letters of one call: their keys take 10 MB. Call it again for the rest."""


async def _letters_of(
    box: KafkaDeadLetterBox, topic: str, entry: Integration
) -> AsyncIterator[tuple[str, str, Inbound]]:
    """Yield (key, reason, delivery) of an account's letters."""
    async for stored in waiting_letters(box, LetterFilter(topic=topic)):
        try:
            inbound = decode_inbound(stored.letter.value or b"")
        except ValueError:
            continue  # nobody knows whose it is; `dead-letters list` shows it
        if (inbound.channel, inbound.account) == (entry.channel, entry.account):
            yield stored.key, stored.letter.reason, inbound


async def count_waiting(settings: Settings) -> Counter[str]:
    """Count, by account key, the deliveries that wait. Reads all dead letters, twice.

    Raises:
        InventoryStreamError: something there is no letter of this version.
        UnreachableError: Kafka does not answer.
    """
    await check_topic_shape(settings, DEAD_LETTERS)
    box = dead_letter_box(settings)
    found: Counter[str] = Counter()
    try:
        async for stored in waiting_letters(box, LetterFilter(topic=settings.topic(CHANNEL_INBOUND))):
            try:
                inbound = decode_inbound(stored.letter.value or b"")
            except ValueError:
                continue
            found[account_key(inbound.channel, inbound.account)] += 1
    finally:
        await box.close()
    return found


def print_waiting(settings: Settings, entries: Sequence[Integration]) -> None:
    """Say of which of these accounts deliveries wait, and the way out."""
    with quiet_client():
        waiting = uvloop.run(count_waiting(settings))
    for entry in entries:
        if letters := waiting[account_key(entry.channel, entry.account)]:
            for line in letters_wait(letters, entry.name):
                say(Console(), f"{entry.name}: {line.strip()}", "red")


def replay_deliveries(settings: Settings, entry: Integration) -> None:
    """Send an account's letters to `channel-inbound` again, and take out what was sent."""
    topic = settings.topic(CHANNEL_INBOUND)

    async def run(box: KafkaDeadLetterBox) -> None:
        keys: list[str] = []
        with progress("reading the dead letters", None) as advance:
            async for key, _, _ in _letters_of(box, topic, entry):
                advance(1)
                keys.append(key)
                if len(keys) >= REPLAYED_MAX:
                    break
        if not keys:
            say(Console(), f"{entry.name}: no delivery waits among the dead letters", "green")
            return
        with progress("replaying", len(keys)) as advance:
            wanted = LetterFilter(frozenset(keys))
            report = await replay_letters(
                box, box, wanted, AS_IT_WAS, replay_inputs(settings), on_letter=advance
            )
        print_report(report, is_json=False, is_dry_run=False)

    run_at_box(settings, run)


def unmapped_listings(settings: Settings, entry: Integration) -> Counter[str]:
    """Count, by reason, what waits of an account's deliveries because it could not be mapped or read."""
    found: Counter[str] = Counter()

    async def run(box: KafkaDeadLetterBox) -> None:
        async for _, reasons, _ in _letters_of(box, settings.topic(CHANNEL_INBOUND), entry):
            found.update(reasons.split("; "))

    run_at_box(settings, run)
    return found
