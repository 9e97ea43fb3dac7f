"""The bounds of live updates."""

from dataclasses import dataclass
from typing import Final

READER_SKUS_MAX: Final = 200
"""SKUs that one reader may follow: a page of a shop shows fewer, and it bounds what a reader can cost
(one value for each at most is ever waiting for it)."""

BEHIND_BYTES: Final = 16 * 1024
"""Unsent bytes from which a reader counts as slow: some 60 events. Until it took all of them, what it asks
and what changes is held back. With the kernel's `SEND_BUFFER_BYTES` and one write of at most
`READER_SKUS_MAX` events, a reader that never reads costs less than 150 KB."""

SEND_BUFFER_BYTES: Final = 32 * 1024
"""The kernel's send buffer of one reader (Linux doubles it). Left alone it grows to megabytes, and a slow
reader would be given minutes of old values before it counts as slow."""

SLICE_READERS: Final = 200
"""Readers written to before others get their turn: about 2 ms, so that a reservation is not kept waiting
while thousands are told of a change."""

MESSAGE_BYTES_MAX: Final = 32 * 1024
"""A message from a WebSocket reader: 200 ids of 128 characters fit."""

ASKED_PER_SECOND: Final = 50
"""What one WebSocket reader may ask in the long run: a message counts 1 for each SKU it names, a ping 1. A
page that is scrolled through shows fewer."""

ASKED_AT_ONCE: Final = 5 * READER_SKUS_MAX
"""And at once, after a quiet time: a few pages in quick succession, or each SKU by a message of its own."""


@dataclass(frozen=True, slots=True)
class LiveLimits:
    """What an operator may set."""

    readers_max: int = 10_000
    """Connections at once; the next is answered 503. One costs some 12 KB beside its kernel buffers."""
    interval_seconds: float = 0.2
    """Least time between two rounds of changes: what changed more than once meanwhile is told once. A
    change after a quiet time is told at once. A round to 5,000 readers takes some 80 ms of a core
    (benchmarks/gateway/live_readers.py)."""
    heartbeat_seconds: int = 15
    """After so long each reader hears a comment (a ping), so that proxies, which often cut off at 60 s,
    keep the line and a dead one is noticed."""
    behind_seconds_max: float = 30.0
    """A reader that is behind for so long is cut off: it takes less than 2 KB a second. Phones behind a bad
    line come back by themselves, with their token."""
