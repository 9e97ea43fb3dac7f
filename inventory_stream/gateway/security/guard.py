"""Everything between the network and the endpoints: built from the settings, hung into the app."""

import hmac
import math
from collections.abc import Iterable
from http import HTTPStatus
from typing import Final, Self

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from inventory_stream.errors import SettingsError
from inventory_stream.gateway.customers import CustomerHasher
from inventory_stream.gateway.endpoint import Caller
from inventory_stream.gateway.problems import Problem
from inventory_stream.gateway.security import buckets
from inventory_stream.gateway.security.authenticator import Authenticator, not_authenticated
from inventory_stream.gateway.security.browsers import Browsers
from inventory_stream.gateway.security.buckets import Buckets, Taken
from inventory_stream.gateway.security.client_address import ClientAddresses
from inventory_stream.gateway.security.jwks import KeySet
from inventory_stream.gateway.security.jwks_sources import from_address, from_file
from inventory_stream.gateway.security.key_file import KeyFileError
from inventory_stream.gateway.security.key_ring import KeyRing
from inventory_stream.gateway.security.streams import Streams
from inventory_stream.gateway.security.tokens import TokenReader
from inventory_stream.settings import GatewaySettings, variable

WEBHOOKS: Final = "/v1/webhooks/"
"""Addresses below this are called by channels: many calls from few addresses, each proven by a signature."""

_WHO: Final = web.RequestKey("who", object)
"""The proven caller, or the problem with what was sent; nothing where nothing was sent."""


class Guard:
    """Knows callers, counts requests, tells browsers.

    One look for each request, before its endpoint: a caller that is proven takes from the bucket of its
    key; everybody else, and who uses a public key, from the bucket of the address. A false credential is
    found out only while its address has something left, so that trying costs little of our time.
    """

    def __init__(self, settings: GatewaySettings, authenticator: Authenticator) -> None:
        """Build the buckets; see `of`."""
        self._authenticator = authenticator
        self._addresses = ClientAddresses(settings.proxies)
        self._browsers = Browsers(settings.origins, is_tls=settings.tls_cert_file is not None)
        self._by_key = Buckets(settings.key_requests_per_second)
        self._by_address = Buckets(settings.client_requests_per_second)
        self._by_customer = Buckets(settings.customer_requests_per_second)
        self._by_integration = Buckets(settings.webhook_requests_per_second)
        self._streams = Streams(settings.streams_per_client_max)

    @classmethod
    def of(cls, settings: GatewaySettings) -> Self:
        """Build it from the settings.

        Raises:
            SettingsError: the key file cannot be used.
        """
        keys: KeyRing | None = None
        if settings.api_keys_file is not None:
            try:
                keys = KeyRing(settings.api_keys_file)
            except KeyFileError as error:
                raise SettingsError(f"gateway.api_keys_file = {error}") from None
        return cls(settings, Authenticator(keys, _token_reader(settings)))

    def attach(self, app: web.Application) -> None:
        """Have every answer carry what browsers need; `middleware` goes into the app beside it."""
        app.on_response_prepare.append(self._browsers.add_headers)

    async def authenticate(self, request: web.Request) -> Caller:
        """Say who asks; what `app.Authenticate` wants, and what streams call themselves.

        Raises:
            Problem: `not-authenticated`, or `not-ready` without the issuer's keys.
        """
        who = request.get(_WHO)
        if isinstance(who, Caller):
            return who
        if isinstance(who, Problem):
            raise who
        raise not_authenticated("send `Authorization: Bearer <key or token>`", is_invalid=False)

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let a request through to its endpoint, or refuse it: `too-many-requests`, `not-allowed`."""
        preflight = self._browsers.preflight(request)
        if preflight is not None:
            return preflight
        self._browsers.check_socket(request)
        if request.path.startswith(WEBHOOKS):
            return await self._of_channel(request, handler)
        shown = await self._admit(request)
        response = await handler(request)
        if not response.prepared:
            response.headers.update(shown)
        return response

    def admit_customer(self, customer: str) -> None:
        """Count one request of a customer, given as its hash.

        Raises:
            Problem: `too-many-requests`.
        """
        _check("customer", self._by_customer.take(customer))

    def admit_integration(self, name: str) -> None:
        """Count one genuine delivery of an integration.

        Raises:
            Problem: `too-many-requests`.
        """
        _check("integration", self._by_integration.take(name))

    def counting(self, routes: Iterable[web.RouteDef]) -> tuple[web.RouteDef, ...]:
        """Bound the streams that an address has open, each counted as long as its handler runs.

        A proven key that is not public has as many as it wants: a shop's server relays those of many. Beyond
        the bound the handler is not called, and the answer is `too-many-requests`.
        """
        return tuple(
            web.RouteDef(route.method, route.path, self._counted(route.handler), route.kwargs)
            for route in routes
        )

    def _counted(self, handle: Handler) -> Handler:
        async def counted(request: web.Request) -> web.StreamResponse:
            who = request.get(_WHO)
            if isinstance(who, Caller) and not who.is_public:
                return await handle(request)
            with self._streams.holding(self._addresses.of(request)):
                return await handle(request)

        return counted

    async def _of_channel(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let a channel call: what is proven counts for its integration, what is refused for the address."""
        address = self._addresses.of(request)
        if self._by_address.is_empty(address):
            _check("client", self._by_address.take(address))
        try:
            return await handler(request)
        except Problem as problem:
            if problem.kind.status < HTTPStatus.TOO_MANY_REQUESTS:
                self._by_address.take(address)
            raise

    async def _admit(self, request: web.Request) -> dict[str, str]:
        """Find out who asks and count the request; gives the headers of the limit that is nearest."""
        header = request.headers.get(hdrs.AUTHORIZATION)
        who: Caller | Problem | None = None
        if header is not None:
            who = self._authenticator.remembered(header)
            if who is None:
                who = await self._prove(request, header)
            request[_WHO] = who
        if isinstance(who, Caller):
            by_key = _check("key", self._by_key.take(who.name, who.requests_per_second))
            if not who.is_public:
                return buckets.headers("key", by_key)
        return buckets.headers("client", _check("client", self._by_address.take(self._addresses.of(request))))

    async def _prove(self, request: web.Request, header: str) -> Caller | Problem:
        address = self._addresses.of(request)
        if self._by_address.is_empty(address):
            _check("client", self._by_address.take(address))
        try:
            return await self._authenticator.prove(header)
        except Problem as problem:
            return problem


