"""Times of a file, as ms since the Unix epoch. Naive ones need the time zone that the mapping states."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

from inventory_stream.replay.refusals import Reason, RefusalError
from models.commands import EPOCH_MS_MAX

_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001  # wall clocks are naive on purpose here
_MILLISECOND: Final = timedelta(milliseconds=1)
_ISO_DATE_AND_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d[T ]")

# Since 1972 offsets change at whole minutes (Newfoundland's at 00:01), so one look-up serves a minute.
_MINUTE_MS: Final = 60 * 1_000
# Minutes and texts remembered, about 25 MB of them. Emptied when full; a look-up costs 4 us.
_REMEMBERED_MAX: Final = 200_000


def wall_ms(moment: datetime) -> int:
    """Give ms since 1970-01-01 00:00 of the same wall clock. The zone, if any, is ignored."""
    return (moment.replace(tzinfo=None) - _EPOCH) // _MILLISECOND


def epoch_ms(moment: datetime) -> int:
    """Give ms since the Unix epoch of a time with a zone."""
    return wall_ms(moment.astimezone(UTC))


def checked_epoch_ms(value_ms: int) -> int:
    """Give the time back if a command can hold it.

    Raises:
        RefusalError: OUT_OF_RANGE.
    """
    if not 0 <= value_ms <= EPOCH_MS_MAX:
        raise RefusalError(Reason.OUT_OF_RANGE, f"{value_ms} ms since 1970")
    return value_ms


def zone_converter(name: str, ambiguous: Literal["earlier", "later"]) -> Callable[[int], int]:
    """Give a function from wall-clock ms in a zone to ms since the Unix epoch.

    Where clocks were put back, a time names two moments: `ambiguous` says which is meant. Where
    they were put forward, some times never were: TIME_DOES_NOT_EXIST.
    """
    zone = ZoneInfo(name)
    fold = 0 if ambiguous == "earlier" else 1
    offsets: dict[int, int | None] = {}

    def offset_of(minute: int) -> int | None:
        if len(offsets) >= _REMEMBERED_MAX:
            offsets.clear()
        wall = _EPOCH + minute * _MINUTE_MS * _MILLISECOND
        local = wall.replace(tzinfo=zone, fold=fold)
        exists = local.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == wall
        offset = local.utcoffset() or timedelta()
        offsets[minute] = offset // _MILLISECOND if exists else None
        return offsets[minute]

    def convert(wall_clock_ms: int) -> int:
        checked_epoch_ms(wall_clock_ms)
        minute = wall_clock_ms // _MINUTE_MS
        offset = offsets[minute] if minute in offsets else offset_of(minute)
        if offset is None:
            moment = _EPOCH + wall_clock_ms * _MILLISECOND
            raise RefusalError(Reason.TIME_DOES_NOT_EXIST, f"{moment.isoformat()} in {name}")
        return checked_epoch_ms(wall_clock_ms - offset)

    return convert


def text_parser(format_text: str | None, convert: Callable[[int], int] | None) -> Callable[[str], int]:
    """Give a function from text to ms since the Unix epoch.

    Args:
        format_text: As in `datetime.strptime`; None means ISO 8601 / RFC 3339.
        convert: From wall-clock ms, for texts without an offset; None refuses those.
    """
    known: dict[str, int] = {}

    def parse(text: str) -> int:
        found = known.get(text)
        if found is not None:
            return found
        try:
            if format_text is not None:
                moment = datetime.strptime(text, format_text)  # noqa: DTZ007  # a zone is looked for below
            elif _ISO_DATE_AND_TIME.match(text):
                moment = datetime.fromisoformat(text)
            else:
                raise RefusalError(Reason.BAD_TIME, repr(text))
        except ValueError:
            raise RefusalError(Reason.BAD_TIME, repr(text)) from None
        if moment.tzinfo is not None:
            value = checked_epoch_ms(epoch_ms(moment))
        elif convert is not None:
            value = convert(wall_ms(moment))
        else:
            raise RefusalError(Reason.BAD_TIME, f"{text!r} has no offset and the mapping states no timezone")
        if len(known) >= _REMEMBERED_MAX:
            known.clear()
        known[text] = value
        return value

    return parse
