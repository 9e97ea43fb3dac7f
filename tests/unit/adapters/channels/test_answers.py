import json

import pytest
from msgspec import Struct, field

from inventory_stream.adapters.channels.answers import (
    CODE_CHARACTERS_MAX,
    all_ended,
    code_of,
    decoded,
    ended_by,
    not_sent,
    whole,
)
from inventory_stream.adapters.channels.exchange import Answer
from inventory_stream.ports.channel import ChannelError, Ended, Push, Result
from inventory_stream.ports.projection import Version
from tests.contract.channel_suite import RecordingDrift

BATCH = [Push("a", Version(1, 1), 1, 0), Push("b", Version(1, 2), 2, 0)]


class Item(Struct):
    """An item of an answer."""

    id: str
    units: int = 0


class Page(Struct):
    """An answer."""

    items: tuple[Item, ...]
    by_name: dict[str, Item] = {}
    next_page: str | None = field(default=None, name="nextPage")


def read(body: object, drift: RecordingDrift, *, ignored: frozenset[str] = frozenset()) -> Page:
    """Read a body as a page."""
    return decoded(Answer(200, {}, json.dumps(body).encode()), Page, drift, "shop", ignored=ignored)


def test_what_fits_is_read_in_silence() -> None:
    """Declared fields are read by the vendor's names; nothing is told."""
    drift = RecordingDrift()
    page = read({"items": [{"id": "a", "units": 3}], "nextPage": "x", "by_name": {"a": {"id": "a"}}}, drift)
    assert page == Page((Item("a", 3),), {"a": Item("a")}, "x")
    assert drift.misfits == []


@pytest.mark.parametrize(
    ("body", "misfit"),
    [
        ({}, ("shop", "items", "missing")),
        ({"items": [{"units": 3}]}, ("shop", "items.id", "missing")),
        ({"items": [{"id": "a"}, {"id": 7}]}, ("shop", "items.id", "type")),
        ({"items": {}}, ("shop", "items", "type")),
        ({"items": [], "by_name": {"x": {"id": "a", "units": "3"}}}, ("shop", "by_name.units", "type")),
        ([], ("shop", "body", "type")),
        (None, ("shop", "body", "type")),
    ],
)
def test_what_does_not_fit_is_told_by_field(body: object, misfit: tuple[str, str, str]) -> None:
    """The field is named without places in lists, so that its count adds up; nobody knows what was done."""
    drift = RecordingDrift()
    with pytest.raises(ChannelError) as failed:
        read(body, drift)
    assert (failed.value.result, failed.value.code) == (Result.AMBIGUOUS, "misfit")
    assert drift.misfits == [misfit]


def test_an_undocumented_field_is_told_once_and_read_all_the_same() -> None:
    """Growth of an answer is heard of, and breaks nothing; what is documented and unused is not told."""
    drift = RecordingDrift()
    items = [{"id": "a", "colour": "red", "size": 1}, {"id": "b", "colour": "blue", "size": 2}]
    page = read({"items": items, "took": 5}, drift, ignored=frozenset({"items.size"}))
    assert [item.id for item in page.items] == ["a", "b"]
    assert drift.misfits == [("shop", "items.colour", "unknown"), ("shop", "took", "unknown")]


def test_an_answer_of_another_kind_does_not_flood() -> None:
    """A hundred unknown fields are told as twenty, each with a short name."""
    drift = RecordingDrift()
    read({"items": [], **{f"{number}{'x' * 500}": 1 for number in range(100)}}, drift)
    assert len(drift.misfits) == 20
    assert max(len(name) for _, name, _ in drift.misfits) == CODE_CHARACTERS_MAX


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("ITEM_NOT_STOCKED", "ITEM_NOT_STOCKED"),
        ("quota/daily limit", "quota-daily-limit"),
        ("two\r\nlines {of}", "two-lines-of"),
        ("é", "unnamed"),
        ("", "unnamed"),
        (None, "None"),
        (36009002, "36009002"),
        ("x" * 500, "x" * CODE_CHARACTERS_MAX),
    ],
)
def test_a_code_is_short_and_of_few_characters(text: object, code: str) -> None:
    """A vendor's word stands in rows, logs and labels: no line ends, no braces, nothing without end."""
    assert code_of(text) == code


def test_an_item_that_is_not_named_is_ambiguous() -> None:
    """Silence about an item is never a success."""
    ends = whole(BATCH, {"b": Ended("b", Result.APPLIED), "c": Ended("c", Result.APPLIED)})
    assert ends == [Ended("a", Result.AMBIGUOUS, "not-named"), Ended("b", Result.APPLIED)]


def test_one_end_for_all_names_every_item() -> None:
    """What counts for a request counts for each of its items."""
    error = ChannelError(Result.THROTTLED, "http-429", 5)
    assert ended_by(BATCH, error) == [Ended(name, Result.THROTTLED, "http-429", 5) for name in "ab"]
    assert all_ended(BATCH, Result.APPLIED) == [Ended("a", Result.APPLIED), Ended("b", Result.APPLIED)]
    assert {end.code for end in not_sent(BATCH)} == {"not-sent"}
