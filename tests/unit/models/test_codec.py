"""models/codec: three wire forms, and poison that costs only itself."""

import json

import msgspec
import pytest

from models.codec import (
    ORDER_DECODER,
    PACK_COMMANDS_MAX,
    RECORD_BYTES_MAX,
    STOCK_DECODER,
    elements_of,
    encode_command,
    encode_pack,
    to_positional,
)
from models.commands import (
    GROUP_LOCATIONS_MAX,
    ORDER_COMMANDS,
    POSITIONAL,
    STOCK_COMMANDS,
    TTL_SECONDS_MAX,
    UNITS_MAX,
    Adjust,
    Cancel,
    CancelIncoming,
    CancelTransfer,
    ClosePool,
    Command,
    Confirm,
    Expect,
    Extend,
    Fulfil,
    Inspect,
    OpenPool,
    PlanTransfer,
    Receive,
    ReceiveTransfer,
    RecordOrder,
    Release,
    Reroute,
    Reserve,
    Return,
    SetBackorder,
    SetChannelFence,
    SetChannelPolicy,
    SetCountAuthority,
    SetLocationGroup,
    SetPlace,
    SetPurchaseLimit,
    SetSafetyStock,
    SetTimeZone,
    SetUnavailable,
    SetUnits,
    ShipTransfer,
    Sync,
    TillSale,
    type_name,
)

EXAMPLES: list[Command] = [
    Adjust("c", "s", "l", -3, 5, "broken"),
    Sync("c", "s", "l", 9, 5, excludes_unavailable=True),
    TillSale("c", "s", "l", 1, 5),
    SetUnavailable("c", "s", "l", 0, 5),
    SetSafetyStock("c", "s", "l", 2, 5),
    SetLocationGroup("c", "g", ("l", "m")),
    Reserve("c", "r", "s", 1, 60, group="g", strategy="split", allow_partial=True, answer_by=7),
    Extend("c", "r", "s", 60),
    Confirm("c", "r", "s", units=2),
    Release("c", "r", "s"),
    RecordOrder("c", "r", "s", 3, location="l"),
    Fulfil("c", "r", "s", effective_at=5),
    Cancel("c", "r", "s", location="l"),
    Return("c", "r", "s", 1, sellable=False),
    SetCountAuthority("c", "l", "wms"),
    SetTimeZone("c", "l", "Europe/Berlin"),
    Expect("c", "i", "s", "l", 9, 5),
    Receive("c", "i", "s", 0, 5, final=True),
    CancelIncoming("c", "i", "s"),
    PlanTransfer("c", "t", "s", "l", "m", 9, expected_at=5),
    ShipTransfer("c", "t", "s", 9, 5, from_location="l", to_location="m"),
    ReceiveTransfer("c", "t", "s", 9, 5, location="n"),
    CancelTransfer("c", "t", "s"),
    Reroute("c", "r", "s", "l", "m", use_safety_stock=True),
    SetUnits("c", "r", "s", 2),
    Inspect("c", "r", "s"),
    SetPlace("c", "l", 52.5, -13.25, pickup=False),
    OpenPool("c", "drop", "s", "l", 9, 5, 6, checkout_grace_seconds=60),
    ClosePool("c", "drop", "s", "l"),
    SetChannelFence("c", "web", "s", "l", 0, spill_over=False),
    SetPurchaseLimit("c", "two", "s", 2, 5),
    SetBackorder("c", "s", "l", 9, "i"),
    SetChannelPolicy("c", "web", 80, cap=5, preorder=True),
]
ADJUST = b'{"type":"adjust","id":"c","sku":"s","location":"l","delta":%b,"effective_at":%b}'


def decode(command: Command, value: bytes) -> Command | None:
    """Decode a record of one command, which must hold no poison."""
    decoder = STOCK_DECODER if isinstance(command, STOCK_COMMANDS) else ORDER_DECODER
    commands, poison = decoder.decode(value)
    assert not poison, poison
    assert len(commands) == 1
    return commands[0]


