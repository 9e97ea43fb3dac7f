from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory_stream.replay.clock_times import epoch_ms, text_parser, wall_ms, zone_converter
from inventory_stream.replay.refusals import Reason, RefusalError


def wall(text: str) -> int:
    """Read a wall clock."""
    return wall_ms(datetime.fromisoformat(text))


def test_summer_and_winter_differ_by_an_hour() -> None:
    """A wall clock of London is an hour ahead of UTC in summer only."""
    convert = zone_converter("Europe/London", "earlier")
    assert convert(wall("2011-01-01T12:00:00")) == epoch_ms(datetime(2011, 1, 1, 12, tzinfo=UTC))
    assert convert(wall("2011-07-01T12:00:00")) == epoch_ms(datetime(2011, 7, 1, 11, tzinfo=UTC))


def test_hour_that_happened_twice_follows_the_mapping() -> None:
    """Where clocks were put back, the mapping says which of the two moments is meant."""
    twice = wall("2011-10-30T01:30:00")
    earlier = zone_converter("Europe/London", "earlier")(twice)
    later = zone_converter("Europe/London", "later")(twice)
    assert later - earlier == 3_600_000
    assert earlier == epoch_ms(datetime(2011, 10, 30, 0, 30, tzinfo=UTC))


def test_hour_that_never_was_is_refused() -> None:
    """A time that the clocks skipped is a mistake of the file, and is not moved silently."""
    with pytest.raises(RefusalError) as raised:
        zone_converter("Europe/London", "earlier")(wall("2011-03-27T01:30:00"))
    assert raised.value.reason is Reason.TIME_DOES_NOT_EXIST


def test_change_at_one_minute_past_midnight_is_seen() -> None:
    """Newfoundland's clocks changed at 00:01, so offsets must not be kept per hour."""
    convert = zone_converter("America/St_Johns", "earlier")
    before = convert(wall("2010-03-14T00:00:30"))
    after = convert(wall("2010-03-14T01:01:00"))
    assert after - before == 30_000


@given(
    st.datetimes(datetime.fromisoformat("1972-01-01"), datetime.fromisoformat("2037-01-01")),
    st.sampled_from(["Europe/London", "America/New_York", "Asia/Shanghai", "Australia/Lord_Howe", "UTC"]),
)
def test_zone_agrees_with_the_library(moment: datetime, name: str) -> None:
    """For any existing time the remembered offsets give what zoneinfo gives."""
    zone = ZoneInfo(name)
    local = moment.replace(tzinfo=zone)
    convert = zone_converter(name, "earlier")
    if local.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != moment:
        with pytest.raises(RefusalError):
            convert(wall_ms(moment))
    else:
        assert convert(wall_ms(moment)) == epoch_ms(local)


@pytest.mark.parametrize(
    ("form", "text", "expected"),
    [
        (None, "2026-01-01T12:00:00Z", datetime(2026, 1, 1, 12, tzinfo=UTC)),
        (None, "2026-01-01T12:00:00+02:00", datetime(2026, 1, 1, 10, tzinfo=UTC)),
        (None, "2026-01-01 12:00", datetime(2026, 1, 1, 12, tzinfo=UTC)),
        ("%d/%m/%Y %H:%M", "02/01/2026 09:30", datetime(2026, 1, 2, 9, 30, tzinfo=UTC)),
        ("%d.%m.%Y %H:%M %z", "02.01.2026 09:30 +0100", datetime(2026, 1, 2, 8, 30, tzinfo=UTC)),
    ],
)
def test_text_times_are_read(form: str | None, text: str, expected: datetime) -> None:
    """Texts are read in the stated form; one with its own offset ignores the stated zone."""
    parse = text_parser(form, zone_converter("UTC", "earlier"))
    assert parse(text) == epoch_ms(expected)
    assert parse(text) == epoch_ms(expected)


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01T00:00:00Z", "20260101", "", "1767225600"])
def test_other_texts_are_refused(text: str) -> None:
    """A text that is no time in the stated form is refused, never guessed."""
    with pytest.raises(RefusalError) as raised:
        text_parser(None, zone_converter("UTC", "earlier"))(text)
    assert raised.value.reason is Reason.BAD_TIME


def test_text_without_offset_needs_a_zone() -> None:
    """R7: a time without a zone is refused where the mapping states none."""
    with pytest.raises(RefusalError) as raised:
        text_parser(None, None)("2026-01-01T12:00:00")
    assert raised.value.reason is Reason.BAD_TIME
