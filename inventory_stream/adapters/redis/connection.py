"""The connection to Redis or Valkey: its bounds, and one word for every way in which it fails."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    BusyLoadingError,
    ConnectionError,  # noqa: A004  # the library's name; only used in this module
    MasterDownError,
    OutOfMemoryError,
    ReadOnlyError,
    TimeoutError,  # noqa: A004  # the library's name; only used in this module
    TryAgainError,
)

from inventory_stream.errors import UnreachableError
from inventory_stream.settings import RedisSettings

# What passes by itself or by an operator's hand, and is therefore tried again: gone, too slow,
# loading its file, full, or a replica whose master is gone or that is not promoted yet.
_PASSING = (
    ConnectionError,
    TimeoutError,
    BusyLoadingError,
    OutOfMemoryError,
    ReadOnlyError,
    MasterDownError,
    TryAgainError,
    OSError,
)


def connect(settings: RedisSettings) -> Redis:
    """Give a client with bounded waits; the first command opens the connection.

    It does not repeat anything by itself (the library's default is three times): whoever calls
    knows which step is safe to repeat, and backs off.
    """
    return Redis.from_url(
        settings.url,
        decode_responses=True,
        socket_timeout=settings.timeout_seconds,
        socket_connect_timeout=settings.timeout_seconds,
        retry=Retry(NoBackoff(), 0),
    )


def address_of(url: str) -> str:
    """Give host and port, or the socket's path, of a URL, without user and password."""
    parts = urlsplit(url)
    return parts.path if parts.scheme == "unix" else f"{parts.hostname}:{parts.port or 6379}"


@contextmanager
def reaching(address: str) -> Iterator[None]:
    """Turn the library's faults that pass into UnreachableError.

    Raises:
        UnreachableError: gone, too slow, loading, full or read only.
    """
    try:
        yield
    except _PASSING as error:
        raise UnreachableError(f"redis {address}: {type(error).__name__}: {error}") from error
