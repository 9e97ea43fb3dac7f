"""Quix Streams beside the ledger: a stateful StreamingDataFrame, exactly once (docs/peers.md)."""

from pathlib import Path
from typing import Final

from benchmarks.peers.peer import Terms
from benchmarks.peers.process_build import why_not
from benchmarks.peers.process_peer import PeerPlace, ProcessPeer
from benchmarks.peers.quix_build import quix_python

PROGRAM: Final = Path(__file__).with_name("quix_program.py")

COMMANDS_MAX: Final = 50_000
"""Of a closed loop: 7 s at the 7,700 a second of a busy machine."""

WARM_UP_COMMANDS: Final = 2_000
"""Nothing to compile: only to see that it is there."""


def _command(place: PeerPlace) -> list[str]:
    state = str(place.folder / "state")
    python = [str(quix_python()), "-W", "ignore", str(PROGRAM)]
    return [*python, place.bootstrap_servers, place.prefix, place.ledger_topic, state]


QUIX_STREAMS: Final = ProcessPeer(
    name="Quix Streams",
    terms=Terms(
        durability="Kafka's log, a transaction per commit",
        replication="Kafka's",
        client="Python on librdkafka, reads Kafka; one command per record",
        misses="deadlines, confirm, release, counts under way: one number per SKU",
    ),
    command=_command,
    find=lambda: why_not(quix_python),
    warm_up_commands=WARM_UP_COMMANDS,
    commands_max=COMMANDS_MAX,
    is_single=True,
)
