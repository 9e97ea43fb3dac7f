"""Faust as its own pages show it, beside the ledger, which is hosted in Faust, too (docs/peers.md)."""

import sys
from pathlib import Path
from typing import Final

from benchmarks.peers.peer import Terms
from benchmarks.peers.process_peer import PeerPlace, ProcessPeer

PROGRAM: Final = Path(__file__).with_name("idiomatic_faust_program.py")

COMMANDS_MAX: Final = 20_000
"""Of a closed loop: 12 s at the 1,700 a second of a busy machine."""

WARM_UP_COMMANDS: Final = 1_000
"""Nothing to compile: only to see that it is there."""


def _command(place: PeerPlace) -> list[str]:
    python = [sys.executable, "-W", "ignore", str(PROGRAM)]
    words = [place.bootstrap_servers, place.prefix, place.ledger_topic, str(place.folder), str(place.skus)]
    return [*python, *words]


IDIOMATIC_FAUST: Final = ProcessPeer(
    name="idiomatic Faust",
    terms=Terms(
        durability="Kafka's log, but offsets, tables and outcomes are not one step",
        replication="Kafka's",
        client="Python, reads Kafka; one command per record",
        misses="a crash repeats or loses commands (at least once); deadlines, confirm, release",
    ),
    command=_command,
    find=lambda: None,
    warm_up_commands=WARM_UP_COMMANDS,
    commands_max=COMMANDS_MAX,
    is_single=True,
)
