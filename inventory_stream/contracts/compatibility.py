"""What version 1 has promised, as plain data, and the rules by which it may grow.

The surface is taken from the types themselves. A promise made once stays in the stored one, also
where the code lost it: `breaks` says so. The rules are those of docs/compatibility.md.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import NODEFAULT, Struct

from inventory_stream.contracts.schemas import structs_in
from models.commands import ORDER_COMMANDS, STOCK_COMMANDS, type_name
from models.events import AvailabilityChanged, ExceptionRaised
from models.outcomes import Outcome
from models.payments import PaymentEvent, PaymentOutcome
from models.rows import ROW_FORMS, ROW_KINDS, ROW_SCHEMA

Surface = dict[str, dict[str, Any]]
Field = dict[str, Any]


def surface() -> Surface:
    """Take the surface of the code as it is.

    Returns:
        By section: what names a promise, and the promise. Structs are lists of fields in order, each
        with its name, the schema of its type, and its default where it may be left out.
    """
    commands = {type_name(command): command for command in (*STOCK_COMMANDS, *ORDER_COMMANDS)}
    rows = structs_in(ROW_FORMS)
    events = structs_in([AvailabilityChanged, ExceptionRaised, PaymentEvent, PaymentOutcome])
    return {
        "topics": {
            "stock-events": [type_name(command) for command in STOCK_COMMANDS],
            "order-events": [type_name(command) for command in ORDER_COMMANDS],
        },
        "commands": {word: _fields(command) for word, command in commands.items()},
        "outcomes": {outcome.name: int(outcome) for outcome in sorted(Outcome)},
        "row_keys": {prefix.decode(): kind.__name__ for prefix, kind in ROW_KINDS},
        "row_schema": {"number": ROW_SCHEMA},
        "rows": {name: _fields(struct) for name, struct in rows.items()},
        "events": {name: _fields(struct) for name, struct in events.items()},
    }


def breaks(promised: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Say which promises the code does not keep, one line each."""
    return list(_breaks(promised, now))


def _breaks(promised: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    for section, entries in promised.items():
        there = now.get(section, {})
        for name, promise in entries.items():
            where = f"{section}: {name}"
            if name not in there:
                yield f"{where} is gone"
            elif section == "topics":
                yield from (
                    f"{where} carries no `{word}` any more" for word in promise if word not in there[name]
                )
            elif isinstance(promise, list):
                # Objects of events have names, not places.
                yield from _broken_fields(where, promise, there[name], is_ordered=section != "events")
            elif promise != there[name]:
                yield f"{where} was {promise!r}, is {there[name]!r}"
        if section == "outcomes":
            yield from _reused_numbers(entries, there)


def _reused_numbers(promised: Mapping[str, int], there: Mapping[str, int]) -> Iterator[str]:
    names = {number: name for name, number in promised.items()}
    for name, number in there.items():
        if names.get(number, name) != name:
            yield f"outcomes: {name} takes the number {number} of {names[number]}"


def _broken_fields(
    where: str, promised: Sequence[Field], there: Sequence[Field], *, is_ordered: bool
) -> Iterator[str]:
    by_name = {field["name"]: (place, field) for place, field in enumerate(there)}
    for place, field in enumerate(promised):
        name = field["name"]
        if name not in by_name:
            yield f"{where}.{name} is gone or has another name"
            continue
        place_now, now = by_name[name]
        if is_ordered and place_now != place:
            yield f"{where}.{name} moved from place {place} to {place_now}"
        yield from (
            f"{where}.{name}: {part} was {field.get(part)!r}, is {now.get(part)!r}"
            for part in ("schema", "required", "default")
            if field.get(part) != now.get(part)
        )
    known = {field["name"] for field in promised}
    for field in there:
        if field["name"] not in known and field["required"] and is_ordered:
            yield f"{where}.{field['name']} is new and has no default"


def _fields(struct: type[Struct]) -> list[Field]:
    return [_field(field) for field in msgspec.structs.fields(struct)]


def _field(field: msgspec.structs.FieldInfo) -> Field:
    (schema,), _ = msgspec.json.schema_components([field.type])
    promise = {"name": field.encode_name, "schema": schema, "required": field.required}
    if not field.required:
        default = field.default_factory() if field.default is NODEFAULT else field.default
        promise["default"] = msgspec.json.decode(msgspec.json.encode(default))
    return promise
