"""The OpenAPI 3.1 document of the whole HTTP surface."""

from collections.abc import Iterable, Sequence
from importlib.metadata import version
from typing import Any, Final

import msgspec
from msgspec import Struct

from inventory_stream.gateway.endpoint import Endpoint
from inventory_stream.gateway.live.asked import LiveQuery
from inventory_stream.gateway.openapi.answers import PROBLEM, responses_of, shared_problems
from inventory_stream.gateway.openapi.examples import EXAMPLES
from inventory_stream.gateway.openapi.headers import ANSWER_HEADERS, REQUEST_HEADERS, Json
from inventory_stream.gateway.openapi.parameters import operation_id, parameters_of
from inventory_stream.gateway.openapi.streams import STREAM_TYPES, stream_paths
from inventory_stream.gateway.openapi.texts import printable

_REF: Final = "#/components/schemas/{name}"

_DESCRIPTION: Final = """\
Stock and reservations for shops: nobody is promised a unit that is not there.

Every write takes an `Idempotency-Key`: send the same request with the same key again, after a timeout, a 503
or a crash, and you get the one answer. Refusals are problem details (RFC 9457) with a `type` that is part of
this contract. Fields may be added to answers; requests with unknown fields are refused.
"""

TAGS: Final = {
    "reservations": "Units held for a shopper, and what becomes of them.",
    "orders": "Orders of many lines, whole or in part.",
    "payments": "What payment providers tell.",
    "webhooks": "What channels tell: marketplaces, shops, tills.",
    "availability": "What can be sold, where, through which channel, when.",
    "skus": "What happened to a SKU.",
    "stores": "The nearest places that have it.",
    "live": "Changes as they come.",
    "graphql": "The same reads as one question.",
    "waiting rooms": "A fair line before a sale.",
    "sales": "Units set apart for a sale, and its limits.",
    "channels": "What each channel is shown, and what it has for itself.",
    "places": "Locations, their groups, their days.",
    "stock": "What happened to stock: counts, adjustments, sales at tills.",
    "transfers": "Stock on its way from one place to another.",
    "incoming": "Stock that is expected.",
}
"""What each tag holds, in the order of the page."""


def document(endpoints: Iterable[Endpoint]) -> Json:
    """Build the document.

    Args:
        endpoints: All that are served. Streams are described here beside them.
    """
    described = sorted(endpoints, key=lambda endpoint: (endpoint.path, endpoint.method))
    refs, schemas, queries = _schemas(described)
    paths: Json = {}
    for endpoint in described:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(
            endpoint, refs, queries, described
        )
    for path, item in stream_paths(queries).items():
        paths.setdefault(path, {}).update(item)
    responses = shared_problems(paths)
    used = {operation["tags"][0] for item in paths.values() for operation in item.values()}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "inventory_stream",
            "version": version("inventory-stream"),
            "summary": "One answer to: how many can I still sell, where?",
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": TAGS.get(name, name)} for name in _ordered(used)],
        "security": [{"bearer": []}],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": {"Problem": PROBLEM, **schemas},
            "parameters": REQUEST_HEADERS,
            "headers": ANSWER_HEADERS,
            "responses": responses,
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An API key (`inventory-stream keys create`) or a JWT of the issuer that "
                    "the settings name; each has scopes: storefront, stock, admin.",
                }
            },
        },
    }


def _operation(
    endpoint: Endpoint, refs: dict[type[Any], Json], queries: Json, endpoints: Sequence[Endpoint]
) -> Json:
    operation: Json = {
        "operationId": operation_id(endpoint.method, endpoint.path),
        "summary": endpoint.summary,
        "description": _told(endpoint),
        "tags": [endpoint.tag],
        "parameters": parameters_of(endpoint, queries),
        "responses": responses_of(endpoint, refs, endpoints),
    }
    if endpoint.scope is None:
        operation["security"] = []
    if endpoint.body is not None:
        content: Json = {"schema": refs[endpoint.body]}
        if endpoint.body in EXAMPLES:
            content["example"] = EXAMPLES[endpoint.body]
        operation["requestBody"] = {
            "required": _must_be_sent(endpoint.body),
            "content": {"application/json": content},
        }
    elif endpoint.is_signed:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": {}}}}
    return operation


def _told(endpoint: Endpoint) -> str:
    told = f"{endpoint.summary}."
    if endpoint.scope is not None:
        told += f" Needs the scope `{endpoint.scope.value}`."
    return told


def _must_be_sent(body: type[Struct]) -> bool:
    """Say whether a body may not be left out: a type with a default for each field may."""
    return any(field.required for field in msgspec.structs.fields(body))


def _schemas(endpoints: Sequence[Endpoint]) -> tuple[dict[type[Any], Json], Json, Json]:
    """Give references by type, the schemas that are referred to, and those of queries by name."""
    kinds: dict[type[Any], None] = dict.fromkeys(STREAM_TYPES)
    queries: dict[str, None] = {LiveQuery.__name__: None}
    for endpoint in endpoints:
        for kind in (endpoint.body, endpoint.query, *endpoint.answers.values()):
            if kind is not None:
                kinds[kind] = None
        if endpoint.query is not None:
            queries[endpoint.query.__name__] = None
    refs, schemas = msgspec.json.schema_components(list(kinds), ref_template=_REF)
    schemas = {name: printable(schema) for name, schema in sorted(schemas.items())}
    shown = {name: schema for name, schema in schemas.items() if name not in queries}
    return dict(zip(kinds, refs, strict=True)), shown, {name: schemas[name] for name in queries}


def _ordered(tags: set[str]) -> list[str]:
    return [*(tag for tag in TAGS if tag in tags), *sorted(tags.difference(TAGS))]