def test_every_command_has_an_example() -> None:
    """A new command cannot go untested."""
    assert {type(command) for command in EXAMPLES} == {*STOCK_COMMANDS, *ORDER_COMMANDS}


@pytest.mark.parametrize("command", EXAMPLES, ids=lambda command: type_name(type(command)))
def test_command_survives_the_wire_in_all_three_forms(command: Command) -> None:
    """Object, pack and positional pack of a command say the same."""
    twin = to_positional(command)
    assert type(twin) is POSITIONAL[type(command)]
    assert decode(command, encode_command(command)) == command
    assert decode(command, encode_pack([command])) == command
    back = decode(command, encode_pack([twin]))
    assert back is not None
    assert msgspec.structs.astuple(back) == msgspec.structs.astuple(command)


def test_positional_command_takes_defaults_for_what_it_leaves_out() -> None:
    """Positions at the end are optional: new fields come there only."""
    command = decode(EXAMPLES[6], b'[["reserve","c","r","s",1,60,"l"]]')
    assert isinstance(command, Reserve)
    assert (command.location, command.strategy, command.answer_by) == ("l", "first_fit", None)


@pytest.mark.parametrize("space", [b" ", b"\n", b"\r\n\t"])
@pytest.mark.parametrize("form", [b"%b", b"[%b]", b"[ %b ]"])
def test_white_space_before_a_value_is_no_poison(space: bytes, form: bytes) -> None:
    """JSON may begin with white space; the wire forms are told apart behind it."""
    value = space + form % (ADJUST % (b"1", b"5"))
    assert decode(EXAMPLES[0], value) == Adjust("c", "s", "l", 1, 5)
    twin = space + form % b'["adjust","c","s","l",1,5]'
    if form != b"%b":
        assert decode(EXAMPLES[0], twin) is not None


@pytest.mark.parametrize(
    ("delta", "reason"),
    [
        (b"1.5", "float"),
        (b"1.0", "float"),
        (b"true", "bool"),
        (b'"1"', "str"),
        (b"null", "null"),
        (str(UNITS_MAX + 1).encode(), "1000000000"),
        (str(-UNITS_MAX - 1).encode(), "1000000000"),
        (b"9" * 40, "1000000000"),
    ],
)
def test_quantity_that_is_not_a_whole_number_within_bounds_is_poison(delta: bytes, reason: str) -> None:
    """R6: integers only, within +-1e9; nothing is rounded or guessed."""
    commands, poison = STOCK_DECODER.decode(ADJUST % (delta, b"5"))
    assert not commands
    assert poison[0].pack_index is None
    assert reason in poison[0].reason


@pytest.mark.parametrize(
    "when",
    [b'"2026-01-01T00:00:00"', b"-1", b"1.5", b'"yesterday"', b"253402300800000"],
    ids=["no zone", "negative", "fraction", "words", "year 10000"],
)
def test_time_that_cannot_be_placed_is_poison(when: bytes) -> None:
    """R7: RFC 3339 with its offset or epoch ms; no zone: refused."""
    _, poison = STOCK_DECODER.decode(ADJUST % (b"1", when))
    assert "effective_at" in poison[0].reason


