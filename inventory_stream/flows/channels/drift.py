"""Counts where answers and webhooks of channels do not fit their schema any more, before they fail.

A vendor that renames a field is seen here days before the first refusal: nothing fails for a field that is
not needed, and its name stands in the metric, in `channels status` and in the log.
"""

from collections import Counter
from collections.abc import Callable
from typing import Final, NamedTuple

import structlog

FIELDS_MAX: Final = 200
"""Fields told apart for one channel. The rest is one: names come from outside, and each is a time series."""
FIELD_CHARACTERS_MAX: Final = 100
OTHER_FIELDS: Final = "(other)"

log = structlog.get_logger(__name__)


class Misfit(NamedTuple):
    """A field that does not fit, how, and how often since the start."""

    field: str
    kind: str
    times: int


class SchemaDrift:
    """A `ports.channel.DriftMonitor`. `on_misfit` hears each (channel, field, kind), names bounded."""

    def __init__(self, on_misfit: Callable[[str, str, str], None]) -> None:
        self._on_misfit = on_misfit
        self._times: dict[str, Counter[tuple[str, str]]] = {}

    def misfit(self, channel: str, field: str, kind: str) -> None:
        """See the port; a field's first misfit is logged."""
        times = self._times.setdefault(channel, Counter())
        field = "".join(mark if mark.isprintable() else "?" for mark in field[:FIELD_CHARACTERS_MAX])
        if (field, kind) not in times and len(times) >= FIELDS_MAX:
            field = OTHER_FIELDS
        if (field, kind) not in times:
            log.warning("channel_schema_drift", channel=channel, field=field, kind=kind)
        times[field, kind] += 1
        self._on_misfit(channel, field, kind)

    def total(self, channel: str) -> int:
        """Give the misfits of a channel since the start."""
        return self._times[channel].total() if channel in self._times else 0

    def misfits(self, channel: str) -> list[Misfit]:
        """Give them by field, the most frequent first."""
        return [Misfit(*name, times) for name, times in self._times.get(channel, Counter()).most_common()]
