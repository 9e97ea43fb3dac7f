"""One HTTP exchange with a channel: bounded in time and bytes, its failures classified."""

from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Final, NamedTuple
from urllib.parse import quote, urlencode

import aiohttp
import msgspec
from aiohttp.abc import AbstractResolver
from yarl import URL

from inventory_stream.adapters.channels.addresses import AddressRefusedError, checked_socket, why_refused
from inventory_stream.adapters.channels.bounded import content_of, retry_at
from inventory_stream.ports.channel import UNREADABLE, ChannelError, Pace, Result

CONNECT_SECONDS_MAX: Final = 5.0
"""Longest wait for a connection. A channel that does not take one within it is down; nothing was sent yet, so
trying again costs nothing."""

IDLE_CONNECTION_SECONDS: Final = 4.0
"""How long an unused connection is kept: common servers close theirs after 5 s (Node.js) or more, and a
request sent into a closing one is ambiguous."""

CONNECTIONS_MAX: Final = 256
"""Most connections of a process: 20 accounts, each with the 4 to 10 requests at once that channels allow."""

USER_AGENT: Final = f"inventory-stream/{version('inventory-stream')} (Language=Python)"
"""What every channel sees of us; Amazon demands a language, Clover demands one at all."""


ADDRESS_REFUSED: Final = "address-refused"
"""Code of what is never asked, for where it is. Nothing is lost by waiting until somebody mends the entry."""


class Answer(NamedTuple):
    """An answer of 2xx or 4xx. Header names are in lower case; the body is whole and unpacked."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_success(self) -> bool:
        """Say whether it is 2xx."""
        return 200 <= self.status < 300

    def json(self) -> object:
        """Read the body.

        Raises:
            ChannelError: it is no JSON: nobody can say what the channel did (AMBIGUOUS, `unreadable`).
        """
        try:
            return msgspec.json.decode(self.body)
        except (ValueError, RecursionError):
            raise ChannelError(Result.AMBIGUOUS, UNREADABLE) from None


class _UnansweredError(Exception):
    """The connection ended before an answer.

    aiohttp would send some requests again by itself. It must not: a repeat costs a token, and the channel may
    have taken the first.
    """


class _Sending:
    """What became of one request: whether a byte of it may have left."""

    __slots__ = ("may_have_left",)

    def __init__(self) -> None:
        self.may_have_left = False


class Exchanges:
    """Makes the connections of all accounts of a process."""

    def __init__(
        self,
        now_ms: Callable[[], int],
        *,
        allow_loopback: bool = False,
        resolver: AbstractResolver | None = None,
    ) -> None:
        """Open nothing yet.

        Args:
            now_ms: Says when a channel may be asked again.
            allow_loopback: `channels.allow_loopback`.
            resolver: Names -> addresses; None: the system's, in a thread.
        """
        self._now_ms = now_ms
        self._allow_loopback = allow_loopback
        self._resolver = resolver
        self._session: aiohttp.ClientSession | None = None

    def of(self, base_url: str, *, pace: Pace, request_seconds: float) -> "Exchange":
        """Give the way to a server.

        Args:
            base_url: Absolute, without a slash at its end. One that no channel may have (addresses.py) is
                never asked: its requests end with the code `address-refused`.
            pace: Of the account.
            request_seconds: Bounds one exchange, from the token that was had to the last byte of the answer.
        """
        why = why_refused(base_url, allow_loopback=self._allow_loopback)
        return Exchange(self._opened, base_url if why is None else None, pace, request_seconds, self._now_ms)

    async def close(self) -> None:
        """Close all connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            trace = aiohttp.TraceConfig()
            trace.on_request_headers_sent.append(_note_headers)
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=CONNECTIONS_MAX,
                    keepalive_timeout=IDLE_CONNECTION_SECONDS,
                    resolver=self._resolver or aiohttp.ThreadedResolver(),
                    socket_factory=checked_socket(allow_loopback=self._allow_loopback),
                ),
                # What a channel would have us keep is nothing of ours, and accounts must not share it.
                cookie_jar=aiohttp.DummyCookieJar(),
                # Unpacked here, where the result is bounded.
                auto_decompress=False,
                headers={"User-Agent": USER_AGENT, "Accept-Encoding": "gzip"},
                middlewares=(_never_again,),
                trace_configs=[trace],
            )
        return self._session


