"""What is believed of an answer's outside: when to come again, and a body up to a bound."""

import zlib
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Final

import aiohttp

from inventory_stream.ports.channel import ENCODING_UNKNOWN, TOO_LARGE, UNREADABLE, ChannelError, Result

ANSWER_BYTES_MAX: Final = 4 * 1024 * 1024
"""Most bytes of an answer, unpacked. The largest that is asked for, a read back of 1,000 counts, has 300 KB;
a process with 20 accounts that all misbehave at once stays below 100 MB."""

RETRY_AFTER_MS_MAX: Final = 15 * 60 * 1000
"""Longest pause that a channel may ask for (channels.md, section 3, point 7): a header that says a year must
not end an account."""


def retry_at(headers: Mapping[str, str], now_ms: int) -> int | None:
    """Read Retry-After, seconds or an HTTP date: the time (ms) from which on the channel may be asked again.

    A date is compared with the answer's own `Date`, so that a channel's wrong clock does no harm; one that is
    past means now. At most `RETRY_AFTER_MS_MAX` away. None: it says nothing that can be read. Names of
    `headers` are in lower case.
    """
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdecimal():
        return now_ms + min(int(text[:9]) * 1000, RETRY_AFTER_MS_MAX)
    at_ms = _date_ms(text)
    if at_ms is None:
        return None
    theirs_ms = _date_ms(headers.get("date", ""))
    wait_ms = at_ms - (now_ms if theirs_ms is None else theirs_ms)
    return now_ms + max(0, min(wait_ms, RETRY_AFTER_MS_MAX))


def _date_ms(text: str) -> int | None:
    try:
        return int(parsedate_to_datetime(text).timestamp() * 1000)
    except (ValueError, TypeError, OverflowError):
        return None


async def content_of(response: aiohttp.ClientResponse) -> bytes:
    """Read a body to its end, unpacked.

    Raises:
        ChannelError: AMBIGUOUS: it is too large, or is not what its header says.
    """
    packing = response.headers.get("Content-Encoding", "identity").strip().lower()
    if packing not in {"identity", "", "gzip", "deflate"}:
        raise ChannelError(Result.AMBIGUOUS, ENCODING_UNKNOWN)
    unpack = zlib.decompressobj(47) if packing in {"gzip", "deflate"} else None  # 47: either header
    content = bytearray()
    async for chunk in response.content.iter_any():
        if unpack is None:
            content += chunk
        else:
            try:
                content += unpack.decompress(chunk, ANSWER_BYTES_MAX + 1 - len(content))
            except zlib.error:
                raise ChannelError(Result.AMBIGUOUS, UNREADABLE) from None
        if len(content) > ANSWER_BYTES_MAX:
            raise ChannelError(Result.AMBIGUOUS, TOO_LARGE)
    return bytes(content)
