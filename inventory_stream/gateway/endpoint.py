"""What an endpoint of the API is: one description that serves routing, decoding and the OpenAPI document."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from msgspec import Struct


class Scope(StrEnum):
    """What a caller may do. Each scope stands alone: a key or a token lists all that it has."""

    STOREFRONT = "storefront"
    """Reserve, confirm, release and read, as a shop does for its shoppers."""
    STOCK = "stock"
    """State stock: adjust, count, transfer, fulfil, return."""
    ADMIN = "admin"
    """Open and close sales, set limits and policies. Each act leaves an audit row."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, as far as it was proven. `name` is the key's id or the token's subject, never a secret.

    `requests_per_second` is the key's own rate, None: the setting's. `is_public`: the key or token is in the
    hands of shoppers, see `security/public.py`. `customer`: whom alone it may act for; None: any.
    """

    name: str
    scopes: frozenset[Scope]
    channel: str | None = None
    requests_per_second: int | None = None
    is_public: bool = False
    customer: str | None = None


async def _binds_nothing() -> None:
    """Bind no key."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request, decoded and allowed.

    `body` and `query` are of the endpoint's own types, None where it has none; the body of a signed endpoint
    is its bytes. `path` has the decoded words of the address. Header names are compared without regard to
    case. `key` stands for the caller's Idempotency-Key in ids, see `idempotency.hidden_key`. `wait_seconds`:
    how long the caller of a write would rather wait, bounded; None: it does not say. `bind` is for endpoints
    with `binds_late`.
    """

    caller: Caller
    path: Mapping[str, str]
    query: Any
    body: Any
    headers: Mapping[str, str]
    key: str = ""
    wait_seconds: float | None = None
    bind: Callable[[], Awaitable[None]] = _binds_nothing


@dataclass(frozen=True, slots=True)
class Reply:
    """What an endpoint answers: a struct that becomes JSON (None: no body)."""

    status: int
    body: Struct | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


class Handler(Protocol):
    """Answers one call, or raises `problems.Problem`."""

    def __call__(self, call: Call, /) -> Awaitable[Reply]:
        """Answer."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One method of one address.

    `path` is in aiohttp's form (`/v1/reservations/{reservation_id}`). `scope` None: open to all.
    `answers` are the types of its good answers by status, `problems` the slugs of `problems.KINDS` that it
    may answer beyond those that every endpoint may. `is_write`: takes an Idempotency-Key, and is closed to
    public keys unless `is_public`.
    `binds_late`: the handler itself binds the key, by `Call.bind` right before anything is sent, as it
    refuses more often than it asks.
    `is_signed`: a signature over the body is checked by the handler, which therefore gets its bytes;
    without a `body`, bytes of any media type.
    """

    method: str
    path: str
    handle: Handler
    summary: str
    tag: str
    answers: Mapping[int, type[Struct] | None]
    scope: Scope | None = Scope.STOREFRONT
    body: type[Struct] | None = None
    query: type[Struct] | None = None
    problems: tuple[str, ...] = ()
    is_write: bool = False
    is_public: bool = False
    binds_late: bool = False
    is_signed: bool = False


EndpointsOf = Callable[[], tuple[Endpoint, ...]]
"""What a module of routes gives, as the method `endpoints` of its class."""
