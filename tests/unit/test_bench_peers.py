"""Peers on Kafka: who is left out, who goes first, what counts, how their programs are built."""

import os
import re
import sys
import time
from array import array
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from redis.exceptions import RedisError

from benchmarks.bench import Bench
from benchmarks.ledger_check import LedgerReading
from benchmarks.load import Form, Workload
from benchmarks.peers.kafka_streams_build import PROJECT
from benchmarks.peers.peer import Peer, Terms
from benchmarks.peers.process import PeerProcess
from benchmarks.peers.process_build import Build, PeerBuildError
from benchmarks.peers.process_outcomes import (
    Seen,
    as_warm_up,
    closed_figures,
    decode_outcome,
    warm_up_of,
    warm_up_records,
)
from benchmarks.peers.registry import OWN_TERMS, PEERS
from benchmarks.peers.run import in_turns, present
from benchmarks.result import RunResult, SubjectResult
from benchmarks.scenarios import BARE_LOOP, WORKER
from benchmarks.subjects import SubjectEndedError
from benchmarks.usage import SUBJECT, Look
from inventory_stream.devservers.cache import CACHE_DIR_VARIABLE, UNUSED_SECONDS_MAX
from inventory_stream.devservers.jars import KAFKA_VERSION

END_SECONDS_MAX = 60.0
"""For a program of one line; 0.1 s here."""


@dataclass
class FakePeer:
    """A peer that is told apart by its name."""

    name: str
    absent: str | None = None
    terms: Terms = field(default_factory=lambda: Terms("", "", "", ""))

    def why_absent(self) -> str | None:
        """Say what was planted."""
        return self.absent

    async def closed_loop(self, bench: Bench, workload: Workload, prefix: str) -> SubjectResult:
        """Not called here."""
        raise NotImplementedError

    async def open_loop(
        self, bench: Bench, workload: Workload, prefix: str, *, rate_per_s: int, warm_up_commands: int
    ) -> SubjectResult:
        """Not called here."""
        raise NotImplementedError


def bench_that_says(lines: list[str]) -> Bench:
    """Make a bench of which only the voice is used."""
    nothing: Any = None
    return Bench(bootstrap_servers="", launcher=nothing, folder=Path(), say=lines.append)


def test_every_peer_has_a_name_of_its_own_and_all_columns() -> None:
    """The report's rows and columns come from here: none may be doubled or empty."""
    names = [peer.name for peer in PEERS] + list(OWN_TERMS)
    assert len(set(names)) == len(names)
    assert {WORKER, BARE_LOOP} == set(OWN_TERMS)
    for terms in [*(peer.terms for peer in PEERS), *OWN_TERMS.values()]:
        assert all((terms.durability, terms.replication, terms.client, terms.misses))


def test_absent_peer_is_left_out_with_a_line() -> None:
    """Who cannot run here must be named with the reason, and the others must run."""
    lines: list[str] = []
    here, away = FakePeer("here"), FakePeer("away", absent="no java")
    assert present(bench_that_says(lines), [away, here]) == [here]
    assert lines == ["away is left out: no java"]


async def _order_of(number: int) -> list[str]:
    began: list[str] = []

    async def ours() -> RunResult:
        began.append(WORKER)
        return {WORKER: SubjectResult({"commands_per_s": 1.0}, [], "")}

    async def peers(peer: Peer, prefix: str) -> SubjectResult:
        began.append(peer.name)
        assert prefix.startswith("p-")
        return SubjectResult({"commands_per_s": 2.0}, [], "")

    both: list[Peer] = [FakePeer("one"), FakePeer("two")]
    results = await in_turns(number, ours, peers, both, "p-")
    assert set(results) == {WORKER, "one", "two"}
    return began


async def test_odd_runs_go_the_other_way_round() -> None:
    """Drift of the machine must hit everybody alike."""
    assert await _order_of(0) == [WORKER, "one", "two"]
    assert await _order_of(1) == ["two", "one", WORKER]


@pytest.mark.parametrize("error", [SubjectEndedError("its last words"), RedisError("its last words")])
async def test_peer_that_ends_does_not_count_and_does_not_end_the_run(error: Exception) -> None:
    """What fails beside the worker must be a fault of its own row only."""

    async def ours() -> RunResult:
        return {WORKER: SubjectResult({"commands_per_s": 1.0}, [], "")}

    async def peers(peer: Peer, _prefix: str) -> SubjectResult:
        if peer.name == "falls":
            raise error
        return SubjectResult({"commands_per_s": 2.0}, [], "")

    results = await in_turns(0, ours, peers, [FakePeer("falls"), FakePeer("stands")], "p-")
    assert "its last words" in results["falls"].faults[0]
    assert results["stands"].faults == results[WORKER].faults == []


