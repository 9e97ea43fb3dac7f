"""Faults of connections in plain words."""

import socket

import pytest

from inventory_stream.adapters.plain_faults import plain_cause
from inventory_stream.adapters.redis.preflight import check_redis
from inventory_stream.errors import UnreachableError
from inventory_stream.settings import RedisSettings


def wrapped(error: Exception) -> Exception:
    """Give an error as a library passes it on: in one of its own."""
    own = LookupError("the library's")
    own.__cause__ = error
    return own


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (wrapped(socket.gaierror(-2, "Name or service not known")), "no machine of that name is known"),
        (wrapped(ConnectionRefusedError()), "nobody listens there"),
        (TimeoutError(), "no answer in time"),
        (wrapped(ZeroDivisionError()), "ZeroDivisionError"),
    ],
    ids=["name", "refused", "silent", "anything else"],
)
def test_cause_is_told_in_plain_words(error: Exception, words: str) -> None:
    """Whoever has to mend it need not know Python; what we have no words for keeps its name."""
    assert plain_cause(error) == words


async def test_line_about_redis_says_what_is_wrong() -> None:
    """The library hides the cause two errors deep; the line has it all the same."""
    with pytest.raises(UnreachableError, match=r"\(nobody listens there\): start one"):
        await check_redis(RedisSettings(url="redis://127.0.0.1:1/0"))
