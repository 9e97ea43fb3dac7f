"""Random commands of every kind, drawn by the type of each field, so that new commands join by themselves."""

from random import Random
from typing import Any, Final

from msgspec import inspect

from inventory_stream.ports.inputs import Input
from models.codec import encode_command, encode_pack, to_positional
from models.commands import (
    EPOCH_MS_MAX,
    ORDER_COMMANDS,
    STOCK_COMMANDS,
    Command,
    OpenPool,
    RecordOrder,
    Reserve,
    SetPurchaseLimit,
)
from models.ids import partition_of

PARTITIONS: Final = 2
"""Of the inputs; ours is 0, so that some SKUs are in the wrong one (R30)."""
PLACES: Final = ("DC1", "DC2", "S7")
REPEATS: Final = 0.10
"""Share of commands that came before: a retry of the producer."""
REUSES: Final = 0.03
"""Share of commands whose id came before, with other content (R27)."""
POISONS: Final = 0.03
"""Share of records that no ledger can decide, or only in part."""

_BY_PARTITION: Final = {
    home: [sku for sku in (f"sku-{number}" for number in range(30)) if partition_of(sku, PARTITIONS) == home]
    for home in range(PARTITIONS)
}
_WORDS: Final[dict[str, tuple[str | None, ...]]] = {
    "group": ("near", "near", "far"),
    "path": ("common",) * 8 + ("sale:flash",) * 6 + ("sale:encore", "channel:web", "channel:web", "vip"),
    "sale_id": ("flash", "flash", "flash", "encore"),
    "channel": ("web", "web", "app"),
    "limit_id": ("per-head", "per-day"),
    "customer": ("ann", "bob"),
    "time_zone": ("UTC", "Europe/Berlin"),
    "source": ("wms", "erp"),
}
# Of every field that may be left out, how often it is.
_ABSENT: Final = {
    "location": 0.7,
    "group": 0.0,
    "units": 0.5,
    "source": 0.7,
    "answer_by": 0.8,
    "customer": 0.2,
    "checkout_grace_seconds": 0.7,
}
_OPENERS: Final = (Reserve, RecordOrder)
_LAGS_MS: Final = (0, 0, 1, 1_000, 40_000, 90_000, -9_000)
"""How long before it is sent something took effect."""
_STARTS_MS: Final = (-60_000, -1, 0, 0, 3_000)
"""When a sale starts, after its statement."""
_LASTS_MS: Final = (1_000, 30_000, 120_000, 600_000)
"""How long a sale or a purchase limit holds."""
_OFTEN: Final = {
    "reserve": 12,
    "confirm": 5,
    "fulfil": 2,
    "adjust": 4,
    "sync": 2,
    "plan_transfer": 2,
    "open_pool": 2,
    "channel_fence": 2,
    "backorder": 2,
}
_WHOLE_POISON: Final = (b"not json", b"", None, b"[]", b'{"type":"reserve","id":"x"}', b'"text"')
_BAD_COMMAND: Final = (
    b'{"type":"adjust","id":"bad","sku":"sku-1","location":"DC1","delta":1.5,"effective_at":1}'
)


