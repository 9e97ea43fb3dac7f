"""JSON Schema (2020-12) of the words in `models/`: msgspec's own, and what it leaves unsaid."""

from collections.abc import Sequence
from inspect import cleandoc
from typing import Any, Final

import msgspec
from msgspec import Struct

from models.ids import ID_CHARACTERS_MAX

Schema = dict[str, Any]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_NAMESPACE: Final = "urn:inventory-stream:contracts:1:"

# Written as "must not contain": `$` would let a line end through in some languages.
_NO_CONTROL_CHARACTER: Final = {"pattern": "[\\u0000-\\u001f\\u007f-\\u009f]"}

# What the decoder takes of RFC 3339: `format` is only a remark to most validators. Days that a month
# does not have are left to the decoder. No class \d, which means more than ten digits in some languages.
_TIME_PATTERN: Final = (
    "^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])[Tt ]"
    "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]+)?"
    "([Zz]|[+-]([01][0-9]|2[0-3]):?[0-5][0-9])$(?!\\n)"
)


def document(name: str, title: str, description: str, body: Schema) -> Schema:
    """Give a schema document: `body` with its head, named by a URN that stays for version 1."""
    return {
        "$schema": DIALECT,
        "$id": _NAMESPACE + name,
        "title": title,
        "description": cleandoc(description),
        **body,
    }


def components(types: Sequence[Any]) -> tuple[list[Schema], Schema]:
    """Give the schemas of types and what these refer to, ready for `$defs`."""
    found, parts = msgspec.json.schema_components(types, ref_template="#/$defs/{name}")
    structs = structs_in(types)
    named = {name: _named(_said(part), structs.get(name)) for name, part in parts.items()}
    return [_said(schema) for schema in found], named


def _said(schema: Any) -> Any:  # noqa: ANN401  # any part of a schema
    """Add what our decoder holds besides: characters of ids, the form of times; tidy descriptions."""
    if isinstance(schema, list):
        return [_said(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    said = {key: _said(part) for key, part in schema.items()}
    if isinstance(said.get("description"), str):
        said["description"] = cleandoc(said["description"])
    if said.get("type") == "string" and said.get("maxLength") == ID_CHARACTERS_MAX:
        said["not"] = _NO_CONTROL_CHARACTER
    if said.get("format") == "date-time":
        said["pattern"] = _TIME_PATTERN
    return said


def _named(schema: Schema, struct: type[Struct] | None) -> Schema:
    """Give each place of an array the name of its field; whose first place is the tag, if it has one."""
    if struct is None or "prefixItems" not in schema:
        return schema
    tag = struct.__struct_config__.tag
    names = list(struct.__struct_fields__)
    if tag is not None:
        names.insert(0, "schema_version" if isinstance(tag, int) else "type")
    places = [{"title": name, **place} for name, place in zip(names, schema["prefixItems"], strict=True)]
    return {**schema, "description": cleandoc(struct.__doc__ or ""), "prefixItems": places}


def structs_in(types: Sequence[Any]) -> dict[str, type[Struct]]:
    """Find every struct that types are made of, by name; the types' own first."""
    found: dict[str, type[Struct]] = {}

    def visit(kind: Any) -> None:  # noqa: ANN401  # any annotation
        if isinstance(kind, type) and issubclass(kind, Struct) and kind.__name__ not in found:
            found[kind.__name__] = kind
            for field in msgspec.structs.fields(kind):
                visit(field.type)
        for part in getattr(kind, "__args__", ()):
            visit(part)

    for one in types:
        visit(one)
    return found
