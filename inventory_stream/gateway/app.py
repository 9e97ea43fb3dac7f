"""Endpoints become an aiohttp application: who asks, what is asked, one form for every refusal."""

import itertools
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import msgspec
import structlog
from aiohttp import web
from aiohttp.typedefs import Handler as AiohttpHandler
from aiohttp.typedefs import Middleware
from msgspec import Struct

from inventory_stream.errors import RetryableError
from inventory_stream.gateway.decode import body_of, check_acceptable, path_of, query_of, raw_body_of
from inventory_stream.gateway.endpoint import Call, Caller, Endpoint, Reply, Scope
from inventory_stream.gateway.idempotency import check_key, hidden_key
from inventory_stream.gateway.key_notes import KeyNotes, bound
from inventory_stream.gateway.prefer import APPLIED_HEADER, wait_seconds_of
from inventory_stream.gateway.problems import Problem
from inventory_stream.gateway.security.audit import Auditor
from inventory_stream.gateway.security.authenticator import require_scope
from inventory_stream.gateway.security.public import not_for_public
from inventory_stream.ports.access import SILENT_ACCESS, AccessMonitor
from inventory_stream.ports.desk import NotAnsweredError

log = structlog.get_logger(__name__)

Authenticate = Callable[[web.Request], Awaitable[Caller]]
"""Says who asks, or raises the problem `not-authenticated` or `too-many-requests`."""

REQUEST_ID_HEADER: Final = "X-Request-Id"
RETRY_AFTER_SECONDS: Final = 1
"""What a 503 asks for: an owner that was killed is replaced within seconds, and earlier only adds load."""

