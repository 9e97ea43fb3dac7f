"""Bad input of every kind, by seed: what a broken, newer, malicious or merely careless producer sends.

Each kind is a function that gives the bytes of one record. Most begin with a valid command, drawn
as the tables of the ledger draw theirs, and spoil one thing of it. A kind that is called `valid_...` is
there so that the bad ones meet a ledger that is alive.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any, Final

import msgspec

from models import commands as c
from models.codec import PACK_COMMANDS_MAX, RECORD_BYTES_MAX, encode_command, encode_pack, to_positional
from models.ids import ID_CHARACTERS_MAX, partition_of
from tests.unit.ledger.scripts import PLACES, command

PARTITIONS: Final = 4
GOOD_SKU: Final = "a-sku-of-nobody-else"
"""What only good commands name; its partition is the one under trial."""
PARTITION: Final = partition_of(GOOD_SKU, PARTITIONS)
_NAMES: Final = tuple(f"sku-{number}" for number in range(40))
SKUS: Final = tuple(name for name in _NAMES if partition_of(name, PARTITIONS) == PARTITION)[:3]
"""SKUs of that partition."""
ELSEWHERE: Final = tuple(name for name in _NAMES if partition_of(name, PARTITIONS) != PARTITION)

Fields = dict[str, Any]
_ALL: Final = (*c.STOCK_COMMANDS, *c.ORDER_COMMANDS)


@dataclass
class Drawing:
    """What a kind draws from: chance, the topic, the clock, and a serial for ids."""

    random: Random
    is_stock: bool
    now_ms: int
    serial: int = 0
    sent: bytes = b"{}"
    """The last valid record of this topic, to be sent again."""

    def valid(self) -> c.Command:
        """Draw a command that decodes, for this topic."""
        self.serial += 1
        kinds = c.STOCK_COMMANDS if self.is_stock else c.ORDER_COMMANDS
        name = f"{'s' if self.is_stock else 'o'}{self.serial}"
        return command(self.random, self.random.choice(kinds), name, self.now_ms, SKUS)

    def fields(self) -> Fields:
        """Draw a valid command as JSON would have it."""
        fields: Fields = msgspec.json.decode(encode_command(self.valid()))
        return {name: value for name, value in fields.items() if value is not None}

    def fields_with(self, *names: str) -> tuple[Fields, str]:
        """Draw a valid command that has one of these fields, and choose the field."""
        while True:
            fields = self.fields()
            there = [name for name in names if name in fields]
            if there:
                return fields, self.random.choice(there)


def _json(value: object) -> bytes:
    # Python's own: it writes lone surrogates and NaN, which msgspec would not.
    return json.dumps(value).encode()


def _spoilt(drawing: Drawing, names: tuple[str, ...], values: tuple[object, ...]) -> bytes:
    fields, name = drawing.fields_with(*names)
    fields[name] = drawing.random.choice(values)
    return _json(fields)


def valid_command(drawing: Drawing) -> bytes:
    """A command that decodes; half of them say something about nothing that is there."""
    drawing.sent = encode_command(drawing.valid())
    return drawing.sent


def valid_positional(drawing: Drawing) -> bytes:
    """A pack of JSON arrays."""
    drawing.sent = encode_pack([to_positional(drawing.valid()) for _ in range(3)])
    return drawing.sent


def no_bytes(drawing: Drawing) -> bytes:
    """Nothing, or white space."""
    return drawing.random.choice((b"", b" ", b"\n\n\t  "))


def random_bytes(drawing: Drawing) -> bytes:
    """Undecodable."""
    return drawing.random.randbytes(drawing.random.randint(1, 200))


def other_encodings(drawing: Drawing) -> bytes:
    """JSON as others write it: byte order mark, UTF-16, Latin-1, single quotes, msgpack, a C string."""
    fields = drawing.fields()
    text = json.dumps({**fields, "sku": "Käse"}, ensure_ascii=False)
    return drawing.random.choice(
        (
            b"\xef\xbb\xbf" + _json(fields),
            text.encode("utf-16"),
            text.encode("latin-1"),
            repr(fields).encode(),
            msgspec.msgpack.encode(fields),
            _json(fields) + b"\0",
            _json(json.dumps(fields)),
        )
    )


def no_command(drawing: Drawing) -> bytes:
    """JSON that is no command."""
    return drawing.random.choice(
        (b"null", b"true", b"17", b'"reserve"', b"{}", b"[]", b"[[]]", b"[{}]", b"[null]", b"[1,2]", b"NaN")
    )


def oversized(drawing: Drawing) -> bytes:
    """A record beyond 1 MiB, of blanks or of one long id."""
    if drawing.random.random() < 0.5:
        return b" " * RECORD_BYTES_MAX + b"{}"
    return _json({**drawing.fields(), "id": "x" * RECORD_BYTES_MAX})


def long_text(drawing: Drawing) -> bytes:
    """An id of 100 KB in a record that is small enough."""
    return _spoilt(drawing, ("id", "sku", "location", "reservation_id"), ("y" * 100_000,))


def deep_nesting(drawing: Drawing) -> bytes:
    """JSON nested up to 100,000 deep, as the record, in a pack or in a field."""
    depth = drawing.random.choice((10, 1_000, 100_000))
    deep = drawing.random.choice(
        (b"[" * depth + b"]" * depth, b'{"a":' * depth + b"1" + b"}" * depth, b"[" * depth)
    )
    whole = drawing.random.choice((b"%s", b'[{"type":"adjust","id":%s}]', b'[{"type":"adjust"},%s]'))
    return whole % deep


def unknown_type(drawing: Drawing) -> bytes:
    """A command of a later version, or misspelt."""
    return _spoilt(drawing, ("type",), ("adjust2", "Reserve", "", "RESERVE", "open_pool", None, 5, [], "\0"))


def other_topic(drawing: Drawing) -> bytes:
    """A command of the other topic."""
    drawing.is_stock = not drawing.is_stock
    value = encode_command(drawing.valid())
    drawing.is_stock = not drawing.is_stock
    return value


def unknown_field(drawing: Drawing) -> bytes:
    """A field of a later version, or of another system: R6 refuses lots rather than to guess."""
    names = ("lot", "version", "schema", "uom", "serial", "Units", "units ", "", "__class__")
    return _json(
        {**drawing.fields(), drawing.random.choice(names): drawing.random.choice((1, "kg", None, {}))}
    )


def missing_field(drawing: Drawing) -> bytes:
    """A command without one of its fields."""
    fields = drawing.fields()
    del fields[drawing.random.choice(list(fields))]
    return _json(fields)


def wrong_json_kind(drawing: Drawing) -> bytes:
    """Text for a number, a list for text, and so on."""
    fields = drawing.fields()
    fields[drawing.random.choice(list(fields))] = drawing.random.choice(
        ("7", 7, 7.0, True, None, [], [1], {}, {"a": 1}, "", "null", -1)
    )
    return _json(fields)


def field_twice(drawing: Drawing) -> bytes:
    """An object that says a field twice: the last counts, as everywhere."""
    fields = drawing.fields()
    name = drawing.random.choice(list(fields))
    return _json(fields)[:-1] + b"," + _json(name) + b":" + _json(fields[name]) + b"}"


_QUANTITIES: Final = ("units", "delta", "on_hand", "unavailable", "safety_stock", "ttl_seconds")


def quantity(drawing: Drawing) -> bytes:
    """Negative, fractional, huge, missing, none at all, or in words."""
    values = (-1, 0, 1.5, 1.0, 1e9, c.UNITS_MAX, c.UNITS_MAX + 1, 2**31, 2**63, 2**64, 10**30, -(10**30))
    words = ("5", "five", "", None, True, [5], float("nan"), float("inf"), -0.0, "1e3", " 5")
    return _spoilt(drawing, _QUANTITIES, (*values, *words))


def largest_quantity(drawing: Drawing) -> bytes:
    """As much as is allowed, again and again: sums leave 32 bits, and must not leave 64."""
    return _spoilt(drawing, ("units", "delta", "on_hand"), (c.UNITS_MAX,))


def time(drawing: Drawing) -> bytes:
    """Without zone, of the wrong unit, before 1970, after 9999, in no calendar."""
    values = (
        "2026-01-01T12:00:00",
        "2026-01-01",
        "yesterday",
        "",
        "2026-02-30T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-12-31T23:59:60Z",
        "10000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+23:59",
        "1969-12-31T23:59:59Z",
        "9999-12-31T23:59:59-23:59",
        "2026-01-01T12:00:00+25:00",
        "2026-01-01 12:00:00Z",
        -1,
        c.EPOCH_MS_MAX + 1,
        10**18,
        1_767_268_800.5,
        True,
        None,
    )
    return _spoilt(drawing, _TIMES, values)


_TIMES: Final = ("effective_at", "expected_at", "ordered_at", "as_of", "orders_through", "answer_by")


def strange_time(drawing: Drawing) -> bytes:
    """A time that can be placed, but hardly be meant: seconds for ms, decades back or ahead."""
    values = (
        0,
        1,
        drawing.now_ms // 1_000,
        c.EPOCH_MS_MAX,
        "1970-01-01T00:00:00Z",
        "9999-12-31T23:59:59.999Z",
        "2026-01-01T12:00:00.123456789+14:00",
        "1970-01-01T00:00:00-12:00",
        drawing.now_ms + 86_400_000,
        drawing.now_ms - 10 * 86_400_000,
    )
    return _spoilt(drawing, _TIMES, values)


_IDS: Final = ("id", "sku", "location", "reservation_id", "order_id", "group", "transfer_id", "from_location")


def ill_formed_id(drawing: Drawing) -> bytes:
    """Empty, too long, with control characters or halves of characters."""
    values = (
        "",
        "x" * (ID_CHARACTERS_MAX + 1),
        "é" * (ID_CHARACTERS_MAX + 1),
        "a\nb",
        "a\0b",
        "\x7f",
        "\x85",
        "\x1b[31m",
        "\ud800",
        "a\udfff",
        7,
        None,
        ["a"],
    )
    return _spoilt(drawing, _IDS, values)


def separators_in_id(drawing: Drawing) -> bytes:
    """Characters that mean something in keys, in Redis, in paths: identifiers like any other."""
    values = (
        "a/b",
        "/",
        "//",
        "%2F",
        "%",
        "{a}",
        "..",
        "../../etc",
        " ",
        "@progress",
        "r/R1",
        "' OR 1=1",
        "\u202eabc",
        "\U0001f600" * 128,
        "é",
        "e\u0301",
        "\ufeff",
        "\u2028",
        "None",
    )
    return _spoilt(drawing, _IDS, values)


def wrong_partition(drawing: Drawing) -> bytes:
    """A SKU of another partition, as a producer with another partitioner or a rekeyed topic sends."""
    fields, _ = drawing.fields_with("sku")
    return _json({**fields, "sku": drawing.random.choice(ELSEWHERE)})


def unknown_sku(drawing: Drawing) -> bytes:
    """A SKU that nobody ever stocked; three of four lie in another partition."""
    fields, _ = drawing.fields_with("sku")
    return _json({**fields, "sku": f"new-{drawing.random.randint(0, 10**6)}"})


def duplicate(drawing: Drawing) -> bytes:
    """The same bytes again."""
    return drawing.sent


def reused_id(drawing: Drawing) -> bytes:
    """An id that stood for something else."""
    fields = drawing.fields()
    fields["id"] = f"{'s' if drawing.is_stock else 'o'}{drawing.random.randint(1, max(1, drawing.serial))}"
    return _json(fields)


def impossible(drawing: Drawing) -> bytes:
    """Decodes, and can mean nothing: each refusal that a decision raises."""
    at = {"sku": SKUS[0], "location": PLACES[0], "effective_at": drawing.now_ms}
    held = {"sku": SKUS[0], "reservation_id": f"R{drawing.random.randint(0, 9)}"}
    moved = {"sku": SKUS[0], "transfer_id": "T9", "effective_at": drawing.now_ms}
    sale = {"sale_id": "S9", "sku": SKUS[0], "location": PLACES[0], "units": 1}
    there_and_back = {"from_location": "L1", "to_location": "L1"}
    stock: tuple[Fields, ...] = (
        {"type": "adjust", **at, "delta": 0},
        {"type": "sync", **at, "on_hand": 1, "orders_through": drawing.now_ms},
        {"type": "location_group", "group": "H", "locations": ["L1", "L1"]},
        {"type": "location_group", "group": "H", "locations": []},
        {"type": "time_zone", "location": "L1", "time_zone": "Mars/Olympus"},
        {"type": "time_zone", "location": "L1", "time_zone": "../../etc/passwd"},
        {"type": "plan_transfer", "transfer_id": "T9", "sku": SKUS[0], "units": 1, **there_and_back},
        {"type": "ship_transfer", **moved, "units": 1, **there_and_back},
        {"type": "receive_transfer", **moved, "units": 0},
        {"type": "open_pool", **sale, "starts_at": drawing.now_ms, "ends_at": drawing.now_ms},
        {
            "type": "open_pool",
            **sale,
            "starts_at": drawing.now_ms,
            "ends_at": drawing.now_ms + 1,
            "fence_from": drawing.now_ms + 1,
        },
        {"type": "receive", "incoming_id": "I9", "sku": SKUS[0], "units": 0, "effective_at": drawing.now_ms},
    )
    reserve = {"type": "reserve", **held, "units": 1, "ttl_seconds": 60}
    orders: tuple[Fields, ...] = (
        reserve,
        {**reserve, "location": "L1", "group": "G"},
        {**reserve, "location": "L1", "path": "vip"},
        {**reserve, "location": "L1", "strategy": "nearest"},
        {"type": "record_order", **held, "units": 1},
        {"type": "record_order", **held, "units": 1, "group": "nowhere"},
        {"type": "reroute", **held, **there_and_back},
    )
    drawing.serial += 1
    return _json({**drawing.random.choice(stock if drawing.is_stock else orders), "id": f"i{drawing.serial}"})


def large_pack(drawing: Drawing) -> bytes:
    """A pack of 1,001 small elements, or of 100,000."""
    count = drawing.random.choice((PACK_COMMANDS_MAX + 1, 100_000))
    return b"[" + b",".join([b"{}"] * count) + b"]"


def mixed_pack(drawing: Drawing) -> bytes:
    """Good and bad side by side, in both forms."""
    parts = [encode_command(drawing.valid()), b"null", encode_command(to_positional(drawing.valid()))]
    parts += [
        drawing.random.choice((b"{}", b"[]", b'["reserve"]', b"1", b'{"type":"x"}')),
        missing_field(drawing),
    ]
    drawing.random.shuffle(parts)
    return b"[" + b",".join(parts) + b"]"


def positional_length(drawing: Drawing) -> bytes:
    """JSON arrays that are too long, too short, or in another order."""
    parts: list[Any] = msgspec.json.decode(encode_command(to_positional(drawing.valid())))
    how = drawing.random.randint(0, 2)
    if how == 0:
        parts += [None] * drawing.random.randint(1, 9)
    elif how == 1:
        parts = parts[: drawing.random.randint(0, len(parts) - 1)]
    else:
        drawing.random.shuffle(parts)
    return _json([parts])


def flipped_bytes(drawing: Drawing) -> bytes:
    """A valid record after bad memory: some bits turned, bytes lost, doubled, or cut off."""
    value = bytearray(encode_command(drawing.valid()))
    for _ in range(drawing.random.randint(1, 4)):
        at = drawing.random.randrange(len(value))
        how = drawing.random.randint(0, 3)
        if how == 0:
            value[at] ^= 1 << drawing.random.randint(0, 7)
        elif how == 1 and len(value) > 1:
            del value[at]
        elif how == 2:
            value.insert(at, drawing.random.randint(0, 255))
        elif at:
            del value[at:]
    return bytes(value)


Kind = Callable[[Drawing], bytes]

KINDS: Final[dict[Kind, int]] = {
    valid_command: 24,
    valid_positional: 4,
    no_bytes: 2,
    random_bytes: 4,
    other_encodings: 4,
    no_command: 4,
    long_text: 1,
    unknown_type: 4,
    other_topic: 4,
    unknown_field: 4,
    missing_field: 8,
    wrong_json_kind: 12,
    field_twice: 4,
    quantity: 16,
    largest_quantity: 4,
    time: 12,
    strange_time: 8,
    ill_formed_id: 12,
    separators_in_id: 12,
    wrong_partition: 6,
    unknown_sku: 6,
    duplicate: 6,
    reused_id: 6,
    impossible: 10,
    mixed_pack: 4,
    positional_length: 8,
    flipped_bytes: 24,
}
"""Each kind and how often it comes; what costs milliseconds a piece is in `RARE`."""
RARE: Final[tuple[Kind, ...]] = (oversized, deep_nesting, large_pack)
RARE_EVERY: Final = 1_000
"""One record of these kinds in so many: 1 MiB takes as long as a hundred others."""
