"""The bytes of live updates: each event is put into them once and the same bytes go to every reader."""

from typing import Final, NamedTuple

import msgspec
from msgspec import Struct

from inventory_stream.gateway.live.token import Token
from inventory_stream.ports.projection import Version
from inventory_stream.ports.shelf import SkuView

HEARTBEAT_SSE: Final = b"2\r\n:\n\r\n"
"""A comment line, as a chunk of HTTP/1.1."""
HEARTBEAT_SOCKET: Final = b"\x89\x00"
"""A ping without content (RFC 6455)."""


class Topic(NamedTuple):
    """What a reader follows: a SKU as everybody sees it, or as a channel is shown it (R25)."""

    sku: str
    channel: str | None = None


class LiveAvailability(Struct, omit_defaults=True, frozen=True):
    """What a SKU shows at one moment: absolute, so that only the newest one counts.

    `available` are the units of the common path, or what `channel` is shown; `sales` the unsold units of
    open pools by sale. `is_sold_out`: no path has a unit. `is_known` False: the ledger has no such SKU.
    `is_fresh` False: the gateway does not hear the ledger now, and the truth may be newer. `version` is
    the read-your-writes token, `as_of_ms` when it came to be, ms since the epoch.
    """

    sku: str
    available: int
    is_sold_out: bool
    is_fresh: bool
    version: str = ""
    as_of_ms: int = 0
    channel: str | None = None
    sales: dict[str, int] = {}
    is_known: bool = True


class Frame(NamedTuple):
    """One event, ready for both kinds of reader. `shows` is what of it a reader would notice."""

    partition: int
    version: Version
    shows: tuple[object, ...]
    sse: bytes
    socket: bytes


class _Message(Struct, tag_field="type", tag="availability", frozen=True):
    """The event as a WebSocket reader gets it."""

    id: str
    data: LiveAvailability


class _StaleMessage(_Message, tag="stale", frozen=True):
    """As above, while the ledger is not heard."""


_NOTHING: Final = Version(0, 0)
_encode: Final = msgspec.json.Encoder().encode


def frame(topic: Topic, view: SkuView | None, partition: int, *, is_fresh: bool) -> Frame:
    """Make the event of what a topic shows.

    The token of a stale one spares nothing, so that who resumes with it hears that the ledger is heard again.
    """
    version = view.version if view else _NOTHING
    if view:
        shown = view.shown
        available = shown.total
        if topic.channel is not None:
            available = shown.channels.get(topic.channel, shown.total)
        value = LiveAvailability(
            sku=topic.sku,
            available=available,
            is_sold_out=shown.is_sold_out,
            is_fresh=is_fresh,
            version=str(version),
            as_of_ms=view.at_ms,
            channel=topic.channel,
            sales=shown.sales,
        )
    else:
        value = LiveAvailability(
            sku=topic.sku,
            available=0,
            is_sold_out=True,
            is_fresh=is_fresh,
            channel=topic.channel,
            is_known=False,
        )
    token = str(Token(partition, version if is_fresh else _NOTHING))
    name = b"availability" if is_fresh else b"stale"
    event = b"id: %b\nevent: %b\ndata: %b\n\n" % (token.encode(), name, _encode(value))
    message = _Message(token, value) if is_fresh else _StaleMessage(token, value)
    return Frame(
        partition=partition,
        version=version,
        shows=(value.available, value.is_sold_out, is_fresh, value.is_known, *value.sales.items()),
        sse=chunk(event),
        socket=text_frame(_encode(message)),
    )


def chunk(data: bytes) -> bytes:
    """Put bytes into a chunk of HTTP/1.1 (RFC 9112, 7.1)."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def text_frame(payload: bytes) -> bytes:
    """Put a text into a WebSocket frame from the server: whole and unmasked (RFC 6455, 5.2)."""
    size = len(payload)
    if size < 126:
        return bytes((0x81, size)) + payload
    assert size < 1 << 16, "an event of one SKU is small"  # noqa: S101  # 127 would follow
    return bytes((0x81, 126)) + size.to_bytes(2) + payload