@pytest.mark.parametrize(
    "field",
    [b'"lot":"L7"', b'"unit":"kg"', b'"serial":"1"'],
    ids=["lot", "unit of measure", "serial"],
)
def test_unknown_field_is_poison_with_its_name(field: bytes) -> None:
    """R6: kits, lots, serials and units of measure are refused with a clear word, not guessed."""
    value = (ADJUST % (b"1", b"5"))[:-1] + b"," + field + b"}"
    _, poison = STOCK_DECODER.decode(value)
    assert field.split(b":")[0].strip(b'"').decode() in poison[0].reason


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"null",
        b"5",
        b"{",
        b"[]",
        b"\xef\xbb\xbf{}",
        b"[" * 100_000,
        b'{"type":"explode","id":"c"}',
        ADJUST % (b"1", b"5") + b" tail",
        ADJUST.replace(b'"s"', b'"\xff"') % (b"1", b"5"),
        b" " * (RECORD_BYTES_MAX + 1),
        encode_pack([EXAMPLES[0]] * (PACK_COMMANDS_MAX + 1)),
        b"[" + b",".join([b"7"] * (PACK_COMMANDS_MAX + 1)) + b"]",
    ],
    ids=[
        "tombstone",
        "empty",
        "null",
        "number",
        "cut off",
        "empty pack",
        "byte order mark",
        "nested",
        "unknown type",
        "trailing text",
        "not UTF-8",
        "too long",
        "too many",
        "too many of no kind",
    ],
)
def test_record_that_is_no_command_is_poison_as_a_whole(value: bytes | None) -> None:
    """Whatever bytes come, the decoder answers with poison: it never raises, never guesses."""
    commands, poison = STOCK_DECODER.decode(value)
    assert not [command for command in commands if command is not None]
    assert [fault.pack_index for fault in poison] == [None]


def test_bad_commands_of_a_pack_cost_only_themselves() -> None:
    """One by one: places are kept, None where a command was poison, in either form."""
    pack = (
        b"[" + ADJUST % (b"1", b"5") + b"," + ADJUST % (b"1.5", b"5") + b',["adjust","c","s","l",3,5],[],7,'
        b'["reserve","c","r","s",1,60,"l"]]'
    )
    commands, poison = STOCK_DECODER.decode(pack)
    assert [command and command.id for command in commands] == ["c", None, "c", None, None, None]
    assert [fault.pack_index for fault in poison] == [1, 3, 4, 5]


@pytest.mark.parametrize("text", ["", "x" * 129, "a\tb", "a\x7fb", "a\x85b", "a\u0000b"])
@pytest.mark.parametrize("form", ["object", "pack", "positional"])
def test_identifier_out_of_its_form_is_poison(text: str, form: str) -> None:
    """Ids are 1-128 characters without control characters, however JSON wrote them."""
    fields = {"type": "adjust", "id": "c", "sku": text, "location": "l", "delta": 1, "effective_at": 5}
    values = {"object": fields, "pack": [fields], "positional": [list(fields.values())]}
    for value in (json.dumps(values[form]), json.dumps(values[form], ensure_ascii=False)):
        commands, poison = STOCK_DECODER.decode(value.encode())
        assert not [command for command in commands if command is not None]
        assert [one.pack_index for one in poison] == [None if form == "object" else 0]


@pytest.mark.parametrize("text", ["ä", "\u2028", "%/{}", "\U0001d54a" * 128, " "])
def test_identifier_may_hold_any_other_character(text: str) -> None:
    """Ids are somebody else's: all that can be written is kept as it is."""
    command = Adjust("c", text, "l", 1, 5)
    assert decode(command, encode_pack([command])) == command


def test_control_character_in_a_group_is_poison() -> None:
    """The locations of a group are ids as well."""
    _, poison = STOCK_DECODER.decode(encode_command(SetLocationGroup("c", "g", ("l", "m\n"))))
    assert "locations" in poison[0].reason


