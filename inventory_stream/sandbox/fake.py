"""What every fake channel is built on: one request, its budget, its faults, its place in the history."""

import asyncio
import gzip
import math
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import ClassVar, Final, Literal, NamedTuple

from aiohttp import web

from inventory_stream.sandbox.account import KEPT_BODY_BYTES_MAX, Done, FakeAccount, Seen, Set
from inventory_stream.sandbox.faults import Fault
from inventory_stream.sandbox.specs import Specs
from inventory_stream.sandbox.withheld import drip, hang, pour, reset

HUGE_BYTES: Final = 64 * 1024 * 1024
"""Of an answer that nobody should read to its end: sixteen times what an exchange takes."""

HANG_SECONDS_MAX: Final = 60.0
"""How long an answer is withheld from a client that waits: longer than any request's time."""

SKEW_MS: Final = 600_000
"""How far a skewed clock is ahead: twice what vendors allow (5 min)."""

_PAGE: Final = "<html><body>We will be back.</body></html>"
_GZIP: Final = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
_THROTTLED: Final = {
    Fault.THROTTLED,
    Fault.THROTTLED_SECONDS,
    Fault.THROTTLED_DATE,
    Fault.THROTTLED_PAST_DATE,
}


class Turn(NamedTuple):
    """One request in the hands of a fake. `now_ms` is the fake's clock, skewed when it is told so."""

    request: web.Request
    body: bytes
    now_ms: int
    claimed: set[str]


Work = Callable[[Turn], Awaitable[web.Response]]


@dataclass(frozen=True, slots=True)
class Entry:
    """What the integration registry must know of a fake. `secrets` are values: the config writes files.

    `places`: the channel's id of a place -> our location.
    """

    account: str
    secrets: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, object] = field(default_factory=dict)
    places: Mapping[str, str] = field(default_factory=dict)


class Happening(NamedTuple):
    """Something that the channel's shoppers did. `lines`: listing and units."""

    kind: Literal["sold", "cancelled", "refunded"]
    order_id: str
    lines: tuple[tuple[str, int], ...]
    at_ms: int


class Webhook(NamedTuple):
    """A delivery as the channel sends it."""

    headers: Mapping[str, str]
    body: bytes