@pytest.mark.parametrize("form", Form)
def test_warm_up_speaks_of_nothing_that_is_measured(form: Form) -> None:
    """A warm-up command must not share a SKU, a command id or a reservation with a measured one."""
    workload = Workload(50, 3, form, pack=10)
    warm_up = warm_up_of(workload, 20)
    words = re.compile(rb'"((?:SKU|WRM|cmd|wrm|res|wrs|count|wrc)-\d+)"')
    measured = {word for _, value in workload.values() for word in words.findall(value)}
    measured |= {word for value in workload.stock_values() for word in words.findall(value)}
    warm = {word for _, value in warm_up_records(warm_up) for word in words.findall(value)}
    warm |= {word for value in warm_up.stock_values() for word in words.findall(as_warm_up(value))}
    assert warm
    assert measured.isdisjoint(warm)
    keys = {key for key, _ in warm_up_records(warm_up)}
    assert keys.isdisjoint(key for key, _ in workload.values() if key is not None)


def test_outcome_that_says_more_is_read_all_the_same() -> None:
    """A peer may write what else it needs behind the SKU and the units."""
    assert decode_outcome(b'["SKU-00001",3,"cmd-000000009"]') == ("SKU-00001", 3)


def test_rates_of_a_peer_leave_out_the_first_append() -> None:
    """The time before the first append is not known, so its commands must not be in a rate."""
    reading = LedgerReading(bytearray(4), bytearray(4), array("q", [-1] * 4))
    # Offsets 0 and 1 are of a warm-up; two outcomes at 1,000 ms, two at 1,010 ms.
    reading.appended = [(1_000, 3), (1_000, 4), (1_010, 5), (1_010, 6)]
    seen = [
        Seen(seconds, end, Look({SUBJECT: cpu_seconds}, {SUBJECT: 1_000_000}))
        for seconds, end, cpu_seconds in ((1.0, 2, 5.0), (2.0, 4, 6.0), (2.5, 7, 6.5))
    ]
    figures = closed_figures(reading, seen)
    assert figures["commands_per_s"] == 200
    assert figures["commands_per_s_wall"] == 4
    assert figures["cpu_us_per_command"] == 250_000


def test_streams_are_of_the_version_of_the_broker() -> None:
    """A comparison of an old library with a new broker would be unfair."""
    pom = (PROJECT / "pom.xml").read_text()
    (version,) = re.findall(r"<artifactId>kafka-streams</artifactId>\s*<version>([\d.]+)<", pom)
    assert version == KAFKA_VERSION


def build_of(root: Path, code: str) -> Build:
    """Describe a build that runs a line of Python beside its source."""
    return Build(
        "thing", "making it", root, ("source",), lambda _: [[sys.executable, "-c", code]], "out", "it"
    )


def test_build_is_made_once_for_each_state_of_its_sources(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is in the cache is used again, until a source changes; then the old one may be running still."""
    monkeypatch.setenv(CACHE_DIR_VARIABLE, str(tmp_path / "cache"))
    source = tmp_path / "source"
    source.write_text("one")
    code = "import os, shutil; os.mkdir('out'); shutil.copy('source', 'out/it')"
    first = build_of(tmp_path, code).done()
    assert (first / "it").read_text() == "one"
    assert build_of(tmp_path, "raise SystemExit(1)").done() == first
    source.write_text("two")
    second = build_of(tmp_path, code).done()
    assert (second / "it").read_text() == "two"
    assert (first / "it").read_text() == "one"


def test_build_that_nobody_asks_for_goes_away_after_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cache must not grow with every change of a source; what is still asked for stays."""
    monkeypatch.setenv(CACHE_DIR_VARIABLE, str(tmp_path / "cache"))
    source = tmp_path / "source"
    code = "import os; os.mkdir('out'); open('out/it', 'w')"

    def built(text: str) -> Path:
        source.write_text(text)
        return build_of(tmp_path, code).done()

    forgotten, asked_for = built("one"), built("two")
    long_ago = time.time() - UNUSED_SECONDS_MAX - 60
    for place in (forgotten, asked_for):
        os.utime(place, (long_ago, long_ago))
    assert built("two") == asked_for
    last = built("three")
    assert {path for path in (tmp_path / "cache").iterdir() if path.is_dir()} == {asked_for, last}


@pytest.mark.parametrize("code", ["raise SystemExit('no such parcel')", "print('no such parcel')"])
def test_build_that_fails_says_why_and_leaves_nothing(
    code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failed build, or one that made nothing, must never be taken for a whole one."""
    monkeypatch.setenv(CACHE_DIR_VARIABLE, str(tmp_path / "cache"))
    (tmp_path / "source").write_text("one")
    with pytest.raises(PeerBuildError, match="no such parcel"):
        build_of(tmp_path, code).done()
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["thing.lock"]


def ask_until_it_ends(process: PeerProcess) -> None:
    """Ask for CPU time again and again, for a bounded time."""
    deadline = time.monotonic() + END_SECONDS_MAX
    while time.monotonic() < deadline:
        process.cpu_seconds()


def test_peer_that_ended_is_named_with_the_end_of_its_log(tmp_path: Path) -> None:
    """Nobody should wait for a program that has ended."""
    command = [sys.executable, "-c", "print('out of ink')"]
    with (
        PeerProcess("peer", command, tmp_path) as process,
        pytest.raises(SubjectEndedError, match="out of ink"),
    ):
        ask_until_it_ends(process)
