"""Short notes of the gateway that outlive one request, and that no decision depends on."""

from collections.abc import Sequence
from typing import Protocol


class Notes(Protocol):
    """Texts under keys, each with an end. May be lost at any time: what they say can be said again.

    Every method raises UnreachableError when the server does not answer within its bound.
    """

    async def first(self, pairs: Sequence[tuple[str, str]], seconds: int) -> Sequence[str | None]:
        """Keep the text of each (key, text) unless there is one already; gives that one, None: kept."""

    async def replace(self, key: str, old: str, text: str, seconds: int) -> bool:
        """Keep a text where `old` stands, or nothing does; says whether it is kept."""

    async def drop(self, pairs: Sequence[tuple[str, str]]) -> None:
        """Forget each (key, text), but not another text under that key."""

    async def get(self, key: str) -> str | None:
        """Give a text, None where there is none (any more)."""
