"""What the schemas accept the decoder accepts, and the reverse; the exceptions have names.

Exceptions, each shown by a test below: a number written with a fraction of zero (1.0 is whole to JSON
Schema, refused by us: R6), a day that its month does not have, half of a surrogate pair, a field
given twice, and a record beyond 1 MiB. What needs more than the words, such as a location and a
group at once, is decided later and is a dead letter then.
"""

import json
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from inventory_stream.contracts.records import orders_document, stock_document
from models.codec import ORDER_DECODER, RECORD_BYTES_MAX, STOCK_DECODER, CommandDecoder
from models.commands import (
    EPOCH_MS_MAX,
    ORDER_COMMANDS,
    POSITIONAL,
    STOCK_COMMANDS,
    UNITS_MAX,
    Command,
    type_name,
)

TOPICS = {"stock-events": (STOCK_COMMANDS, STOCK_DECODER), "order-events": (ORDER_COMMANDS, ORDER_DECODER)}

TIMES_GOOD = (
    0, 1_700_000_000_000, EPOCH_MS_MAX, "2026-11-22T09:00:00Z", "2026-11-22T09:00:00.5+01:00",
    "2026-02-28 23:59:59z", "1969-12-31T23:59:59.123456-23:59", "2026-11-22t09:00:00+0100",
    "2026-11-22T09:00:00.1234567890Z",
)  # fmt: skip
TIMES_BAD = (
    -1, EPOCH_MS_MAX + 1, "2026-11-22T09:00:00", "2026-11-22", "22.11.2026 09:00", "2026-13-01T00:00:00Z",
    "2026-11-22T24:00:00Z", "2026-11-22T09:00:60Z", "2026-11-22T09:00:00Z\n", "2026-11-22T09:00:00+24:00",
    "٢٠٢٦-11-22T09:00:00Z", "2026-11-22T09:00Z", "2026-11-22T09:00:00,5Z", "",
)  # fmt: skip
IDS_GOOD = ("a", "S/1 {x}%", "é€😀", "x" * 128, "😀" * 128)
IDS_BAD = ("", "x" * 129, "a\n", "\x00", "a\x7f", "\x85b", "tab\t")
NUMBERS = (0, 1, -1, 7, UNITS_MAX, UNITS_MAX + 1, -UNITS_MAX, -UNITS_MAX - 1, 604_800, 604_801, 1.5, 10**30)
OTHERS: tuple[Any, ...] = (
    None,
    True,
    False,
    [],
    {},
    ["a"],
    [""],
    ["a"] * 256,
    ["a"] * 257,
    "first_fit",
    "split",
    "adjust",
)
ANY = st.sampled_from((*TIMES_GOOD, *TIMES_BAD, *IDS_GOOD, *IDS_BAD, *NUMBERS, *OTHERS))

GOOD_BY_NAME: dict[str, tuple[Any, ...]] = {
    **dict.fromkeys(("pickup", "ships", "late_from_common", "spill_over"), (True, False)),
    **dict.fromkeys(("preorder", "allow_backorder"), (True, False)),
    **dict.fromkeys(("cap", "buffer", "floor"), (0, UNITS_MAX)),
    "fence_from": TIMES_GOOD,
    "as_of": TIMES_GOOD,
    "latitude": (52.5, -90, 0),
    "longitude": (13.4, 180, -180.0),
    "percent": (0, 100),
    "checkout_grace_seconds": (0, 86_400),
    "sellable": (True, False),
    "allow_partial": (True, False),
    "excludes_unavailable": (True, False),
    "nets_orders": (True, False),
    "final": (True, False),
    "use_safety_stock": (True, False),
    "strategy": ("first_fit", "split"),
    "locations": (["DC1"], ["a", "b"]),
}


def good(name: str) -> tuple[Any, ...]:
    """Give values that a field of this name likely takes."""
    if name in GOOD_BY_NAME:
        return GOOD_BY_NAME[name]
    if name.endswith(("_at", "_by", "_through")):
        return TIMES_GOOD
    is_number = name in {"units", "on_hand", "delta", "ttl_seconds", "unavailable", "safety_stock"}
    return (1, 600_000) if is_number else IDS_GOOD


