"""What is no `Endpoint` and still part of the surface: streams."""

from typing import Any, Final

from inventory_stream.gateway.live.asked import LiveQuery
from inventory_stream.gateway.live.frames import LiveAvailability
from inventory_stream.gateway.openapi.answers import problem_responses
from inventory_stream.gateway.openapi.headers import Json, answer_headers, request_header
from inventory_stream.gateway.openapi.parameters import path_parameters, query_parameters

STREAM_TYPES: Final[tuple[type[Any], ...]] = (LiveAvailability, LiveQuery)
"""Types that only these paths name."""

_REFUSALS: Final = ("malformed", "too-many-requests", "not-ready")
_PROVEN: Final = ("not-authenticated", "not-allowed")

_EXAMPLE_EVENT: Final = """\
id: 0-1763800000000-4711
event: availability
data: {"sku":"SKU-1","available":3,"is_sold_out":false,"is_fresh":true,"version":"1763800000000:4711"}

"""


def stream_paths(schemas: Json) -> Json:
    """Describe the paths; `schemas` has the schema of each type by name."""
    return {
        "/v1/live": {"get": _events(schemas)},
        "/v1/live/ws": {"get": _socket()},
        "/v1/waiting-rooms/{sale_id}/tickets/{ticket}/events": {"get": _place()},
    }


def _events(schemas: Json) -> Json:
    return {
        "operationId": "getLive",
        "summary": "Hear what some SKUs show, and every change",
        "description": "Server-sent events: first what is, then what changes. Each `data` is a "
        "`LiveAvailability`, absolute, so that only the newest one of a SKU counts. The event is "
        "`stale` while the gateway does not hear the ledger. Comments come every 15 s. Needs the scope "
        "`storefront`.",
        "tags": ["live"],
        "parameters": [*query_parameters(schemas[LiveQuery.__name__]), request_header("LastEventId")],
        "responses": {
            "200": {
                "description": "A stream of events",
                "headers": answer_headers(),
                "content": {
                    "text/event-stream": {
                        "schema": {"type": "string", "description": "Events with this as `data`."},
                        "example": _EXAMPLE_EVENT,
                    }
                },
            }
        }
        | problem_responses((*_REFUSALS, *_PROVEN, "not-acceptable")),
        "x-event-data": {"$ref": f"#/components/schemas/{LiveAvailability.__name__}"},
    }


def _socket() -> Json:
    return {
        "operationId": "getLiveWs",
        "summary": "The same over a WebSocket, with what is followed changed on the way",
        "description": 'Send `{"type":"subscribe","skus":["SKU-1"],"channel":null,"since":""}` or '
        '`{"type":"unsubscribe","skus":["SKU-1"]}`; hear `{"type":"availability","id":"...","data":{...}}`. '
        "Needs the scope `storefront`.",
        "tags": ["live"],
        "responses": {"101": {"description": "A WebSocket", "headers": answer_headers()}}
        | problem_responses((*_REFUSALS, *_PROVEN)),
    }


def _place() -> Json:
    return {
        "operationId": "getWaitingRoomTicketEvents",
        "summary": "Hear how a ticket stands",
        "description": "Server-sent events named `place`; each `data` is what GET of the ticket answers.",
        "tags": ["waiting rooms"],
        "security": [],
        "parameters": path_parameters("/{sale_id}/{ticket}"),
        "responses": {
            "200": {
                "description": "A stream of events",
                "headers": answer_headers(),
                "content": {"text/event-stream": {"schema": {"type": "string"}}},
            }
        }
        | problem_responses((*_REFUSALS, "not-allowed", "not-found", "not-acceptable")),
    }
