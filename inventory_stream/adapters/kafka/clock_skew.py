"""Whether our clock agrees with the one by which the broker stamps our appends (R18)."""

from typing import Final

import structlog

log = structlog.get_logger(__name__)

CLOCK_SKEW_MS: Final = 2_000
"""The same as the default of ledger.clock_skew_ms."""


class ClockSkew:
    """Compares each acknowledgement's stamp with the time in which it can only have been given.

    Args:
        place: Topic and partition, for the log.
        limit_ms: Beyond this it is an alarm: one line when it begins, one when it ends.
    """

    def __init__(self, place: str, limit_ms: int = CLOCK_SKEW_MS) -> None:
        self._place = place
        self._limit_ms = limit_ms
        self._is_alarmed = False

    def ahead_ms(self, sent_ms: int, stamped_ms: int, acked_ms: int) -> int:
        """Give how far our clock is ahead of the broker's at least; negative: behind, 0: they may agree.

        Args:
            sent_ms: Our clock when the append was handed over, ms since the Unix epoch.
            stamped_ms: The record time that the broker gave it.
            acked_ms: Our clock when the acknowledgement came.
        """
        ahead_ms = max(0, sent_ms - stamped_ms) - max(0, stamped_ms - acked_ms)
        is_beyond = abs(ahead_ms) > self._limit_ms
        if is_beyond is not self._is_alarmed:
            self._is_alarmed = is_beyond
            say = log.error if is_beyond else log.info
            say(
                "owner_clock_skewed" if is_beyond else "owner_clock_agrees_again",
                place=self._place,
                ahead_ms=ahead_ms,
                limit_ms=self._limit_ms,
            )
        return ahead_ms
