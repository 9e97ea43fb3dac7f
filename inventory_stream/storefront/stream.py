"""Server-sent events as an async iterator that comes back by itself where it was."""

import asyncio
import random
from collections.abc import AsyncIterator, Mapping
from http import HTTPStatus
from typing import Final, NamedTuple

import aiohttp

from inventory_stream.storefront.calls import AGAIN, GatewayCalls, refusal

SILENCE_SECONDS_MAX: Final = 40.0
"""A stream that is silent for longer is dead: the gateway sends a heartbeat each 15 s."""
_BACK_OFF_SECONDS: Final = (0.2, 5.0)
_LINE_BYTES_MAX: Final = 65_536
_REFUSAL_BYTES_MAX: Final = 65_536


class Event(NamedTuple):
    """One event."""

    name: str
    data: str


async def events(calls: GatewayCalls, path: str, query: Mapping[str, str]) -> AsyncIterator[Event]:
    """Give events for ever, also over breaks of the line.

    Raises:
        Refused: the gateway does not let us listen.
    """
    last, failures = "", 0
    while True:
        try:
            headers = {"Accept": "text/event-stream", **({"Last-Event-ID": last} if last else {})}
            async with calls.session.get(
                path.removeprefix("/"),
                params=query,
                headers=headers,
                timeout=aiohttp.ClientTimeout(total=None, sock_read=SILENCE_SECONDS_MAX),
                max_line_size=_LINE_BYTES_MAX,
            ) as answer:
                if answer.status != HTTPStatus.OK:
                    content = await answer.content.read(_REFUSAL_BYTES_MAX)
                    if answer.status not in AGAIN:
                        raise refusal(answer.status, content)
                else:
                    async for event, id_ in _read(answer.content):
                        failures, last = 0, id_ or last
                        yield event
        except (aiohttp.ClientError, TimeoutError, ValueError):
            pass
        first, longest = _BACK_OFF_SECONDS
        # With jitter: a crowd that was cut off together must not come back together.
        await asyncio.sleep(min(longest, first * 2**failures) * random.uniform(0.5, 1.0))  # noqa: S311
        failures = min(failures + 1, 10)


async def _read(content: aiohttp.StreamReader) -> AsyncIterator[tuple[Event, str]]:
    """Give the events of one line with their ids; a line that is too long raises ValueError."""
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
        elif not field and not value:
            if data:
                yield Event(name, "\n".join(data)), id_
            name, id_, data = "message", "", []
