"""`Prefer: wait=N` (RFC 7240): how long a caller would rather wait than be told to come again."""

import re
from collections.abc import Mapping
from typing import Final

APPLIED_HEADER: Final = "Preference-Applied"
"""Of the answer to a write: which wait was heard, as it was bounded."""
WAIT_SECONDS_MIN: Final = 0.1
"""Shortest wait, so that a command is with Kafka before a 202: handing over takes milliseconds."""

_WAIT: Final = re.compile(r"(?:^|[,;])\s*wait\s*=\s*\"?(\d{1,6})\"?\s*(?=$|[,;])", re.IGNORECASE)


def wait_seconds_of(headers: Mapping[str, str], seconds_max: float) -> float | None:
    """Give the wait that a request prefers, bounded; None where it says nothing that could be read."""
    prefer = headers.get("Prefer")
    if prefer is None:
        return None
    found = _WAIT.search(prefer)
    return None if found is None else max(WAIT_SECONDS_MIN, min(float(found[1]), seconds_max))
