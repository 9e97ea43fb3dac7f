"""Peers on Kafka decide each command once, though all come twice, on the real broker.

That they decide what the scenarios of peers ask of them is tried in test_bench_small.py.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.bench import Bench
from benchmarks.load import Form, Workload
from benchmarks.peers.kafka_streams import KAFKA_STREAMS_SOON
from benchmarks.peers.process_peer import ProcessPeer
from benchmarks.peers.quix import QUIX_STREAMS
from inventory_stream.devservers import KafkaServer

COMMANDS = 300
WARM_UP_COMMANDS = 20


@dataclass(frozen=True)
class Repeated(Workload):
    """Every record comes twice: what decides a command by its id decides it once."""

    def values(self) -> Iterator[tuple[bytes | None, bytes]]:
        """Give each record of the workload, and give it again."""
        for key_and_value in super().values():
            yield key_and_value
            yield key_and_value


def bench_on(kafka_server: KafkaServer, folder: Path) -> Bench:
    """Make a bench for peers, which bring their own processes."""
    nobody: Any = None
    return Bench(kafka_server.bootstrap_servers, nobody, folder, print)


def small(peer: ProcessPeer) -> ProcessPeer:
    """Warm up with only the few commands that show that the peer is there; skip what is absent."""
    if (why := peer.why_absent()) is not None:
        pytest.skip(why)
    return replace(peer, warm_up_commands=WARM_UP_COMMANDS)


@pytest.mark.slow
async def test_kafka_streams_decides_as_the_model_and_each_command_once(
    kafka_server: KafkaServer, tmp_path: Path, topic_prefix: str
) -> None:
    """One right outcome per command, though all come twice; counts come positional, commands as objects."""
    workload = Repeated(COMMANDS, 2, Form.PACK, pack=10)
    result = await small(KAFKA_STREAMS_SOON).closed_loop(
        bench_on(kafka_server, tmp_path), workload, topic_prefix
    )
    assert result.faults == []
    assert result.oversold_units == 0
    assert result.figures["commands"] == COMMANDS


@pytest.mark.slow
async def test_quix_streams_decides_as_the_model_and_each_command_once(
    kafka_server: KafkaServer, tmp_path: Path, topic_prefix: str
) -> None:
    """One right outcome per command, though all come twice."""
    workload = Repeated(COMMANDS, 2, Form.SINGLE)
    result = await small(QUIX_STREAMS).closed_loop(bench_on(kafka_server, tmp_path), workload, topic_prefix)
    assert result.faults == []
    assert result.figures["commands"] == COMMANDS
