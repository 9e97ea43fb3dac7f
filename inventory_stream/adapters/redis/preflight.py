"""Is Redis there? Asked before anything starts, so that a fault is one line that names its setting."""

from redis.exceptions import RedisError, ResponseError

from inventory_stream.adapters.plain_faults import plain_cause
from inventory_stream.adapters.redis.connection import address_of, connect, reaching
from inventory_stream.adapters.tls_faults import causes
from inventory_stream.errors import RefusedError, UnreachableError
from inventory_stream.settings import RedisSettings, variable, without_password


async def check_redis(settings: RedisSettings) -> None:
    """See that Redis answers this user; one round trip, bounded by redis.timeout_seconds.

    Raises:
        UnreachableError: it does not. The message names setting, value, cause and way out.
        RefusedError: it does, but does not let us in; the message says why.
    """
    client = connect(settings)
    try:
        with reaching(address_of(settings.url)):
            await client.ping()
    except ResponseError as error:  # to our choice of a database, or to PING itself
        raise RefusedError(
            f"redis.url={without_password(settings.url)} is refused ({error}): name a database that the "
            f"server has with {variable(('redis', 'url'))}"
        ) from error
    except (UnreachableError, RedisError) as error:
        raise UnreachableError(
            f"no Redis answers at redis.url={without_password(settings.url)} ({plain_cause(error)}): start "
            f"one, or name another with {variable(('redis', 'url'))}{_hint(settings, error)}"
        ) from error
    finally:
        await client.aclose()


def _hint(settings: RedisSettings, error: Exception) -> str:
    """Say what else it may be: one side speaks TLS, the other waits or hangs up."""
    if settings.is_tls and any(isinstance(link, TimeoutError) for link in causes(error)):
        return "; a server that never answers a TLS handshake may want none: redis://"
    if not settings.is_tls and any(isinstance(link, ConnectionResetError) for link in causes(error)):
        return "; a server that hangs up at once may want TLS: rediss://"
    return ""
