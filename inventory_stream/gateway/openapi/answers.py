"""Answers of an endpoint: the good ones by status, and the problems that it may answer."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Any, Final

from inventory_stream.gateway.endpoint import Endpoint
from inventory_stream.gateway.openapi.headers import Json, answer_headers
from inventory_stream.gateway.openapi.links import links_of
from inventory_stream.gateway.problems import KINDS, PROBLEM_BASE

PROBLEM_TYPE: Final = "application/problem+json"

_EVERY: Final = ("malformed", "not-acceptable", "too-many-requests", "not-ready")
_WITH_SCOPE: Final = ("not-authenticated", "not-allowed")
_WITH_BODY: Final = ("too-slow", "too-large", "media-type")

PROBLEM: Final[Json] = {
    "type": "object",
    "description": "A refusal (RFC 9457). The page at `type` tells what it means; some have more members.",
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string", "description": "What is wrong here, and the way out."},
    },
    "required": ["type", "title", "status", "detail"],
}

_TITLES: Final = {
    200: "Done",
    201: "Made",
    202: "Not decided yet: ask at Location",
    204: "Done, and nothing to tell",
    207: "Done in part: each line tells",
    304: "What you have still stands",
}


def problems_of(endpoint: Endpoint) -> tuple[str, ...]:
    """Name every kind of problem that an endpoint may answer."""
    slugs = [*_EVERY, *endpoint.problems]
    if "{" in endpoint.path:
        slugs.append("not-found")
    if endpoint.scope is not None:
        slugs += _WITH_SCOPE
    if endpoint.body is not None:
        slugs += _WITH_BODY
    return tuple(dict.fromkeys(slugs))


def responses_of(endpoint: Endpoint, refs: dict[type[Any], Json], endpoints: Sequence[Endpoint]) -> Json:
    """Describe all answers of an endpoint; `refs` has a reference to each type's schema, `endpoints` all."""
    good = {}
    for status, body in sorted(endpoint.answers.items()):
        answer: Json = {
            "description": _TITLES.get(status, HTTPStatus(status).phrase),
            "headers": answer_headers(*_headers_of(endpoint, status)),
        }
        if body is not None:
            answer["content"] = {"application/json": {"schema": refs[body]}}
        if links := links_of(endpoint, status, endpoints):
            answer["links"] = links
        good[str(status)] = answer
    return good | problem_responses(problems_of(endpoint))


def problem_responses(slugs: Iterable[str]) -> Json:
    """Describe problems, those of one status together."""
    by_status: defaultdict[int, list[str]] = defaultdict(list)
    for slug in slugs:
        by_status[KINDS[slug].status].append(slug)
    return {str(status): _problem(status, sorted(kinds)) for status, kinds in sorted(by_status.items())}


def shared_problems(paths: Json) -> Json:
    """Put each problem response that several operations have into one place, and point at it; gives those."""
    names: dict[str, str] = {}
    shared: Json = {}
    counts: Counter[str] = Counter()
    for item in paths.values():
        for operation in item.values():
            responses = operation["responses"]
            for status in [status for status in responses if status >= "400"]:
                key = repr(responses[status])
                if key not in names:
                    counts[status] += 1
                    names[key] = f"Problem{status}-{counts[status]}"
                    shared[names[key]] = responses[status]
                responses[status] = {"$ref": f"#/components/responses/{names[key]}"}
    return dict(sorted(shared.items()))


def _problem(status: int, slugs: list[str]) -> Json:
    names = ("Retry-After",) if status in {429, 503} else ()
    names = ("WWW-Authenticate",) if status in {401, 403} else names
    kinds = {"properties": {"type": {"enum": [PROBLEM_BASE + slug for slug in slugs]}}}
    plain: Json = {}
    if status == HTTPStatus.BAD_REQUEST:
        plain["text/plain"] = {
            "schema": {
                "type": "string",
                "description": "What is no HTTP, or has an address or a header of more than 8,190 bytes, is "
                "refused before any endpoint, in plain words.",
            }
        }
    return {
        "description": "; ".join(f"`{slug}`: {KINDS[slug].title}" for slug in slugs),
        "headers": answer_headers(*names),
        "content": {
            PROBLEM_TYPE: {
                "schema": {"allOf": [{"$ref": "#/components/schemas/Problem"}, kinds]},
                "example": {
                    "type": PROBLEM_BASE + slugs[0],
                    "title": KINDS[slugs[0]].title,
                    "status": status,
                    "detail": "what is wrong here, and the way out",
                },
            },
            **plain,
        },
    }


def _headers_of(endpoint: Endpoint, status: int) -> list[str]:
    names = []
    if 304 in endpoint.answers:
        names += ["ETag", "Cache-Control"]
    if endpoint.is_write:
        names += ["Inventory-Version", "Idempotent-Replay", "Preference-Applied"]
    if status in {201, 202}:
        names.append("Location")
    return names
