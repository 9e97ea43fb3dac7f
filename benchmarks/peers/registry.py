"""All peers, in the order of the report; a new one is a line here.

The worker and the bare loop run beside them in every scenario of peers (run.py), so what is not equal about
these two stands here, too.
"""

from collections.abc import Mapping
from typing import Final

from benchmarks.peers.peer import Peer, Terms
from benchmarks.scenarios import BARE_LOOP, WORKER

PEERS: Final[tuple[Peer, ...]] = ()

OWN_TERMS: Final[Mapping[str, Terms]] = {
    WORKER: Terms(
        durability="Kafka's log, acks=all, fenced owner",
        replication="Kafka's",
        client="Python, reads Kafka",
        misses="none",
    ),
    BARE_LOOP: Terms(
        durability="Kafka's log, acks=all",
        replication="Kafka's",
        client="Python, reads Kafka",
        misses="repeats, deadlines, recovery, one owner: the floor",
    ),
}
"""Name of a subject that is no peer -> what is to be said of it in the same columns."""
