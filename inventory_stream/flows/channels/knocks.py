"""When an account that was refused access is tried again: seldom, and more seldom each time."""

from typing import Final

PAUSE_MS: Final = 30_000
"""From a refusal to the first try: a token that a vendor's own fault refused is good again by then."""

PAUSE_MS_MAX: Final = 900_000
"""Longest pause, as of a channel that says when to come again: 96 requests a day lock nobody out."""


class Knocks:
    """The tries of one account. Its worker's end forgets them: the next one tries at once."""

    def __init__(self) -> None:
        self._pause_ms = PAUSE_MS
        self.next_ms = 0
        """Not before then."""

    def refused(self, now_ms: int) -> None:
        """Hear that access is refused from now on."""
        self.next_ms = now_ms + self._pause_ms

    def begun(self, now_ms: int) -> None:
        """Hear that a try begins; the next one comes after twice the pause."""
        self._pause_ms = min(2 * self._pause_ms, PAUSE_MS_MAX)
        self.next_ms = now_ms + self._pause_ms

    def over(self) -> None:
        """Hear that a push was taken, or that an operator mended it.

        An answered look alone is not enough: access may be there to read and not to write, and the account
        would be parked twice a minute for ever.
        """
        self._pause_ms = PAUSE_MS
