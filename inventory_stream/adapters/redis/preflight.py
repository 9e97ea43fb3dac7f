"""Is Redis there? Asked before anything starts, so that a fault is one line that names its setting."""

from redis.exceptions import RedisError

from inventory_stream.adapters.redis.connection import address_of, connect, reaching
from inventory_stream.errors import UnreachableError
from inventory_stream.settings import RedisSettings, without_password


async def check_redis(settings: RedisSettings) -> None:
    """See that Redis answers this user; one round trip, bounded by redis.timeout_seconds.

    Raises:
        UnreachableError: it does not. The message names setting, value, cause and way out.
    """
    client = connect(settings)
    try:
        with reaching(address_of(settings.url)):
            await client.ping()
    except (UnreachableError, RedisError) as error:
        raise UnreachableError(
            f"no Redis answers at redis.url={without_password(settings.url)} ({_cause(error)}): start one, "
            "or name another with INVENTORY_STREAM_REDIS__URL"
        ) from error
    finally:
        await client.aclose()


def _cause(error: Exception) -> str:
    """Give the library's own fault: a wrong password and a server that is gone need different hands."""
    fault = error.__cause__ if isinstance(error, UnreachableError) and error.__cause__ else error
    return type(fault).__name__
