"""Keeps rows of `channel-outcomes` below what a record may have: one that is refused stops all behind it."""

from collections.abc import Iterable
from typing import Final

import msgspec

from models.channels import ReportRow, encode_outcome

ROW_BYTES_MAX: Final = 900_000
"""Of a list in a row. A record has 1 MiB by aiokafka's and Kafka's own bounds; the rest is for what stands
beside the list: ids of 128 characters, and texts of `TEXT_CHARACTERS_MAX`."""

TEXT_CHARACTERS_MAX: Final = 500
"""Of what an operator or a channel gives as a reason: 3 KB at most, and a status has one line for it."""


def newest_of(listings: Iterable[str], most: int, bytes_max: int = ROW_BYTES_MAX) -> tuple[str, ...]:
    """Keep the last `most` of listings, and fewer where they are long."""
    kept: list[str] = []
    size = 0
    for listing in reversed(list(listings)[-most:]):
        size += len(msgspec.json.encode(listing)) + 1
        if size > bytes_max:
            break
        kept.append(listing)
    return tuple(reversed(kept))


def report_within(report: ReportRow, bytes_max: int = ROW_BYTES_MAX) -> ReportRow:
    """Name fewer of the listings that differ where their ids are long; all of them stay counted."""
    while len(encode_outcome(report)) > bytes_max and report.differing:
        half = report.differing[: len(report.differing) // 2]
        report = msgspec.structs.replace(report, differing=half)
    return report


def text_within(text: str) -> str:
    """Shorten what a person or a channel wrote."""
    return text[:TEXT_CHARACTERS_MAX]
