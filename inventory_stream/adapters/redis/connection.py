"""The connection to Redis or Valkey: its bounds, and one word for every way in which it fails."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from redis.asyncio import ConnectionPool, Redis, SSLConnection
from redis.asyncio.connection import parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    ConnectionError,  # noqa: A004  # the library's name; only used in this module
    MasterDownError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    TimeoutError,  # noqa: A004  # the library's name; only used in this module
    TryAgainError,
)

from inventory_stream.adapters.tls_faults import explain_tls
from inventory_stream.errors import RefusedError, UnreachableError
from inventory_stream.settings import RedisSettings, variable

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


class TlsConnection(SSLConnection):
    """A connection made with our own TLS context, which trusts whom redis.tls_ca_file says and no one else.

    The library's would trust the system's authorities, too.
    """

    def __init__(self, *, tls: ssl.SSLContext, **options: Any) -> None:  # noqa: ANN401  # the library's own
        super().__init__(**options)
        self.ssl_context.context = tls


def connect(settings: RedisSettings) -> Redis:
    """Give a client with bounded waits; the first command opens the connection.

    It does not repeat anything by itself (the library's default is three times): whoever calls
    knows which step is safe to repeat, and backs off.
    """
    options: dict[str, Any] = {
        "decode_responses": True,
        "socket_timeout": settings.timeout_seconds,
        "socket_connect_timeout": settings.timeout_seconds,
        "retry": Retry(NoBackoff(), 0),
    }
    if settings.username is not None:
        options["username"] = settings.username
    if settings.password is not None:
        options["password"] = settings.password.get_secret_value()
    options |= parse_url(settings.url)
    if settings.is_tls:
        options |= {"connection_class": TlsConnection, "tls": settings.tls_context()}
    return Redis.from_pool(ConnectionPool(**options))


def address_of(url: str) -> str:
    """Give host and port, or the socket's path, of a URL, without user and password."""
    parts = urlsplit(url)
    return parts.path if parts.scheme == "unix" else f"{parts.hostname}:{parts.port or 6379}"


@contextmanager
def reaching(address: str) -> Iterator[None]:
    """Turn the library's faults into ours: those that pass, and those that need somebody's hand.

    Raises:
        UnreachableError: gone, too slow, loading, full or read only.
        RefusedError: wrong user, password or certificate, or a command that the user may not give.
    """
    try:
        yield
    except AuthenticationError as error:  # the library's ConnectionError, too, but waiting does not help
        raise RefusedError(
            f"redis {address} refuses redis.username with this redis.password ({error}): set "
            f"{variable(('redis', 'username'))} and {variable(('redis', 'password'))} to a user that it knows"
        ) from error
    except NoPermissionError as error:
        raise RefusedError(
            f"redis {address} does not let the user of redis.username do this ({error}): give it "
            "the commands, keys and channels of docs/security.md"
        ) from error
    except _PASSING as error:
        without_tls = f"begin {variable(('redis', 'url'))} with redis://"
        if line := explain_tls(error, "redis", address, without_tls):
            raise RefusedError(f"redis: {line}") from error
        raise UnreachableError(f"redis {address}: {type(error).__name__}: {error}") from error
