"""Words of paths: which units a reserve may take (R3)."""

from typing import Final

COMMON: Final = "common"
"""The path of units that nobody has set aside."""
SALE: Final = "sale:"
"""How the path of a sale begins; its sale id follows."""
CHANNEL: Final = "channel:"
"""How the path of a channel begins; its name follows."""


def is_path(path: str) -> bool:
    """Whether a path names anything."""
    return path == COMMON or (path.startswith((SALE, CHANNEL)) and path not in {SALE, CHANNEL})