class LimitedCustomers:
    """A `CustomerHasher` that counts: for endpoints at which a shopper acts."""

    def __init__(self, hasher: CustomerHasher, guard: Guard) -> None:
        self._hasher = hasher
        self._guard = guard

    def hash(self, customer: str) -> str:
        """Give the customer's hash.

        Raises:
            Problem: `too-many-requests`, this customer asks too often.
        """
        hashed = self._hasher.hash(customer)
        self._guard.admit_customer(hashed)
        return hashed


def customer_hasher(settings: GatewaySettings) -> CustomerHasher:
    """Build what hides customers.

    Raises:
        SettingsError: there is no secret.
    """
    if settings.customer_key is None:
        raise SettingsError(
            "gateway.customer_key is not set: without it customers would stand in the ledger as they are; "
            f"set {variable(('gateway', 'customer_key'))} to the output of `openssl rand -hex 32`, the same "
            "for all gateways"
        )
    return CustomerHasher(settings.customer_key_id, settings.customer_key)


def id_secret(settings: GatewaySettings) -> bytes:
    """Give the secret by which ids follow from keys: of `token_key`, else of `customer_key`."""
    secret = settings.token_key or settings.customer_key
    assert secret is not None  # noqa: S101  # without `customer_key` there is no gateway, see above
    # Not the key itself, which signs other things; and blake2b takes no key of more than 64 bytes.
    return hmac.digest(secret.get_secret_value().encode(), b"ids of requests", "sha256")


def _token_reader(settings: GatewaySettings) -> TokenReader | None:
    if settings.jwks_url is not None:
        fetch = from_address(settings.jwks_url)
    elif settings.jwks_file is not None:
        fetch = from_file(settings.jwks_file)
    else:
        return None
    return TokenReader(
        KeySet(fetch),
        issuer=settings.jwt_issuer or "",  # the settings see to it that both are there
        audience=settings.jwt_audience or "",
        leeway_seconds=settings.jwt_leeway_seconds,
        is_of_shoppers=settings.jwt_customer_is_subject,
    )


def _check(policy: str, taken: Taken) -> Taken:
    if not taken.is_granted:
        retry_after = max(1, math.ceil(taken.retry_after_seconds))
        raise Problem(
            "too-many-requests",
            f"the {policy} may make {taken.limit // buckets.BURST_SECONDS} requests a second; wait "
            f"{retry_after} s",
            headers={"Retry-After": str(retry_after), **buckets.headers(policy, taken)},
        )
    return taken
