"""Ids of what came from a channel: they follow from its own words, so that a repeat has them again."""

import hashlib
from typing import Final

from models.ids import ID_CHARACTERS_MAX

TAKEN: Final = "taken"
"""The event by which a line of an order is recorded; with the time and units of a telling that has a time."""

_HASHED: Final = "sha256-"


def joined(*parts: str) -> str:
    """Join parts as `channel:account:order:line:event` (R27); different parts never give the same id.

    What is longer than an identifier may be is hashed; the hash has no colon, so that it is no joined one.
    """
    text = ":".join(part.replace("%", "%25").replace(":", "%3A") for part in parts)
    if len(text) <= ID_CHARACTERS_MAX:
        return text
    return f"{_HASHED}{hashlib.sha256(text.encode()).hexdigest()}"
