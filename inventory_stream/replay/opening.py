"""Opening stock: what the file does not hold, by the mapping's stated rule."""

import hashlib
from typing import Final

from inventory_stream.replay.compile import OpeningRule
from models.commands import Command, Sync
from models.ids import ID_CHARACTERS_MAX

Position = tuple[str, str]
"""(SKU, location)."""

# Positions that one opening may have. They are held in memory while the file is searched: about
# 300 MB at this bound. Above it the opening stock is a file of its own, replayed first.
POSITIONS_MAX: Final = 1_000_000


def position_of(command: Command) -> Position | None:
    """Give the one position that a command names, None if it names none or a group."""
    sku = getattr(command, "sku", None)
    location = getattr(command, "location", None)
    return (sku, location) if sku is not None and location is not None else None


def opening_sync(rule: OpeningRule, position: Position, file_id: str) -> Sync:
    """Make the count of one position. Its id depends on the file and the position only."""
    sku, location = position
    command_id = f"{file_id}:opening:{sku}:{location}"
    if len(command_id) > ID_CHARACTERS_MAX:
        # A hash in place of names that are too long; NUL cannot be in either, so no two pairs meet.
        digest = hashlib.sha256(f"{sku}\0{location}".encode()).hexdigest()
        command_id = f"{file_id}:opening:{digest}"
    return Sync(
        id=command_id,
        sku=sku,
        location=location,
        on_hand=rule.on_hand,
        effective_at=rule.effective_at_ms,
        source=rule.source,
    )
