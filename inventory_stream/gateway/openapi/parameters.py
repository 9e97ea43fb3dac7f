"""Parameters of an endpoint: the words of its address, its query, its headers."""

import re
from typing import Final

from inventory_stream.gateway.endpoint import Endpoint
from inventory_stream.gateway.openapi.headers import Json, request_header
from inventory_stream.gateway.openapi.texts import TEXT_PATTERN
from models.ids import ID_CHARACTERS_MAX

_WORD: Final = re.compile(r"{([a-z_]+)}")
_WORDS: Final = re.compile(r"[A-Za-z0-9]+")
_ADMITTED: Final = ("/v1/reservations", "/v1/reservations:batch")
"""Addresses at which the admission of a waiting room counts."""

_MEANINGS: Final = {
    "reservation_id": "The reservation, as its answer named it.",
    "order_id": "The order.",
    "sku": "The SKU.",
    "sale_id": "The sale.",
    "ticket": "The ticket, as its answer named it.",
    "integration": "The integration, as the registry names it.",
}


def parameters_of(endpoint: Endpoint, schemas: Json) -> list[Json]:
    """Describe all parameters of an endpoint; `schemas` has the schema of its query by name."""
    found = path_parameters(endpoint.path)
    if endpoint.query is not None:
        found += query_parameters(schemas[endpoint.query.__name__])
    if endpoint.is_write:
        found += [request_header("IdempotencyKey"), request_header("Prefer")]
    if endpoint.is_signed and endpoint.body is not None:
        found.append(request_header("Signature"))
    if 304 in endpoint.answers:
        found.append(request_header("IfNoneMatch"))
        if "{sku}" in endpoint.path:
            found.append(request_header("MinVersion"))
    if endpoint.path in _ADMITTED and endpoint.method == "POST":
        found.append(request_header("Admission"))
    return found


def operation_id(method: str, path: str) -> str:
    """Name an operation: `postReservationsConfirm` for POST /v1/reservations/{reservation_id}/confirm."""
    words = _WORDS.findall(re.sub(r"^/v1/", "/", re.sub(r"\{([a-z_]+)\}", r"by-\1", path)))
    return method.lower() + "".join(word[:1].upper() + word[1:] for word in words)


def path_parameters(path: str) -> list[Json]:
    """Describe the words of an address; each could be an identifier."""
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": _MEANINGS.get(name, name.replace("_", " ").capitalize() + "."),
            "schema": {
                "type": "string",
                "minLength": 1,
                "maxLength": ID_CHARACTERS_MAX,
                "pattern": TEXT_PATTERN,
            },
        }
        for name in _WORD.findall(path)
    ]


def query_parameters(schema: Json) -> list[Json]:
    """Describe the fields of a query; a query cannot say null, so what may be null may be left out."""
    required = schema.get("required", ())
    return [
        {
            "name": name,
            "in": "query",
            "required": name in required,
            "schema": _without_null(field),
        }
        for name, field in schema["properties"].items()
    ]


def _without_null(field: Json) -> Json:
    kinds: list[Json] = [kind for kind in field.get("anyOf", ()) if kind != {"type": "null"}]
    schema = {key: value for key, value in field.items() if key != "anyOf"}
    if schema.get("default", ...) is None:
        del schema["default"]
    if len(kinds) == 1:
        return schema | kinds[0]
    return schema | ({"anyOf": kinds} if kinds else {})
