"""Short notes about orders that outlive one request, and that no decision depends on."""

from typing import Protocol


class Notes(Protocol):
    """Texts under keys, each with an end. May be lost at any time: what they say can be said again.

    Every method raises UnreachableError when the server does not answer within its bound.
    """

    async def first(self, key: str, text: str, seconds: int) -> str:
        """Keep a text unless there is one already; gives what stands there now."""

    async def put(self, key: str, text: str, seconds: int) -> None:
        """Keep a text in the place of any other."""

    async def get(self, key: str) -> str | None:
        """Give a text, None where there is none (any more)."""
