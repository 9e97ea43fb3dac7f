"""Time-phased promises: how much may be promised today for which day (R13)."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Final

from inventory_stream.ledger.zones import zone
from models.commands import EPOCH_MS_MAX

_DAY_MS: Final = 86_400_000
# No zone is further than a day from UTC: later times would leave the years that a date can hold.
_LATEST_MS: Final = EPOCH_MS_MAX - _DAY_MS


def promises(units_now: int, changes: Iterable[tuple[int, int]], days: int) -> Sequence[int]:
    """Give ATP(d) for d = 0 (today) to `days`: the forward minimum of the projected ATP (R13).

    Whoever is promised units for day d takes them from every later day too, so no more may be promised
    than is left on the poorest of them, d itself included.

    Args:
        units_now: ATP of today (R2), negative where more is promised than there is.
        changes: (day, units) of what is expected to change it, in any order. What is overdue (day < 0)
            counts nothing: nobody knows whether it will come. What is expected today counts from
            tomorrow on: units on the way are never promised as on hand (R12).
        days: How far to look, at least 0; changes after that still count in the minimum.
    """
    assert days >= 0
    by_day: dict[int, int] = {}
    for day, units in changes:
        if day >= 0:
            place = max(day, 1)
            by_day[place] = by_day.get(place, 0) + units
    balance = units_now
    balances = {0: units_now}
    for day in sorted(by_day):
        balance += by_day[day]
        balances[day] = balance

    lowest = min((level for day, level in balances.items() if day > days), default=None)
    shown: list[int] = []
    level = units_now
    for day in range(days + 1):
        level = balances.get(day, level)
        shown.append(level)
    for day in range(days, -1, -1):
        lowest = shown[day] if lowest is None else min(lowest, shown[day])
        shown[day] = lowest
    return shown


def after_backorders(arrivals: Iterable[tuple[int, int]], waiting: int) -> list[tuple[int, int]]:
    """Take the units that wait for goods off what arrives, the earliest first: only the rest is new (R24).

    Args:
        arrivals: (day, units) of what is on the way, in any order; what is overdue (day < 0) fills nobody.
        waiting: Units that are promised and not there yet, but for those tied to what is overdue (R13).
    """
    left = []
    for day, units in sorted(arrivals):
        if day >= 0:
            taken = min(units, waiting)
            waiting -= taken
            left.append((day, units - taken))
    return left


def day_of(at_ms: int, time_zone: str) -> date:
    """Give the day of a moment where a location is.

    Args:
        at_ms: Ms since the Unix epoch, from 0 on.
        time_zone: An IANA name, as a `TimeZoneRow` holds it.
    """
    return datetime.fromtimestamp(min(at_ms, _LATEST_MS) / 1_000, zone(time_zone)).date()


def days_until(at_ms: int, now_ms: int, time_zone: str) -> int:
    """Count the days from now to a moment by the calendar of a location; negative: it is past."""
    return (day_of(at_ms, time_zone) - day_of(now_ms, time_zone)).days
