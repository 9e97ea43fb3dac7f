import asyncio
import gzip
import socket
import ssl
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from email.utils import formatdate

import pytest
import trustme
from aiohttp.abc import AbstractResolver, ResolveResult

from inventory_stream.adapters.channels.bounded import ANSWER_BYTES_MAX, RETRY_AFTER_MS_MAX, retry_at
from inventory_stream.adapters.channels.exchange import USER_AGENT, Exchange, Exchanges
from inventory_stream.ports.channel import ChannelError, Result
from tests.contract.channel_suite import RecordingPace

NOW_MS = 1_700_000_000_000
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def exchange_with(
    serve: Serve, *, seconds: float = 5.0
) -> AsyncIterator[tuple[Exchange, RecordingPace]]:
    """Speak to a server that answers by hand."""
    writers: list[asyncio.StreamWriter] = []

    async def kept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        await serve(reader, writer)

    server = await asyncio.start_server(kept, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    exchanges, pace = Exchanges(lambda: NOW_MS, allow_loopback=True), RecordingPace()
    try:
        yield exchanges.of(f"http://127.0.0.1:{port}/base", pace=pace, request_seconds=seconds), pace
    finally:
        await exchanges.close()
        for writer in writers:
            writer.close()
        server.close()
        await server.wait_closed()


def answering(*answers: bytes, requests: list[bytes] | None = None) -> Serve:
    """Give each request on a connection the next answer."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            head = await reader.readuntil(b"\r\n\r\n")
            if requests is not None:
                requests.append(head)
            writer.write(answer)
            await writer.drain()

    return serve


def http(status: str, body: bytes = b"", *headers: str) -> bytes:
    """Write an answer."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


async def failure(exchange: Exchange, limit: str | None = "writes") -> ChannelError:
    """Give what a request fails by."""
    with pytest.raises(ChannelError) as failed:
        await exchange.send("PUT", "/stock", limit=limit)
    return failed.value


def date_in(seconds: int) -> str:
    """Write a date of HTTP, so many seconds from now."""
    return formatdate(NOW_MS / 1_000 + seconds, usegmt=True)


async def test_a_request_is_sent_as_it_was_said() -> None:
    """Path and query are sent byte for byte, after a token was taken, with our name on it."""
    requests: list[bytes] = []
    serve = answering(http("200 OK", b'{"a":1}', "X-Left: 3"), requests=requests)
    async with exchange_with(serve) as (exchange, pace):
        answer = await exchange.send(
            "GET", "/a%2Fb", limit="reads", cost=2.5, params={"q": "x y/&"}, headers={"A": "b"}
        )
    assert requests[0].startswith(b"GET /base/a%2Fb?q=x%20y%2F%26 HTTP/1.1\r\n")
    assert f"User-Agent: {USER_AGENT}".encode() in requests[0]
    assert (answer.status, answer.headers["x-left"], answer.json()) == (200, "3", {"a": 1})
    assert pace.taken == [("reads", 2.5)]


async def test_no_token_is_taken_for_a_push() -> None:
    """The sender took it."""
    async with exchange_with(answering(http("204 No Content"))) as (exchange, pace):
        await exchange.send("PUT", "/stock", limit=None)
    assert pace.taken == []


@pytest.mark.parametrize(
    ("status", "result"),
    [
        ("500 Internal Server Error", Result.RETRYABLE),
        ("502 Bad Gateway", Result.RETRYABLE),
        ("503 Service Unavailable", Result.RETRYABLE),
        ("504 Gateway Timeout", Result.AMBIGUOUS),
        ("401 Unauthorized", Result.AUTH),
        ("429 Too Many Requests", Result.THROTTLED),
        ("302 Found", Result.RETRYABLE),
    ],
)
async def test_a_status_has_its_class(status: str, result: Result) -> None:
    """What counts for every channel is decided once; a redirection is followed nowhere."""
    serve = answering(http(status, b"", "Location: http://127.0.0.1:1/"))
    async with exchange_with(serve) as (exchange, _):
        assert (await failure(exchange)).result is result


@pytest.mark.parametrize(
    "status", ["200 OK", "207 Multi-Status", "400 Bad Request", "404 Not Found", "410 Gone"]
)
async def test_other_answers_are_the_adapters_to_read(status: str) -> None:
    """2xx and the rest of 4xx say something that only the adapter understands."""
    async with exchange_with(answering(http(status, b"no"))) as (exchange, _):
        answer = await exchange.send("PUT", "/stock", limit=None)
    assert (answer.status, answer.body) == (int(status[:3]), b"no")


@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Service Unavailable"])
async def test_a_refusal_for_how_often_is_told_to_the_pace(status: str) -> None:
    """The pace hears it with the time; a 503 counts as one if it says when."""
    async with exchange_with(answering(http(status, b"", "Retry-After: 7"))) as (exchange, pace):
        error = await failure(exchange)
    assert (error.result, error.retry_at_ms) == (Result.THROTTLED, NOW_MS + 7_000)
    assert pace.told == [("writes", NOW_MS + 7_000)]


@pytest.mark.parametrize(
    ("retry_after", "date", "wait_ms"),
    [
        ("30", None, 30_000),
        ("0", None, 0),
        ("99999999999999999999", None, RETRY_AFTER_MS_MAX),
        (date_in(60), None, 60_000),
        (date_in(-60), None, 0),
        (date_in(86_400), None, RETRY_AFTER_MS_MAX),
        # The channel's clock is an hour ahead: its own date says how long it means.
        (
            formatdate(NOW_MS / 1_000 + 3_660, usegmt=True),
            formatdate(NOW_MS / 1_000 + 3_600, usegmt=True),
            60_000,
        ),
        ("soon", None, None),
        ("-5", None, None),
        ("1.5", None, None),
        ("Fri, 99 Foo 2026 00:00:00 GMT", None, None),
        ("", None, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(retry_after: str, date: str | None, wait_ms: int | None) -> None:
    """Both forms, past and future, at most 15 minutes; what cannot be read says nothing."""
    headers = {"retry-after": retry_after} | ({} if date is None else {"date": date})
    assert retry_at(headers, NOW_MS) == (None if wait_ms is None else NOW_MS + wait_ms)


async def test_a_server_that_is_not_there_took_nothing() -> None:
    """Refused before a byte left: the same again may be sent."""
    exchanges = Exchanges(lambda: NOW_MS, allow_loopback=True)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    exchange = exchanges.of(f"http://127.0.0.1:{port}", pace=RecordingPace(), request_seconds=2)
    error = await failure(exchange)
    await exchanges.close()
    assert (error.result, error.code) == (Result.RETRYABLE, "no-connection")


async def test_a_connection_that_is_never_taken_is_given_up_in_time() -> None:
    """A server whose TLS never answers took nothing, and holds nobody longer than the request's bound."""

    async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with exchange_with(silent) as (plain, _):
        exchanges = Exchanges(lambda: NOW_MS, allow_loopback=True)
        assert plain._base_url is not None
        url = plain._base_url.replace("http:", "https:")
        secure = exchanges.of(url, pace=RecordingPace(), request_seconds=0.2)
        error = await failure(secure)
        await exchanges.close()
    assert (error.result, error.code) == (Result.RETRYABLE, "no-connection-in-time")


async def test_a_server_that_is_not_who_it_says_hears_nothing() -> None:
    """A certificate that nobody vouches for ends the connection before the request, and its code says why."""
    requests: list[bytes] = []
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    server = await asyncio.start_server(
        answering(http("200 OK"), requests=requests), "127.0.0.1", 0, ssl=context
    )
    port = server.sockets[0].getsockname()[1]
    exchanges = Exchanges(lambda: NOW_MS, allow_loopback=True)
    exchange = exchanges.of(f"https://127.0.0.1:{port}", pace=RecordingPace(), request_seconds=5)
    error = await failure(exchange)
    await exchanges.close()
    server.close()
    await server.wait_closed()
    assert (error.result, error.code) == (Result.RETRYABLE, "certificate-refused")
    assert requests == []


class Nameless(AbstractResolver):
    """Knows no name."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """See the base class."""
        raise OSError(f"{host}:{port} {family}")

    async def close(self) -> None:
        """See the base class."""


async def test_a_name_that_nobody_knows_is_said() -> None:
    """An entry with a wrong name is told from a server that is down."""
    exchanges = Exchanges(lambda: NOW_MS, resolver=Nameless())
    error = await failure(exchanges.of("https://shop.example", pace=RecordingPace(), request_seconds=2))
    await exchanges.close()
    assert (error.result, error.code) == (Result.RETRYABLE, "no-such-name")


async def test_an_answer_that_does_not_come_is_ambiguous() -> None:
    """Once the request may have left, nobody knows what was done."""

    async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with exchange_with(silent, seconds=0.2) as (exchange, _):
        error = await failure(exchange)
    assert (error.result, error.code) == (Result.AMBIGUOUS, "no-answer-in-time")


async def test_a_request_into_a_connection_that_closes_is_ambiguous_and_sent_once() -> None:
    """A kept connection that ends under a request may have taken it: nothing is sent again unseen."""
    requests: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(http("200 OK"))
        requests.append(await reader.readuntil(b"\r\n\r\n"))
        writer.transport.abort()

    async with exchange_with(serve) as (exchange, _):
        await exchange.send("PUT", "/stock", limit=None)
        error = await failure(exchange)
    assert (error.result, error.code) == (Result.AMBIGUOUS, "cut-off")
    assert len(requests) == 2


async def test_an_answer_that_is_cut_is_ambiguous() -> None:
    """Half a body is no answer."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"a":')
        await writer.drain()
        writer.close()

    async with exchange_with(serve) as (exchange, _):
        assert (await failure(exchange)).result is Result.AMBIGUOUS


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 20_000 + b"\r\n\r\n",
        b"HTTP/1.1 twohundred\r\n\r\n",
        b"\x16\x03\x01\x02\x00",
    ],
)
async def test_what_is_no_http_is_ambiguous(head: bytes) -> None:
    """A server that answers nonsense has had the request."""
    async with exchange_with(answering(head), seconds=0.5) as (exchange, _):
        assert (await failure(exchange)).result is Result.AMBIGUOUS


async def test_an_answer_is_read_up_to_its_bound() -> None:
    """The bound itself is read, one byte more is not."""
    async with exchange_with(answering(http("200 OK", b"x" * ANSWER_BYTES_MAX))) as (exchange, _):
        assert len((await exchange.send("GET", "/", limit=None)).body) == ANSWER_BYTES_MAX
    async with exchange_with(answering(http("200 OK", b"x" * (ANSWER_BYTES_MAX + 1)))) as (exchange, _):
        error = await failure(exchange)
    assert (error.result, error.code) == (Result.AMBIGUOUS, "answer-too-large")


@pytest.mark.parametrize(("encoding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
async def test_a_packed_answer_is_unpacked_up_to_the_same_bound(
    encoding: str, pack: Callable[[bytes], bytes]
) -> None:
    """Packed bodies are read; a bomb ends at the bound, never in memory."""
    header = f"Content-Encoding: {encoding}"
    async with exchange_with(answering(http("200 OK", pack(b'{"a":1}'), header))) as (exchange, _):
        assert (await exchange.send("GET", "/", limit=None)).json() == {"a": 1}
    bomb = pack(b"\0" * (ANSWER_BYTES_MAX * 8))
    assert len(bomb) < ANSWER_BYTES_MAX / 100
    async with exchange_with(answering(http("200 OK", bomb, header))) as (exchange, _):
        tracemalloc.start()
        assert (await failure(exchange)).code == "answer-too-large"
        _, most_bytes = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert most_bytes < ANSWER_BYTES_MAX * 4


@pytest.mark.parametrize(("encoding", "code"), [("gzip", "unreadable"), ("br", "encoding-unknown")])
async def test_what_cannot_be_unpacked_is_ambiguous(encoding: str, code: str) -> None:
    """A body that is not what its header says is no answer."""
    serve = answering(http("200 OK", b"no gzip", f"Content-Encoding: {encoding}"))
    async with exchange_with(serve) as (exchange, _):
        error = await failure(exchange)
    assert (error.result, error.code) == (Result.AMBIGUOUS, code)


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"a":', b"\xff\xfe", b"[" * 200_000])
async def test_a_body_that_is_no_json_is_ambiguous(body: bytes) -> None:
    """2xx with something else in it is never a success, however deep it is."""
    async with exchange_with(answering(http("200 OK", body))) as (exchange, _):
        answer = await exchange.send("GET", "/", limit=None)
    with pytest.raises(ChannelError) as failed:
        answer.json()
    assert (failed.value.result, failed.value.code) == (Result.AMBIGUOUS, "unreadable")


async def test_a_secret_with_a_line_end_is_refused_unsent_and_unshown() -> None:
    """A header that would become two is never sent, and the error does not quote it."""
    async with exchange_with(answering(http("200 OK"))) as (exchange, _):
        with pytest.raises(ChannelError) as failed:
            await exchange.send("GET", "/", limit=None, headers={"Authorization": "s3cret\r\nX: y"})
    assert failed.value.result is Result.PERMANENT
    assert "s3cret" not in repr(failed.value)
    assert failed.value.__cause__ is None


class Rebinding(AbstractResolver):
    """Names that point to another place at each look."""

    def __init__(self, *addresses: str) -> None:
        self._addresses = list(addresses)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """See the base class."""
        address = self._addresses.pop(0)
        return [ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=0)]

    async def close(self) -> None:
        """See the base class."""


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "169.254.169.254"])
async def test_a_name_that_points_into_our_network_is_not_connected_to(address: str) -> None:
    """DNS rebinding gains nothing: the address of each connection is looked at, not that of the check."""
    exchanges = Exchanges(lambda: NOW_MS, resolver=Rebinding(address))
    exchange = exchanges.of("https://shop.example:8443", pace=RecordingPace(), request_seconds=2)
    error = await failure(exchange)
    await exchanges.close()
    assert (error.result, error.code) == (Result.RETRYABLE, "address-refused")


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:8080", "https://127.0.0.1", "http://shop.example", "https://10.0.0.1", "nowhere"],
)
async def test_where_no_channel_may_be_is_never_asked(url: str) -> None:
    """What an adapter was told by a vendor or an entry is looked at like any address; no token is spent."""
    exchanges, pace = Exchanges(lambda: NOW_MS), RecordingPace()
    error = await failure(exchanges.of(url, pace=pace, request_seconds=2))
    await exchanges.close()
    assert (error.result, error.code) == (Result.RETRYABLE, "address-refused")
    assert pace.taken == []


async def test_cookies_are_not_kept() -> None:
    """Accounts of one process share nothing, least of all a session."""
    requests: list[bytes] = []
    serve = answering(http("200 OK", b"", "Set-Cookie: a=b"), http("200 OK"), requests=requests)
    async with exchange_with(serve) as (exchange, _):
        await exchange.send("GET", "/", limit=None)
        await exchange.send("GET", "/", limit=None)
    assert b"Cookie" not in requests[1]
