"""Headers of requests and answers, as the document tells them."""

from typing import Any, Final

from inventory_stream.gateway.admissions import ADMISSION_HEADER
from inventory_stream.gateway.idempotency import KEY_CHARACTERS_MAX, KEY_HEADER
from inventory_stream.gateway.outcomes import REPEAT_HEADER, VERSION_HEADER
from inventory_stream.gateway.prefer import APPLIED_HEADER
from inventory_stream.gateway.security.signatures import HEADER_CHARACTERS_MAX, SIGNATURE_HEADER

Json = dict[str, Any]

VERSION_PATTERN: Final = r"^[0-9]{1,15}:[0-9]{1,19}$"

_TEXT: Final[Json] = {"type": "string"}
_SECONDS: Final[Json] = {"type": "integer", "minimum": 0}

REQUEST_HEADERS: Final[dict[str, Json]] = {
    "IdempotencyKey": {
        "name": KEY_HEADER,
        "in": "header",
        "required": True,
        "description": "Any word that is new for each thing you want, and the same when you ask for it "
        "again: a repeat gets the one answer.",
        "schema": {
            "type": "string",
            "minLength": 1,
            "maxLength": KEY_CHARACTERS_MAX,
            "pattern": r"^[\x21-\x7e]+$",
        },
    },
    "Prefer": {
        "name": "Prefer",
        "in": "header",
        "description": "`wait=N` (RFC 7240): rather wait up to N seconds, as far as the gateway allows. "
        "Without an answer by then a single reserve is 202 with the address at which it will be, "
        "and all else 503.",
        "schema": _TEXT,
        "example": "wait=10",
    },
    "IfNoneMatch": {
        "name": "If-None-Match",
        "in": "header",
        "description": "The ETag of the answer that you have: 304 if it still stands.",
        "schema": _TEXT,
    },
    "MinVersion": {
        "name": VERSION_HEADER,
        "in": "header",
        "description": "The version that a write answered: the read shows it, or says 503.",
        "schema": {"type": "string", "pattern": VERSION_PATTERN},
    },
    "Admission": {
        "name": ADMISSION_HEADER,
        "in": "header",
        "description": "The admission of a waiting room, where the sale has one.",
        "schema": _TEXT,
    },
    "Signature": {
        "name": SIGNATURE_HEADER,
        "in": "header",
        "required": True,
        "description": "`t=<Unix seconds>,v1=<HMAC-SHA256 of them and the body>`: docs/http/payments.md.",
        "schema": {"type": "string", "maxLength": HEADER_CHARACTERS_MAX},
    },
    "LastEventId": {
        "name": "Last-Event-ID",
        "in": "header",
        "description": "The `id` of the last event heard; browsers send it by themselves.",
        "schema": _TEXT,
    },
}
"""Parameters by their name under `components.parameters`."""

ANSWER_HEADERS: Final[dict[str, Json]] = {
    "X-Request-Id": {
        "description": "The request's word in our log, or its own.",
        "schema": _TEXT,
    },
    "RateLimit-Policy": {"description": "How many requests a caller may make in how long.", "schema": _TEXT},
    "RateLimit": {"description": "How many are left, and when all are again.", "schema": _TEXT},
    "Retry-After": {"description": "Seconds to wait before the same request.", "schema": _SECONDS},
    "WWW-Authenticate": {"description": "How to prove who asks, or the scope that lacks.", "schema": _TEXT},
    "ETag": {"description": "What the answer shows, in a word.", "schema": _TEXT},
    "Cache-Control": {"description": "How long a cache may answer in our place.", "schema": _TEXT},
    "Location": {"description": "Where the thing is, or will be.", "schema": _TEXT},
    APPLIED_HEADER: {"description": "The wait that was heard, as it was bounded.", "schema": _TEXT},
    VERSION_HEADER: {
        "description": "The version of the SKU after this, where it moved units: for reads that show it.",
        "schema": {"type": "string", "pattern": VERSION_PATTERN},
    },
    REPEAT_HEADER: {"description": "`true`: decided before, and heard again.", "schema": _TEXT},
}
"""Headers of answers by name."""


def answer_headers(*names: str) -> Json:
    """Point at headers of answers, with those that every answer has."""
    every = ("X-Request-Id", "RateLimit-Policy", "RateLimit")
    return {name: {"$ref": f"#/components/headers/{name}"} for name in (*every, *names)}


def request_header(name: str) -> Json:
    """Point at a header of requests."""
    assert name in REQUEST_HEADERS  # noqa: S101  # a typing slip would give a dead reference
    return {"$ref": f"#/components/parameters/{name}"}
