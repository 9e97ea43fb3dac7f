"""Kafka Streams beside the ledger: exactly once, RocksDB, its best settings (docs/peers.md).

The program is benchmarks/peers/kafka-streams/, in Java.
"""

from functools import partial
from typing import Final

from benchmarks import scenarios
from benchmarks.peers.kafka_streams_build import kafka_streams_jars
from benchmarks.peers.peer import Terms
from benchmarks.peers.process_build import why_not
from benchmarks.peers.process_peer import PeerPlace, ProcessPeer
from inventory_stream.devservers.toolchain import JAVA

JVM_OPTIONS: Final = ("-Xms1g", "-Xmx1g", "-XX:+UseParallelGC")
"""It stays below 550 MB with a cache of 256 MiB. G1 took 1.19 times the CPU, the serial collector 1.05 times
(docs/peers.md)."""

QUIET_LOG: Final = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"

WARM_UP_COMMANDS: Final = 200_000
"""The first 40,000 took 142 us of CPU each, start included, the next 23; from 90,000 on it no longer fell."""


def _command(commit_ms: int, place: PeerPlace) -> list[str]:
    java = [str(JAVA.find()), *JVM_OPTIONS, QUIET_LOG, "-cp", f"{kafka_streams_jars()}/*", "inventory.Peer"]
    state = str(place.folder / "state")
    return [*java, place.bootstrap_servers, place.prefix, place.ledger_topic, state, str(commit_ms)]


def _peer(name: str, commit_ms: int) -> ProcessPeer:
    return ProcessPeer(
        name=name,
        terms=Terms(
            durability="Kafka's log, a transaction per commit, exactly_once_v2",
            replication="Kafka's",
            client="Java, reads Kafka",
            misses="deadlines, confirm, release, counts under way: one number per SKU",
        ),
        command=partial(_command, commit_ms),
        find=lambda: why_not(kafka_streams_jars),
        warm_up_commands=WARM_UP_COMMANDS,
    )


KAFKA_STREAMS: Final = _peer(scenarios.KAFKA_STREAMS, 100)
"""With the commit interval that exactly_once_v2 has by default."""

KAFKA_STREAMS_SOON: Final = _peer(scenarios.KAFKA_STREAMS_SOON, 10)
"""With the interval that gave it the lowest p50."""
