"""Calls of the gateway: bounded, retried under one key, refusals as `Refused`."""

from collections.abc import Mapping
from typing import Any, Final, TypeVar

import aiohttp
import msgspec
import stamina

from inventory_stream.errors import RetryableError
from inventory_stream.storefront.answers import Problem, Refused, Unreachable

T = TypeVar("T")

AGAIN: Final = frozenset({408, 425, 429, 502, 503, 504})
"""Answers after which the same request may succeed."""
CALL_SECONDS_MAX: Final = 5.0
"""Longest wait for one answer; a gateway answers within 2 s or says 503."""
_WAIT_SECONDS_MAX: Final = 5.0
_ANSWER_BYTES_MAX: Final = 16 * 1_048_576
_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError)


class _TryAgainError(RetryableError):
    """An answer after which to ask again, by the server's own wish not before `after_seconds`."""

    def __init__(self, said: str, after_seconds: float, refused: Refused | None) -> None:
        super().__init__(said)
        self.after_seconds = after_seconds
        self.refused = refused


class GatewayCalls:
    """One gateway, or several behind one address."""

    def __init__(self, base: str, key: str, *, attempts: int, within_seconds: float) -> None:
        """Connect to nothing yet.

        Args:
            base: Address, as `https://stock.example`.
            key: API key or token.
            attempts: Tries of one request in all.
            within_seconds: Longest time for all of them.
        """
        self._base = base.rstrip("/")
        self._attempts = attempts
        self._within_seconds = within_seconds
        self._headers = {"Authorization": f"Bearer {key}", "Accept": "application/json"}
        self._open: aiohttp.ClientSession | None = None

    @property
    def session(self) -> aiohttp.ClientSession:
        """The connections, opened by the first call; a stream brings its own bound."""
        if self._open is None or self._open.closed:
            self._open = aiohttp.ClientSession(
                self._base + "/",
                headers=self._headers,
                timeout=aiohttp.ClientTimeout(CALL_SECONDS_MAX),
            )
        return self._open

    async def close(self) -> None:
        """Let go of the connections."""
        if self._open is not None:
            await self._open.close()

    async def get(self, path: str, kind: type[T], query: Mapping[str, str] | None = None) -> T:
        """Read.

        Raises:
            Refused: the gateway says no. Unreachable: nobody answered.
        """
        return await self._call("GET", path, kind, query, None, {})

    async def post(
        self, path: str, kind: type[T], body: Mapping[str, Any], key: str, headers: Mapping[str, str]
    ) -> T:
        """Write under an Idempotency-Key; raises as `get`."""
        return await self._call("POST", path, kind, None, body, {"Idempotency-Key": key, **headers})

    async def _call(
        self,
        method: str,
        path: str,
        kind: type[T],
        query: Mapping[str, str] | None,
        body: Mapping[str, Any] | None,
        headers: Mapping[str, str],
    ) -> T:
        try:
            async for attempt in stamina.retry_context(
                on=_how_soon,
                attempts=self._attempts,
                timeout=self._within_seconds,
                wait_max=_WAIT_SECONDS_MAX,
            ):
                with attempt:
                    return await self._once(method, path, kind, query, body, headers)
        except _TryAgainError as error:
            if error.refused is not None:
                raise error.refused from None
            raise Unreachable(f"the gateway at {self._base} does not answer: {error}") from error
        raise AssertionError("a retry ends by an answer or a fault")

    async def _once(
        self,
        method: str,
        path: str,
        kind: type[T],
        query: Mapping[str, str] | None,
        body: Mapping[str, Any] | None,
        headers: Mapping[str, str],
    ) -> T:
        try:
            async with self.session.request(
                method, path.removeprefix("/"), params=query, json=body, headers=headers
            ) as answer:
                content = await read_body(answer.content, _ANSWER_BYTES_MAX)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise _TryAgainError(repr(error), 0.0, None) from error
        if answer.ok:
            try:
                return msgspec.json.decode(content, type=kind)
            except _UNREADABLE as error:
                raise _TryAgainError(f"its answer cannot be read: {error}", 0.0, None) from error
        refused = refusal(answer.status, content)
        if answer.status in AGAIN:
            raise _TryAgainError(str(refused), _seconds(answer.headers.get("Retry-After")), refused)
        raise refused


async def read_body(content: aiohttp.StreamReader, bytes_max: int) -> bytes:
    """Read a body to its end, however its pieces arrive, or as far as it may go."""
    body = bytearray()
    while len(body) < bytes_max:
        part = await content.read(bytes_max - len(body))
        if not part:
            break
        body += part
    return bytes(body)


def refusal(status: int, content: bytes) -> Refused:
    """Read a refusal; whoever stands between may answer in a form of its own."""
    try:
        members = msgspec.json.decode(content, type=dict[str, Any])
        return Refused(status, msgspec.convert(members, Problem), members)
    except _UNREADABLE:
        return Refused(status, Problem(), {})


def _how_soon(error: Exception) -> bool | float:
    """Say whether to ask again: as soon as the server wishes, else by the usual back-off."""
    if not isinstance(error, _TryAgainError):
        return False
    return min(error.after_seconds, _WAIT_SECONDS_MAX) or True


def _seconds(retry_after: str | None) -> float:
    # It may be a date, which no gateway of ours sends: the usual back-off then.
    return float(retry_after) if retry_after is not None and retry_after.isdecimal() else 0.0
