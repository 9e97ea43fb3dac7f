"""All peers, in the order of the report; a new one is a line here.

The worker and the bare loop run beside them in every scenario of peers (run.py), so what is not equal about
these two stands here, too.
"""

from collections.abc import Mapping
from typing import Final

from benchmarks.peers.idiomatic_faust import IDIOMATIC_FAUST
from benchmarks.peers.kafka_streams import KAFKA_STREAMS, KAFKA_STREAMS_SOON
from benchmarks.peers.peer import ClosedPeer, Peer, Terms
from benchmarks.peers.postgres import POSTGRES
from benchmarks.peers.quix import QUIX_STREAMS
from benchmarks.peers.redis_benchmark import REDIS_BENCHMARK
from benchmarks.peers.redis_lua import REDIS_LUA
from benchmarks.scenarios import BARE_LOOP, WORKER

OPEN_PEERS: Final[tuple[Peer, ...]] = (
    KAFKA_STREAMS,
    KAFKA_STREAMS_SOON,
    QUIX_STREAMS,
    IDIOMATIC_FAUST,
    *REDIS_LUA,
    *POSTGRES,
)
"""Those that can be asked on a schedule."""

PEERS: Final[tuple[ClosedPeer, ...]] = (*OPEN_PEERS, *REDIS_BENCHMARK)

CLOSED_PEERS: Final = tuple(peer for peer in PEERS if peer is not KAFKA_STREAMS_SOON)
"""Those that are asked as fast as they answer: a commit interval for latency has nothing to win there."""

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
