"""What can be done next with what an answer names: links from its ids to the operations that take them."""

import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

import msgspec

from inventory_stream.gateway.endpoint import Endpoint
from inventory_stream.gateway.openapi.headers import Json
from inventory_stream.gateway.openapi.parameters import operation_id

_WORD: Final = re.compile(r"{([a-z_]+)}")
_LINKED: Final = frozenset({"reservation_id", "order_id", "sale_id", "ticket"})
"""Words of addresses that only an answer tells; a SKU or a location the caller brings."""


def links_of(endpoint: Endpoint, status: int, endpoints: Sequence[Endpoint]) -> Json:
    """Give the links of one answer: of what was made, to every operation whose address it fills."""
    answer = endpoint.answers[status]
    if status != HTTPStatus.CREATED or answer is None:
        return {}
    told = {field.name for field in msgspec.structs.fields(answer)}
    links: Json = {}
    for other in endpoints:
        words = set(_WORD.findall(other.path))
        if words & _LINKED and words <= told:
            name = operation_id(other.method, other.path)
            links[name] = {
                "operationId": name,
                "parameters": {word: f"$response.body#/{word}" for word in sorted(words)},
            }
    return links
