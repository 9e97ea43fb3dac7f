"""Dead letters as lines of text and as JSON."""

import base64
from collections.abc import Iterator
from typing import Any, Final

import orjson

from inventory_stream.flows.dead_letters import LetterCounts
from inventory_stream.flows.dead_letters_mend import as_object
from inventory_stream.flows.dead_letters_replay import ReplayReport
from inventory_stream.flows.dead_letters_words import how_to_mend
from inventory_stream.flows.explain_words import utc
from inventory_stream.ports.dead_letters import StoredLetter

SHOWN_BYTES_MAX: Final = 4_096
"""Bytes of an original that a terminal gets to see; --json has all that was kept."""


def letter_lines(stored: StoredLetter) -> Iterator[str]:
    """Show one letter for people."""
    letter = stored.letter
    of_pack = f", command {letter.pack_index} of a pack" if letter.pack_index is not None else ""
    yield f"dead letter {stored.key}"
    yield f"refused:  {letter.reason}"
    yield f"written:  {utc(stored.written_ms)}"
    yield (
        f"record:   {letter.topic}[{letter.partition}] offset {letter.offset}{of_pack}, of "
        f"{utc(letter.timestamp_ms)}, as the topic was then"
    )
    yield f"key:      {_as_text(letter.key)}"
    if letter.value is None:
        yield "original: empty"
    else:
        cut = " kept, of more" if stored.is_cut else ""
        yield f"original: {len(letter.value):,} bytes{cut}"
        command = as_object(letter.value)
        if command is not None:
            yield orjson.dumps(command, option=orjson.OPT_INDENT_2).decode()
        else:
            yield _as_text(letter.value[:SHOWN_BYTES_MAX])
            if len(letter.value) > SHOWN_BYTES_MAX:
                yield f"... and {len(letter.value) - SHOWN_BYTES_MAX:,} bytes more: --json has them"
    yield f"way out:  {how_to_mend(letter.reason)}"
    yield f"          then: inventory-stream dead-letters replay {stored.key}"


def nothing_line(counts: LetterCounts) -> str:
    """Say that no letter is meant: because none waits, or because the filters fit none of those that do."""
    if not counts.looked_at:
        return "no dead letter waits"
    return f"none of the {counts.looked_at:,} dead letters that wait matches"


def as_json(stored: StoredLetter) -> dict[str, Any]:
    """Give one letter as JSON values: the command if it can be read, the bytes in any case."""
    letter = stored.letter
    return {
        "key": stored.key,
        "reason": letter.reason,
        "way_out": how_to_mend(letter.reason),
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "pack_index": letter.pack_index,
        "written_ms": stored.written_ms,
        "record_ms": letter.timestamp_ms,
        "is_cut": stored.is_cut,
        "command": as_object(letter.value),
        "record_key": None if letter.key is None else letter.key.decode(errors="backslashreplace"),
        "value_base64": None if letter.value is None else base64.b64encode(letter.value).decode(),
    }


def report_lines(report: ReplayReport, *, is_dry_run: bool) -> Iterator[str]:
    """Say what a replay did."""
    if is_dry_run:
        yield f"would be sent again: {report.sent:,}; nothing was done"
    else:
        yield f"sent again: {report.sent:,}; taken out: {report.taken_out:,}"
    if report.places_taken:
        yield (
            f"sent and left waiting: {report.places_taken:,}: their input was created anew, and a record "
            "sent now may have their place. Replay once more: what was decided already is not applied twice"
        )
    for reason, letters in report.skipped.most_common():
        yield f"not sent: {letters:,}: {reason}"
    for key, reason in report.examples:
        yield f"  {key}: {reason}"


def _as_text(content: bytes | None) -> str:
    """Show bytes so that nothing of them can steer a terminal, and each can be told."""
    if content is None:
        return "none"
    return repr(content.decode(errors="backslashreplace"))[1:-1]