class Exchange:
    """Requests to one server for one account."""

    def __init__(
        self,
        session: Callable[[], aiohttp.ClientSession],
        base_url: str | None,
        pace: Pace,
        request_seconds: float,
        now_ms: Callable[[], int],
    ) -> None:
        self._session = session
        self._base_url = None if base_url is None else base_url.rstrip("/")
        self._pace = pace
        self._request_seconds = request_seconds
        self._now_ms = now_ms

    async def send(  # noqa: PLR0913  # all but two by name
        self,
        method: str,
        path: str,
        *,
        limit: str | None,
        cost: float = 1.0,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        body: bytes | None = None,
        seconds: float | None = None,
        keeps_429: bool = False,
    ) -> Answer:
        """Ask once.

        Args:
            method: In capitals.
            path: From the base on, with its slash; already percent-encoded, and sent as it is.
            limit: Whose tokens are taken before, from the account's pace, and which hears of a 429. None for
                a push: its sender took them, and hears of it by the ends.
            cost: Tokens.
            headers: Besides our own.
            params: Of the query, encoded here.
            body: As it is.
            seconds: Bounds this one instead.
            keeps_429: Give a 429 as an answer, for channels that say only in its body for how long.

        Returns:
            An answer of 2xx or of 4xx, but for 401 and, if not asked for, 429.

        Raises:
            ChannelError: RETRYABLE (no connection, 5xx, redirected), AMBIGUOUS (sent, and no whole answer),
                THROTTLED (429, or 503 with Retry-After), AUTH (401).
        """
        if self._base_url is None:
            raise ChannelError(Result.RETRYABLE, ADDRESS_REFUSED)
        if limit is not None:
            await self._pace.take(limit, cost)
        sending = _Sending()
        try:
            async with self._session().request(
                method,
                URL(self._base_url + path + _query(params), encoded=True),
                headers=headers,
                data=body,
                allow_redirects=False,
                timeout=_bound(self._request_seconds if seconds is None else seconds),
                trace_request_ctx=sending,
            ) as response:
                if response.status != 429 or not keeps_429:
                    self._see_status(response, limit)
                content = await content_of(response)
                return Answer(response.status, _lower(response.headers), content)
        except (aiohttp.ClientError, _UnansweredError, TimeoutError, OSError) as error:
            # Without the cause: it quotes the URL, and some channels want their token in it.
            raise _failed(error, sending) from None
        except ValueError:
            raise ChannelError(Result.PERMANENT, "request-not-valid") from None

    def _see_status(self, response: aiohttp.ClientResponse, limit: str | None) -> None:
        status, headers = response.status, response.headers
        code = f"http-{status}"
        if status == 429 or (status == 503 and "Retry-After" in headers):
            retry_at_ms = retry_at(_lower(headers), self._now_ms())
            if limit is not None:
                self._pace.throttled(limit, retry_at_ms)
            raise ChannelError(Result.THROTTLED, code, retry_at_ms)
        if status == 401:
            raise ChannelError(Result.AUTH, code)
        if status == 504:  # a gateway gave up waiting: the server behind it may still apply what it has
            raise ChannelError(Result.AMBIGUOUS, code)
        if status >= 500 or 300 <= status < 400:
            raise ChannelError(Result.RETRYABLE, code)


def _bound(seconds: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=seconds, sock_connect=min(seconds, CONNECT_SECONDS_MAX))


def _query(params: Mapping[str, str] | None) -> str:
    return "?" + urlencode(params, quote_via=quote, safe="") if params else ""


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _failed(error: Exception, sending: _Sending) -> ChannelError:
    if _is_refused(error):
        return ChannelError(Result.RETRYABLE, ADDRESS_REFUSED)
    late = isinstance(error, TimeoutError)
    if sending.may_have_left:
        return ChannelError(Result.AMBIGUOUS, "no-answer-in-time" if late else "cut-off")
    return ChannelError(Result.RETRYABLE, "no-connection-in-time" if late else _why_unconnected(error))


def _why_unconnected(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "no-such-name"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return "certificate-refused"
    return "no-connection"


def _is_refused(error: BaseException) -> bool:
    inner = getattr(error, "os_error", error)
    return isinstance(inner, AddressRefusedError)


async def _note_headers(
    _session: aiohttp.ClientSession, context: object, _params: aiohttp.TraceRequestHeadersSentParams
) -> None:
    """Hear that the next thing is to write."""
    sending = getattr(context, "trace_request_ctx", None)
    if isinstance(sending, _Sending):
        sending.may_have_left = True


async def _never_again(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    try:
        return await handler(request)
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise _UnansweredError from error
