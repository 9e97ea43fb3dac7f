"""Free loopback ports that stay ours across a restart."""

import itertools
import random
import socket
from typing import Final

from inventory_stream.devservers.errors import PortTakenError

LOOPBACK: Final = "127.0.0.1"

# Where free ports are looked for. Linux takes the source ports of outgoing connections from
# 32768-60999: a server restarted there can find its port taken by any client's connection.
# Below 20,000 stand the well-known ports of databases and brokers.
PORT_MIN: Final = 20_000
PORT_MAX: Final = 32_000

# Tries before giving up. With half of the range taken, 64 misses in a row would be chance
# of 2**-64: giving up means that the range is blocked, not busy.
PORT_TRIES_MAX: Final = 64


def is_free(port: int) -> bool:
    """Tell whether a server could listen on the port at this moment."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: connections of a former server in TIME_WAIT are no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def free_ports(count: int, *, besides: int | None = None) -> list[int]:
    """Return `count` different ports that are free now; only binding tells whether they still are.

    Args:
        count: How many; none is fine too.
        besides: A port that the caller has chosen already.

    Raises:
        PortTakenError: The whole range looks taken.
    """
    # Random, not counted up: two processes that look at the same time rarely agree.
    candidates = random.SystemRandom().sample(range(PORT_MIN, PORT_MAX), PORT_TRIES_MAX + count)
    free = (port for port in candidates if port != besides and is_free(port))
    found = list(itertools.islice(free, count))
    if len(found) < count:
        raise PortTakenError(f"no {count} free ports on {LOOPBACK} between {PORT_MIN} and {PORT_MAX}")
    return found