_OTHER: Final = "other"
_NOBODY: Final = Caller("nobody", frozenset())
_REQUEST_ID: Final = re.compile(r"[\x21-\x7e]{1,128}")
_REQUEST_ID_KEY: Final = web.RequestKey("request_id", str)
_APPLIED_KEY: Final = web.RequestKey("preference_applied", str)
_RETRY: Final = {"Retry-After": str(RETRY_AFTER_SECONDS)}
_encode: Final = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may take; see `GatewaySettings`."""

    request_bytes_max: int = 1_048_576
    request_seconds_max: float = 10.0
    wait_seconds_max: float = 30.0


async def nobody_may(_request: web.Request) -> Caller:
    """Let nobody in: what stands where no keys and no tokens are known."""
    raise Problem("not-authenticated", "this gateway knows no keys and no tokens: set gateway.api_keys_file")


def new_app(  # noqa: PLR0913  # all by name, and most left out by most
    endpoints: Iterable[Endpoint],
    routes: Iterable[web.RouteDef] = (),
    *,
    authenticate: Authenticate = nobody_may,
    limits: Limits = Limits(),  # frozen
    monitor: AccessMonitor = SILENT_ACCESS,
    middlewares: Sequence[Middleware] = (),
    auditor: Auditor | None = None,
    id_secret: bytes = b"",
    key_notes: KeyNotes | None = None,
) -> web.Application:
    """Build the application; nothing listens yet.

    Args:
        endpoints: All of them.
        routes: Plain handlers for what is not one request and one answer: streams, pages.
        authenticate: Says who asks, wherever an endpoint has a scope.
        limits: What one request may take.
        monitor: Hears of each answer.
        middlewares: Between the outermost, which gives every refusal its form, and the endpoints.
        auditor: Puts admin acts on record; None: for tests of anything else.
        id_secret: By which ids follow from keys, the same for all gateways; empty: for tests.
        key_notes: Know what a key was first used for; None: for tests of anything else.
    """
    app = web.Application(
        client_max_size=limits.request_bytes_max, middlewares=[_answering(monitor), *middlewares]
    )
    for endpoint in endpoints:
        handler = _handler(endpoint, authenticate, limits, auditor, id_secret, key_notes)
        if endpoint.method == "GET":
            app.router.add_get(endpoint.path, handler)  # HEAD comes with it
        else:
            app.router.add_route(endpoint.method, endpoint.path, handler)
    app.add_routes(routes)
    return app


def problem_response(problem: Problem) -> web.Response:
    """Give a refusal its form (RFC 9457)."""
    return web.Response(
        body=_encode(problem.document()),
        status=problem.kind.status,
        headers={
            "Cache-Control": "no-store",
            "Content-Type": "application/problem+json",
            **problem.headers,
        },
    )


def unreadable(reason: str) -> web.Response:
    """Refuse what is no HTTP, or has a line or a header beyond 8 KB: no endpoint is found in it."""
    response = problem_response(Problem("malformed", f"the request cannot be read: {reason[:200]}"))
    response.headers["Server"] = "inventory-stream"  # as `security.browsers` says it of all other answers
    return response


def _handler(
    endpoint: Endpoint,
    authenticate: Authenticate,
    limits: Limits,
    auditor: Auditor | None,
    id_secret: bytes,
    key_notes: KeyNotes | None,
) -> AiohttpHandler:
    act, scope, body_kind, query_kind = (
        _acting(endpoint, auditor),
        endpoint.scope,
        endpoint.body,
        endpoint.query,
    )
    is_write, seconds_max = endpoint.is_write, limits.request_seconds_max
    is_closed_to_public = is_write and not endpoint.is_public

    async def answer(request: web.Request) -> web.Response:
        check_acceptable(request)
        caller = _NOBODY
        if scope is not None:
            caller = await authenticate(request)
            require_scope(caller, scope)
            if is_closed_to_public and caller.is_public:
                raise not_for_public(endpoint.summary)
        path = path_of(request)
        query = query_of(request, query_kind)
        key = ""
        if is_write:
            given = check_key(request.headers, is_public=caller.is_public)
            key = hidden_key(id_secret, caller.name, given)
        wait_seconds = wait_seconds_of(request.headers, limits.wait_seconds_max) if is_write else None
        if wait_seconds is not None:
            request[_APPLIED_KEY] = f"wait={wait_seconds:g}"
        body: Struct | bytes | None = None
        if endpoint.is_signed:
            body = await raw_body_of(request, seconds_max=seconds_max, is_any_type=body_kind is None)
        elif body_kind is not None:
            body = await body_of(request, body_kind, seconds_max=seconds_max)
        if is_write and key_notes is not None:
            binding = key_notes.binding(key, endpoint.method, request.raw_path, body)
            call = Call(caller, path, query, body, request.headers, key, wait_seconds, binding.bind)
            reply = await bound(binding, lambda: act(request, call), binds_late=endpoint.binds_late)
        else:
            reply = await act(request, Call(caller, path, query, body, request.headers, key, wait_seconds))
        if reply.body is None:
            return web.Response(status=reply.status, headers=reply.headers)
        # As a header, because aiohttp parses and builds it anew where it is an argument.
        headers = {"Content-Type": "application/json", **reply.headers}
        return web.Response(body=_encode(reply.body), status=reply.status, headers=headers)

    return answer


def _acting(endpoint: Endpoint, auditor: Auditor | None) -> Callable[[web.Request, Call], Awaitable[Reply]]:
    """Give what has a call answered, and put on record where it is an admin act."""
    handle = endpoint.handle
    if auditor is None or endpoint.scope is not Scope.ADMIN or endpoint.method == "GET":
        return lambda _request, call: handle(call)

    def act(request: web.Request, call: Call) -> Awaitable[Reply]:
        return auditor.witness(
            caller=call.caller.name,
            act=f"{endpoint.method} {endpoint.path}",
            subject=request.path,
            request_id=request[_REQUEST_ID_KEY],
            do=lambda: handle(call),
        )

    return act


def _answering(monitor: AccessMonitor) -> Middleware:
    # One word per process and a number: unique, and cheaper than 16 random bytes for each request.
    process, numbers = secrets.token_hex(6), itertools.count(1)

    @web.middleware
    async def answering(request: web.Request, handler: AiohttpHandler) -> web.StreamResponse:
        began = time.perf_counter()
        given = request.headers.get(REQUEST_ID_HEADER)
        request_id = given if given and _REQUEST_ID.fullmatch(given) else f"{process}-{next(numbers)}"
        request[_REQUEST_ID_KEY] = request_id
        try:
            response = await handler(request)
        except Problem as problem:
            response = problem_response(problem)
        except web.HTTPException as error:
            response = _of_http(error)
        except RetryableError as error:
            slug = "not-answered" if isinstance(error, NotAnsweredError) else "not-ready"
            response = problem_response(Problem(slug, str(error), headers=_RETRY))
        except Exception:  # a bug in one endpoint must not end the others
            log.exception("request_failed", endpoint=_name(request), request_id=request_id)
            response = problem_response(
                Problem("failed", "this is a fault of the gateway; its log has it under the request id")
            )
        if not response.prepared:
            response.headers[REQUEST_ID_HEADER] = request_id
            if _APPLIED_KEY in request:
                response.headers[APPLIED_HEADER] = request[_APPLIED_KEY]
            if "Cache-Control" not in response.headers:
                response.headers["Cache-Control"] = "no-store"
        monitor.answered(_name(request), response.status, time.perf_counter() - began)
        return response

    return answering


def _name(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return _OTHER if resource is None else f"{request.method} {resource.canonical}"


def _of_http(error: web.HTTPException) -> web.StreamResponse:
    """Give what aiohttp itself refuses our form; what is no refusal (a redirect, a page) stays."""
    headers: Mapping[str, str] = {}
    if error.status == HTTPStatus.NOT_FOUND:
        problem = Problem("not-found", "there is no such address")
    elif error.status == HTTPStatus.METHOD_NOT_ALLOWED:
        headers = {"Allow": error.headers.get("Allow", "")}
        problem = Problem("method-not-allowed", f"this address takes {headers['Allow']}", headers=headers)
    elif error.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        problem = Problem("too-large", "the body is larger than allowed")
    elif error.status >= HTTPStatus.BAD_REQUEST:
        problem = Problem("malformed", error.reason)
    else:
        return error
    return problem_response(problem)