@pytest.mark.parametrize(
    "command",
    [
        Reserve("c", "r", "s", 0, 60, location="l"),
        Reserve("c", "r", "s", UNITS_MAX + 1, 60, location="l"),
        Reserve("c", "r", "s", 1, 0, location="l"),
        Reserve("c", "r", "s", 1, TTL_SECONDS_MAX + 1, location="l"),
        Confirm("c", "r", "s", units=0),
        Return("c", "r", "s", units=-1),
        Sync("c", "s", "l", -1, 5),
        SetSafetyStock("c", "s", "l", -1, 5),
        SetLocationGroup("c", "g", ()),
        SetLocationGroup("c", "g", tuple(f"l{n}" for n in range(GROUP_LOCATIONS_MAX + 1))),
    ],
    ids=repr,
)
def test_quantity_out_of_bounds_is_poison(command: Command) -> None:
    """R6: units 1 to 1e9, counts 0 to 1e9; a TTL and a group have an end."""
    decoder = STOCK_DECODER if isinstance(command, STOCK_COMMANDS) else ORDER_DECODER
    assert decoder.decode(encode_command(command))[1]


def test_command_of_the_other_topic_is_poison() -> None:
    """Each topic has its commands: a reserve on stock-events has no arrival time to judge it by."""
    assert STOCK_DECODER.decode(encode_command(EXAMPLES[6]))[1]
    assert ORDER_DECODER.decode(encode_command(EXAMPLES[0]))[1]


@pytest.mark.parametrize(
    ("value", "elements"),
    [
        (None, [None]),
        (b' {"a": [1]}', [b' {"a": [1]}']),
        (b' [{"a": [1]}, ["b"] ,3]', [b'{"a": [1]}', b'["b"]', b"3"]),
        (b"[1,", []),
    ],
    ids=["nothing", "one command", "pack", "broken"],
)
def test_elements_are_the_commands_own_bytes(value: bytes | None, elements: list[bytes | None]) -> None:
    """A dead letter can hold one command of a pack, byte by byte as it came."""
    assert list(elements_of(value)) == elements


_ONE = encode_command(Release("c1", "R1", "SKU"))
_OTHER = encode_command(Release("c2", "R2", "SKU"))
_HEAD, _TAIL = _ONE[:-1], b',"x":{}}'


@pytest.mark.parametrize(
    "values",
    [
        [None, _ONE],
        [b"", _ONE],
        [_ONE, b"[" + _OTHER + b"]"],
        [_ONE, b" " + _OTHER],
        [_ONE + b"\n" + _OTHER],
        [_ONE + b"\n" + _OTHER, _HEAD + b"}", b"{"],
        [_ONE[:20], _ONE[20:], _ONE + b"\n" + _OTHER],
        [_HEAD + b",", b'"order_id":"O"}', _ONE + b"\n" + _OTHER],
        [_HEAD + b',"x":"{}', b'{}"' + _TAIL, _ONE + b"\n" + _OTHER],
        [_HEAD + b',"x":[{}', b"{}]}", _ONE + b"\n" + _OTHER],
        [_ONE, _ONE.replace(b"R1", b"R\\t")],
        [_ONE, _ONE.replace(b"R1", b"R\x7f")],
        [_ONE, _ONE.replace(b"R1", "R\u0085".encode())],
        [_ONE, encode_command(Sync("s", "SKU", "L", 1, 1))],
        [b"{}" * 600_000, _ONE],
    ],
    ids=range(15),
)
def test_records_that_are_not_each_one_sound_object_are_decoded_one_by_one(
    values: list[bytes | None],
) -> None:
    """However records are cut, two in one and one in two never count as one each."""
    assert ORDER_DECODER.decode_singles(values) is None


def test_sound_records_are_decoded_at_once_as_one_by_one() -> None:
    """All commands of both topics, spread over lines or not, come out as `decode` gives them."""
    for decoder, kinds in ((ORDER_DECODER, ORDER_COMMANDS), (STOCK_DECODER, STOCK_COMMANDS)):
        values = [encode_command(command) for command in EXAMPLES if type(command) in kinds]
        values = [value for value in values if value.isascii()]
        spread = [msgspec.json.format(value) for value in values]
        expected = [command for value in values for command in decoder.decode(value)[0]]
        assert decoder.decode_singles(values) == expected
        assert decoder.decode_singles(spread) in (None, expected)
    assert ORDER_DECODER.decode_singles([]) == []
