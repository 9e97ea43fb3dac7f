"""Requests that work, one for each body: shown on the page, and held against the types by a test."""

from typing import Any, Final

from msgspec import Struct

EXAMPLES: Final[dict[type[Struct], dict[str, Any]]] = {}
"""By the type of the body."""
