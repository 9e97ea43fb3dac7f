"""A push that a channel refuses whole, for one bad item or for its size, is sent again in halves.

Otherwise one listing that the channel does not know would take the others of its batch, zeros among them, to
the dead letters.
"""

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from inventory_stream.adapters.channels.answers import ended_by
from inventory_stream.ports.channel import ChannelError, Ended, Push, Result

REQUESTS_MAX: Final = 16
"""Most requests of one push: finding one bad item of 100 takes 15. With more bad ones the rest is left to a
later push, by when those found are out of the way."""

REFUSED_WITH_OTHERS: Final = "refused-with-others"
"""Code of items that were only ever sent together with some that the channel refused."""

Send = Callable[[Sequence[Push]], Awaitable[Sequence[Ended]]]
Take = Callable[[], Awaitable[None]]


async def push_in_halves(batch: Sequence[Push], send: Send, take: Take) -> list[Ended]:
    """Send a batch; where it is refused whole (PERMANENT), its halves, down to the single item.

    Args:
        batch: At least one item.
        send: Sends some of them in one request. Raises a ChannelError for what counts for all of them.
        take: Waits for the tokens of a request; those of the first one the sender of the push has taken.

    Returns:
        One end for each item. PERMANENT only for items that were refused alone; RETRYABLE for those that
        the bound on requests kept from a try of their own.
    """
    ends: list[Ended] = []
    waiting = deque([batch])
    for request in range(REQUESTS_MAX):
        if not waiting:
            break
        if request > 0:
            await take()
        some = waiting.popleft()
        try:
            ends += await send(some)
        except ChannelError as error:
            if error.result is Result.PERMANENT and len(some) > 1:
                middle = (len(some) + 1) // 2
                waiting.extend((some[:middle], some[middle:]))
                continue
            ends += ended_by(some, error)
            if error.result is not Result.PERMANENT:  # the rest would hear the same
                rest = ChannelError(_unsent(error.result), error.code, error.retry_at_ms)
                ends += [end for others in waiting for end in ended_by(others, rest)]
                return ends
    left = ChannelError(Result.RETRYABLE, REFUSED_WITH_OTHERS)
    ends += [end for some in waiting for end in ended_by(some, left)]
    return ends


def _unsent(result: Result) -> Result:
    """What counts for those refused as a whole before, and not sent since: surely not applied."""
    return result if result in {Result.AUTH, Result.THROTTLED} else Result.RETRYABLE
