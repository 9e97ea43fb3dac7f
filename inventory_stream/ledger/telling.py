"""When an order that was taken elsewhere was as it is told: the newest telling counts (R20)."""

from typing import Final

from inventory_stream.ledger.movements import epoch_ms
from models.commands import EPOCH_MS_MAX, Cancel, RecordOrder

_OFF_MS: Final = EPOCH_MS_MAX + 2
"""Newer than all that an order's tellings may say."""


def told_as_of(command: RecordOrder) -> int:
    """Give when an outside order was as it is told, in ms; 0: not said.

    As it was told: clamped to a clock, which telling is the newest would depend on when each arrived (R20).
    """
    return 0 if command.as_of is None else max(1, epoch_ms(command.as_of))


def off_as_of(command: Cancel) -> int:
    """Give when an order was off as a whole, in ms: right after what else was told as of that time (R20)."""
    return _OFF_MS if command.as_of is None else max(1, epoch_ms(command.as_of)) + 1
