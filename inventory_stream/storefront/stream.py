"""Server-sent events as an async iterator that comes back by itself where it was."""

import asyncio
import random
from collections.abc import AsyncIterator, Mapping
from http import HTTPStatus
from typing import Final, NamedTuple

import aiohttp

from inventory_stream.storefront.calls import AGAIN, GatewayCalls, read_body, refusal

SILENCE_SECONDS_MAX: Final = 40.0
"""A stream that is silent for longer is dead: the gateway sends a heartbeat each 15 s."""
_BACK_OFF_SECONDS: Final = (0.2, 5.0)
_RETRY_SECONDS_MAX: Final = 30.0
"""Longest base of coming back that a gateway may ask for with `retry:`; it asks for 1 to 5 s."""
_LINE_BYTES_MAX: Final = 65_536
_REFUSAL_BYTES_MAX: Final = 65_536


class Event(NamedTuple):
    """One event."""

    name: str
    data: str


class _Return:
    """When and where a broken stream is taken up again: what the gateway asked for last."""

    def __init__(self) -> None:
        self.last_id = ""
        self.first_seconds, self._longest_seconds = _BACK_OFF_SECONDS
        self.failures = 0

    def retry(self, value: str) -> None:
        """Hear the field `retry:`, ms; what is no number counts nothing (HTML, 9.2.6)."""
        if value.isascii() and value.isdecimal():
            self.first_seconds = min(int(value) / 1_000, _RETRY_SECONDS_MAX)

    async def wait(self) -> None:
        """Wait for the next try, each time longer, until an event was heard."""
        longest = max(self._longest_seconds, self.first_seconds)
        # With jitter: a crowd that was cut off together must not come back together.
        await asyncio.sleep(min(longest, self.first_seconds * 2**self.failures) * random.uniform(0.5, 1.0))  # noqa: S311
        self.failures = min(self.failures + 1, 10)


async def events(calls: GatewayCalls, path: str, query: Mapping[str, str]) -> AsyncIterator[Event]:
    """Give events for ever, also over breaks of the line.

    Raises:
        Refused: the gateway does not let us listen.
    """
    back = _Return()
    while True:
        try:
            headers = {
                "Accept": "text/event-stream",
                **({"Last-Event-ID": back.last_id} if back.last_id else {}),
            }
            async with calls.session.get(
                path.removeprefix("/"),
                params=query,
                headers=headers,
                timeout=aiohttp.ClientTimeout(total=None, sock_read=SILENCE_SECONDS_MAX),
                max_line_size=_LINE_BYTES_MAX,
            ) as answer:
                if answer.status != HTTPStatus.OK:
                    content = await read_body(answer.content, _REFUSAL_BYTES_MAX)
                    if answer.status not in AGAIN:
                        raise refusal(answer.status, content)
                else:
                    async for event in _read(answer.content, back):
                        yield event
        except (aiohttp.ClientError, TimeoutError, ValueError):
            pass
        await back.wait()


async def _read(content: aiohttp.StreamReader, back: _Return) -> AsyncIterator[Event]:
    """Give the events of one line and note where it is; a line that is too long raises ValueError."""
    name, id_, data = "message", "", list[str]()
    async for line in content:
        field, _, value = line.decode("utf-8", "replace").rstrip("\r\n").partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            data.append(value)
        elif field == "event":
            name = value
        elif field == "id":
            id_ = value
        elif field == "retry":
            back.retry(value)
        elif not field and not value:
            if data:
                back.failures, back.last_id = 0, id_ or back.last_id
                yield Event(name, "\n".join(data))
            name, id_, data = "message", "", []