@st.composite
def objects(draw: st.DrawFn, commands: tuple[type[Command], ...]) -> dict[str, Any]:
    """Make a command as an object: mostly right, often with one thing wrong."""
    command = draw(st.sampled_from(commands))
    value: dict[str, Any] = {"type": type_name(command)}
    for name in command.__struct_fields__:
        value[name] = draw(st.sampled_from(good(name)))
    for name in draw(st.lists(st.sampled_from([*value, "lot"]), max_size=2)):
        value[name] = draw(ANY)
    for name in draw(st.lists(st.sampled_from(list(value)), max_size=6)):
        if draw(st.booleans()):
            value.pop(name, None)
    return value


@st.composite
def arrays(draw: st.DrawFn, commands: tuple[type[Command], ...]) -> list[Any]:
    """Make a command as an array, in the same spirit."""
    command = draw(st.sampled_from(commands))
    value = [type_name(command), *(draw(st.sampled_from(good(name))) for name in command.__struct_fields__)]
    if draw(st.booleans()):
        value[draw(st.integers(0, len(value) - 1))] = draw(ANY)
    length = draw(st.integers(0, len(value) + 1))
    return (value if draw(st.booleans()) else [*value, None])[: max(length, draw(st.integers(0, len(value))))]


@st.composite
def records(draw: st.DrawFn, topic: str) -> Any:  # noqa: ANN401  # any JSON
    """Make the value of a record of any form, or of none."""
    commands, _ = TOPICS[topic]
    one, other = objects(commands), arrays(commands)
    return draw(st.one_of(one, st.lists(one, max_size=3), st.lists(other, max_size=3), other, ANY))


@cache
def validator(topic: str) -> Draft202012Validator:
    """Give the validator of a topic's schema."""
    document = stock_document(topic) if topic == "stock-events" else orders_document(topic)
    return Draft202012Validator(document)


def decodes(decoder: CommandDecoder, value: bytes) -> bool:
    """Say whether every command of a record is taken."""
    commands, poison = decoder.decode(value)
    return bool(commands) and not poison


@pytest.mark.parametrize("topic", TOPICS)
@given(data=st.data())
@settings(max_examples=300, deadline=None)
def test_schema_and_decoder_agree(topic: str, data: st.DataObject) -> None:
    """A producer that validates is never refused by the decoder, and one that is refused could have known."""
    value = data.draw(records(topic))
    encoded = json.dumps(value, ensure_ascii=data.draw(st.booleans())).encode()
    is_valid = validator(topic).is_valid(value)
    assert decodes(TOPICS[topic][1], encoded) == is_valid, value


@pytest.mark.parametrize("command", [*STOCK_COMMANDS, *ORDER_COMMANDS], ids=type_name)
def test_every_command_is_valid_in_both_forms(command: type[Command]) -> None:
    """Each command, complete and with its required fields only, is taken by both."""
    topic = "stock-events" if command in STOCK_COMMANDS else "order-events"
    _, decoder = TOPICS[topic]
    full: dict[str, Any] = {name: good(name)[0] for name in command.__struct_fields__}
    required = len(command.__struct_fields__) - len(command.__struct_defaults__)
    for count in {required, len(full)}:
        some = dict(list(full.items())[:count])
        for value in ({"type": type_name(command), **some}, [[type_name(command), *some.values()]]):
            assert validator(topic).is_valid(value), value
            assert decodes(decoder, json.dumps(value).encode()), value
    assert POSITIONAL[command]


ADJUST = '{"type":"adjust","id":"i","sku":"S","location":"L","delta":%s,"effective_at":%s}'


@pytest.mark.parametrize(
    ("text", "is_valid", "is_decoded"),
    [
        pytest.param(ADJUST % ("1.0", "1"), True, False, id="fraction of zero"),
        pytest.param(ADJUST % ("1", '"2026-02-30T00:00:00Z"'), True, False, id="day that is not"),
        pytest.param(ADJUST % ("1", "1") + " " * RECORD_BYTES_MAX, True, False, id="beyond 1 MiB"),
        pytest.param((ADJUST % ("1", "1")).replace('"S"', '"\\ud800"'), True, False, id="half a pair"),
        pytest.param((ADJUST % ('1,"delta":2', "1")), True, True, id="field twice: the last counts"),
    ],
)
def test_named_exceptions_are_as_documented(text: str, is_valid: bool, is_decoded: bool) -> None:  # noqa: FBT001  # columns of a table
    """Where schema and decoder differ it is known, written down, and never in favour of bad input."""
    assert validator("stock-events").is_valid(json.loads(text)) == is_valid
    assert decodes(STOCK_DECODER, text.encode()) == is_decoded