class Fake(ABC):
    """One channel with one account. A subclass has the channel's routes, forms and signatures.

    `name` is the adapter's. `writes` tells a write from a read by method and path where POST alone does not.
    """

    name: ClassVar[str]
    verified_by: str | None = None
    """The vendor file that requests are validated by; None: only by what was written by hand."""

    def __init__(self, account: FakeAccount, specs: Specs) -> None:
        self.account = account
        self.specs = specs
        self.is_closing = asyncio.Event()
        self.url = ""
        """Its own address, once it is served."""
        self.skus: dict[str, str] = {}
        """Listing -> our SKU, for channels whose orders name SKUs."""

    @abstractmethod
    def routes(self, prefix: str) -> Sequence[web.RouteDef]:
        """Give the channel's addresses below `/<name>`."""

    @abstractmethod
    def entry(self) -> Entry:
        """Say how an integration reaches this account."""

    @classmethod
    @abstractmethod
    def listing_of(cls, number: int, sku: str, place: str | None) -> str:
        """Invent the listing id of the nth SKU at a place (its id at the channel), in the mapping's form."""

    def happened(self, happening: Happening, url: str) -> Sequence[Webhook]:
        """Give the deliveries of a happening, signed; none where the channel sends none."""
        del happening, url
        return ()

    def throttled(self, retry_after: str | None) -> web.Response:
        """Refuse for how often."""
        headers = {} if retry_after is None else {"Retry-After": retry_after}
        return web.json_response({"error": "too many requests"}, status=429, headers=headers)

    def unauthorised(self) -> web.Response:
        """Refuse for who asks."""
        return web.json_response({"error": "access token expired"}, status=401)

    def failed(self, status: int, headers: Mapping[str, str]) -> web.Response:
        """Answer as a server does that is in trouble."""
        return web.json_response({"error": "internal"}, status=status, headers=headers)

    def apply(self, turn: Turn, sets: Sequence[Set], *, is_whole: bool = False) -> list[Done]:
        """Apply items of a request, and see whether another request under way has one of them.

        `is_whole` as in `FakeAccount.apply`.
        """
        listings = {item.listing for item in sets}
        self.account.overlaps += len(listings & self.account.under_way)
        fresh = listings - self.account.under_way
        self.account.under_way |= fresh
        turn.claimed.update(fresh)
        return self.account.apply(sets, is_whole=is_whole)

    async def serve(
        self,
        request: web.Request,
        work: Work,
        *,
        is_write: bool,
        limit: str | None = None,
        cost: float = 1.0,
    ) -> web.StreamResponse:
        """Answer one request: faults that come first, the budget, the work, faults that come last."""
        account = self.account
        account.taken += 1
        body = await request.read()
        fault = account.faults.take_answer(is_write=is_write)
        skew = SKEW_MS if fault is Fault.CLOCK_SKEW else 0
        turn = Turn(request, body, account.now_ms() + skew, set())
        status = 0
        try:
            early = await self._before(request, fault)
            if early is None and limit is not None:
                early = self._over(limit, cost)
            if early is not None:
                status = early.status
                return early
            answer = await work(turn)
            if turn.claimed and account.work_seconds:
                await asyncio.sleep(account.work_seconds)
            late = await self._after(request, fault)
            status = (late or answer).status
            return late if late is not None else answer
        finally:
            account.under_way -= turn.claimed
            account.requests.append(_seen(request, turn, status, fault))

    def _over(self, limit: str, cost: float) -> web.Response | None:
        budget = self.account.budgets.get(limit)
        seconds = 0.0 if budget is None else budget.take(cost)
        return self.throttled(str(math.ceil(seconds))) if seconds else None

    async def _before(self, request: web.Request, fault: Fault | None) -> web.Response | None:
        if fault in _THROTTLED:
            return self.throttled(_retry_after(fault, self.account.now_ms() / 1_000))
        response: web.Response | None = None
        if fault is Fault.BUSY:
            response = self.failed(503, {"Retry-After": "1"})
        elif fault is Fault.SERVER_ERROR:
            response = self.failed(500, {})
        elif fault is Fault.TOKEN_EXPIRED:
            self.account.expire_tokens()
            response = self.unauthorised()
        elif fault is Fault.RESET_BEFORE:
            response = reset(request)
        elif fault is Fault.TIMEOUT_BEFORE:
            response = await hang(request, self._is_over())
        return response

    async def _after(self, request: web.Request, fault: Fault | None) -> web.StreamResponse | None:
        response: web.StreamResponse | None = None
        if fault is Fault.SERVER_ERROR_AFTER:
            response = self.failed(500, {})
        elif fault is Fault.RESET_AFTER:
            response = reset(request)
        elif fault is Fault.TIMEOUT_AFTER:
            response = await hang(request, self._is_over())
        elif fault is Fault.MALFORMED:
            response = web.Response(text='{"data": {"ok": tr', content_type="application/json")
        elif fault is Fault.HTML:
            response = web.Response(text=_PAGE, content_type="text/html")
        elif fault is Fault.HUGE:
            response = await pour(request, HUGE_BYTES)
        elif fault is Fault.GZIP_BOMB:
            packed = await asyncio.to_thread(gzip.compress, b" " * HUGE_BYTES, 9)
            response = web.Response(body=packed, headers=_GZIP)
        elif fault is Fault.SLOW:
            response = await drip(request, self._is_over())
        return response

    def _is_over(self) -> Callable[[], bool]:
        deadline = self.account.clock() + HANG_SECONDS_MAX
        return lambda: self.account.clock() > deadline or self.is_closing.is_set()

    def close(self) -> None:
        """Let nobody wait any more."""
        self.is_closing.set()
        self.account.close()


def _retry_after(fault: Fault | None, now_seconds: float) -> str | None:
    if fault is Fault.THROTTLED_SECONDS:
        return "1"
    if fault is Fault.THROTTLED_DATE:
        return formatdate(now_seconds + 2, usegmt=True)
    if fault is Fault.THROTTLED_PAST_DATE:
        return formatdate(now_seconds - 60, usegmt=True)
    return None


def _seen(request: web.Request, turn: Turn, status: int, fault: Fault | None) -> Seen:
    return Seen(
        turn.now_ms,
        request.method,
        request.path,
        request.query_string,
        {name.lower(): value for name, value in request.headers.items()},
        turn.body[:KEPT_BODY_BYTES_MAX],
        status,
        fault or "",
    )
