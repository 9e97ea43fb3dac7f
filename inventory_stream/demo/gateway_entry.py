"""The customers' way in: over HTTP to several gateways, with one key for each thing that they want."""

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Mapping
from http import HTTPStatus
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

import aiohttp
import msgspec

from inventory_stream.demo.errors import DemoError
from inventory_stream.demo.heard import Heard, Request
from inventory_stream.gateway.idempotency import KEY_HEADER
from inventory_stream.gateway.problems import PROBLEM_BASE
from inventory_stream.storefront.calls import AGAIN, CALL_SECONDS_MAX

CONNECTIONS_MAX: Final = 128
"""To each gateway; who comes then waits, and the clock runs. A sale as it comes needs ten; an outage fills
them with requests that wait for the ledger."""

ANSWER_SECONDS_MAX: Final = 90.0
"""Longest time for all tries of one request: the bound of a test, not of a customer. A killed owner's
partition is decided again within the session timeout (6 s), 3 s and 4 s per million rows."""

LOOK_SECONDS: Final = 0.5
"""Between two looks whether a gateway that did not answer is ready again."""

AGAIN_SECONDS: Final = 1.0
"""Before a request that nobody could answer is sent again: what `Retry-After` says."""

_NOT_READY: Final = "not-ready"
_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode


class _Told(NamedTuple):
    status: int
    members: dict[str, Any]

    @property
    def slug(self) -> str:
        return str(self.members.get("type", "")).rpartition(PROBLEM_BASE)[2]


class Gateway(NamedTuple):
    """Where a gateway answers, and where it says whether it has read the ledger."""

    url: str
    ready_url: str

    async def is_ready(self) -> bool:
        """Ask it."""
        timeout = aiohttp.ClientTimeout(CALL_SECONDS_MAX)
        try:
            async with aiohttp.ClientSession(timeout=timeout) as session, session.get(self.ready_url) as told:
                return told.status == HTTPStatus.OK
        except (aiohttp.ClientError, TimeoutError):
            return False


class GatewayEntry:
    """Sends each request to the gateways in turn, and again with its key until one answers. `async with`.

    A gateway that does not answer gets nothing until it is ready again, as a balancer would do it.
    """

    def __init__(self, gateways: Mapping[str, Gateway], key: str) -> None:
        """Connect to nothing yet.

        Args:
            gateways: By their names.
            key: API key of all requests.
        """
        self._gateways = dict(gateways)
        self._headers = {"Authorization": f"Bearer {key}"}
        self._turns = itertools.cycle(self._gateways)
        self._away: dict[str, asyncio.Task[None]] = {}
        self._lines = {name: asyncio.Semaphore(CONNECTIONS_MAX) for name in self._gateways}
        self._session: aiohttp.ClientSession | None = None
        self.in_flight: Counter[str] = Counter()
        """Requests under way, by gateway."""
        self.not_answered = 0
        """Answers 503: the ledger did not decide in time, or a gateway was not ready."""

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            headers=self._headers,
            connector=aiohttp.TCPConnector(limit=0),  # bounded by our own lines
            timeout=aiohttp.ClientTimeout(CALL_SECONDS_MAX),
        )
        return self

    async def __aexit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for looking in self._away.values():
            looking.cancel()
        if self._session is not None:
            await self._session.close()

    async def ask(self, request: Request, due_seconds: float) -> Heard | None:
        """Ask until there is an answer; None: there was none in `ANSWER_SECONDS_MAX`."""
        cut = 0
        for tries in itertools.count(1):
            name = self._next()
            try:
                told = await self._once(name, request)
            except (aiohttp.ClientError, TimeoutError) as error:
                told = None
                # With nobody listening, nothing was under way.
                cut += not isinstance(error, aiohttp.ClientConnectorError)
            now = time.monotonic()
            if told is not None and told.status not in AGAIN:
                return _heard(request, told, tries, cut, due_seconds, now)
            if now - due_seconds > ANSWER_SECONDS_MAX:
                return None
            if told is not None:
                self.not_answered += 1
            if told is None or told.slug == _NOT_READY:
                self._leave(name)
            if (told is not None and told.slug != _NOT_READY) or len(self._away) == len(self._gateways):
                await asyncio.sleep(AGAIN_SECONDS)
        raise AssertionError("count ends never")

    async def post(self, path: str, key: str, body: Mapping[str, Any]) -> None:
        """Have a thing done that must be done.

        Raises:
            DemoError: it was refused, or nobody answered.
        """
        request = Request("", key, path, body)
        heard = await self.ask(request, time.monotonic())
        if heard is None or heard.status not in {HTTPStatus.OK, HTTPStatus.CREATED}:
            said = "nothing" if heard is None else f"{heard.status} {heard.outcome}"
            raise DemoError(f"POST {path} was answered {said}")

    async def _once(self, name: str, request: Request) -> _Told:
        assert self._session is not None, "used outside of its block"  # noqa: S101
        async with self._lines[name]:
            self.in_flight[name] += 1
            try:
                async with self._session.post(
                    self._gateways[name].url + request.path,
                    json=request.body,
                    headers={KEY_HEADER: request.key},
                ) as answer:
                    return _Told(answer.status, _decode(await answer.read()))
            finally:
                self.in_flight[name] -= 1

    def _next(self) -> str:
        """Give the next gateway that is there, or the next one where none is."""
        for _ in self._gateways:
            name = next(self._turns)
            if name not in self._away:
                return name
        return next(self._turns)

    def _leave(self, name: str) -> None:
        if name not in self._away:
            self._away[name] = asyncio.create_task(self._until_ready(name))

    async def _until_ready(self, name: str) -> None:
        await asyncio.sleep(LOOK_SECONDS)
        while not await self._gateways[name].is_ready():  # noqa: ASYNC110  # only asking tells
            await asyncio.sleep(LOOK_SECONDS)
        del self._away[name]


def _heard(
    request: Request, told: _Told, tries: int, cut: int, due_seconds: float, answered_seconds: float
) -> Heard:
    members = told.members
    return Heard(
        request,
        told.status,
        str(members.get("outcome") or told.slug),
        str(members.get("reservation_id", "")),
        int(members.get("moved_units", 0)),
        bool(members.get("is_early")),
        tries,
        cut,
        due_seconds,
        answered_seconds,
    )