class Workload:
    """Draws records for both inputs.

    Args:
        random: The seed's.
        skus: How many SKUs are sold; one is the busiest.
        reservations: How many of the last reservations are spoken of: few make long lives.
    """

    def __init__(self, random: Random, *, skus: int, reservations: int) -> None:
        self._random = random
        self._skus = _BY_PARTITION[0][:skus]
        self._reservations = reservations
        self._serial = 0
        self._newest = 0
        self._reservation = 0
        self._sent: dict[Input, list[Command]] = {source: [] for source in Input}
        self._kinds = {
            Input.STOCK: _weighted(STOCK_COMMANDS),
            Input.ORDERS: _weighted(ORDER_COMMANDS),
        }

    def opening(self, now_ms: int) -> list[Command]:
        """Groups and first counts, without which nothing could be sold."""
        by_name = {kind.__struct_config__.tag: kind for kind in STOCK_COMMANDS}
        opening: list[Command] = [
            by_name["location_group"]("g1", "near", PLACES),  # type: ignore[call-arg]  # by position
            by_name["location_group"]("g2", "far", PLACES[:0:-1]),  # type: ignore[call-arg]
        ]
        for sku in self._skus:
            for place in PLACES[: self._random.randint(1, 3)]:
                self._serial += 1
                units = self._random.randint(0, 12)
                opening.append(by_name["sync"](f"s{self._serial}", sku, place, units, now_ms - 1_000))  # type: ignore[call-arg]
                if units > 4:
                    ends_ms = now_ms + self._random.choice(_LASTS_MS)
                    opening.append(OpenPool(f"p{self._serial}", "flash", sku, place, 3, now_ms, ends_ms))
        return opening

    def record(self, source: Input, now_ms: int) -> tuple[bytes | None, tuple[Command | None, ...]]:
        """Draw one record: its bytes, and its commands with None for poison."""
        random = self._random
        if random.random() < POISONS / 2:
            return random.choice(_WHOLE_POISON), ()
        commands: list[Command | None] = [
            self._command(source, now_ms) for _ in range(random.choice((1, 1, 1, 2, 4)))
        ]
        if random.random() < POISONS / 2:
            parts = [encode_command(one) for one in commands if one is not None]
            at = random.randint(0, len(parts))
            parts.insert(at, _BAD_COMMAND)
            commands.insert(at, None)
            return b"[" + b",".join(parts) + b"]", tuple(commands)
        return encoded(random, [one for one in commands if one is not None]), tuple(commands)

    def _command(self, source: Input, now_ms: int) -> Command:
        random = self._random
        before = self._sent[source]
        drawn = random.random()
        if before and drawn < REPEATS:
            return random.choice(before[-30:])
        kind = random.choice(self._kinds[source])
        self._serial += 1
        name = f"c{self._serial}"
        if before and drawn < REPEATS + REUSES:
            name = random.choice(before[-30:]).id
        command = self.draw(kind, name, now_ms)
        before.append(command)
        return command

    def draw(self, kind: type[Command], command_id: str, now_ms: int) -> Command:
        """Draw one command of a kind."""
        self._reservation = self._about(kind)
        fields = {field.name: self._field(field, now_ms) for field in _FIELDS[kind]}
        fields["id"] = command_id
        if "location" in fields and "group" in fields:  # one or the other says where
            fields["location" if self._random.random() < 0.5 else "group"] = None
            if fields["location"] is None and fields["group"] is None:
                fields["location"] = PLACES[0]
        if kind is OpenPool:
            starts_ms = fields["starts_at"] = now_ms + self._random.choice(_STARTS_MS)
            fields["ends_at"] = starts_ms + self._random.choice(_LASTS_MS)
            if fields["fence_from"] is not None:
                fields["fence_from"] = starts_ms - self._random.choice((0, 2_000, 90_000))
        if kind is SetPurchaseLimit:
            fields["ends_at"] = now_ms + self._random.choice(_LASTS_MS)
        if fields.get("orders_through") is not None and not fields.get("nets_orders"):
            fields["orders_through"] = None
        return kind(**fields)

    def _about(self, kind: type[Command]) -> int:
        """Choose a reservation: a new one to reserve, one of the last for all else, at times one to come."""
        random = self._random
        is_new = random.random() < (0.7 if kind in _OPENERS else 0.12)
        if is_new:
            # Without being made: what is said about it now comes before it (R21).
            ahead = random.randint(1, 2)
            self._newest += ahead if kind in _OPENERS else 0
            return self._newest + (0 if kind in _OPENERS else ahead)
        return max(0, self._newest - random.randrange(self._reservations))

    def _field(self, field: inspect.Field, now_ms: int) -> Any:  # noqa: ANN401  # of the field's type
        name, kind, random = field.name, field.type, self._random
        if not field.required and random.random() < _ABSENT.get(name, 0.5):
            return field.default
        options: list[inspect.Type] = list(kind.types) if isinstance(kind, inspect.UnionType) else [kind]
        kind = next(one for one in options if not isinstance(one, inspect.NoneType))
        if isinstance(kind, inspect.IntType):
            return self._number(name, kind, now_ms)
        if isinstance(kind, inspect.FloatType | inspect.BoolType):
            drawn = random.random()
            return drawn if isinstance(kind, inspect.FloatType) else drawn < 0.3
        if isinstance(kind, inspect.LiteralType):
            return random.choice(kind.values)
        if isinstance(kind, inspect.VarTupleType | inspect.ListType):
            return tuple(random.sample(PLACES, random.randint(1, len(PLACES))))
        assert isinstance(kind, inspect.StrType), f"no way to draw `{name}`: {kind}"
        return self._word(name)

    def _number(self, name: str, kind: inspect.IntType, now_ms: int) -> int:
        random = self._random
        if kind.le == EPOCH_MS_MAX:
            return now_ms - random.choice(_LAGS_MS)
        if name == "ttl_seconds":
            return random.choice((1, 5, 20, 60))
        low, high = int(kind.ge or 0), int(kind.le or 0)
        return random.randint(max(low, -4), min(high, 6)) or max(low, 1)

    def _word(self, name: str) -> str | None:
        random = self._random
        if name == "reservation_id":
            return f"R{self._reservation}"
        if name == "sku":
            drawn = random.random()
            if drawn < 0.02:
                return _BY_PARTITION[1][0]
            # A reservation stays with its SKU, but for a few mistakes.
            at = self._reservation if drawn < 0.9 else random.randrange(len(self._skus))
            return self._skus[at % len(self._skus)]
        if name == "location" or name.endswith("_location"):
            return random.choice(PLACES)
        words = _WORDS.get(name)
        return random.choice(words) if words else f"{name[0].upper()}{random.randrange(5)}"


def encoded(random: Random, commands: list[Command]) -> bytes:
    """Give commands one of their wire forms."""
    if len(commands) == 1 and random.random() < 0.8:
        return encode_command(commands[0])
    if random.random() < 0.5:
        return encode_pack(to_positional(command) for command in commands)
    return encode_pack(commands)


def _fields_of(kind: type[Command]) -> tuple[inspect.Field, ...]:
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType)
    return tuple(field for field in info.fields if field.name != "id")


_FIELDS: Final = {kind: _fields_of(kind) for kind in (*STOCK_COMMANDS, *ORDER_COMMANDS)}


def _weighted(kinds: tuple[type[Command], ...]) -> list[type[Command]]:
    return [kind for kind in kinds for _ in range(_OFTEN.get(str(kind.__struct_config__.tag), 1))]


def content(command: Command) -> tuple[object, ...]:
    """What a command asks, without what names the attempt (R27)."""
    names = (name for name in command.__struct_fields__ if name not in {"id", "answer_by"})
    return (command.__struct_config__.tag, *(getattr(command, name) for name in names))
