"""The benchmarks run whole, with parameters so small that no figure of them means anything."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from benchmarks.__main__ import main
from benchmarks.catalogue import SCENARIOS
from benchmarks.compiled import compiled_environment, compiled_path, why_not_compiled
from benchmarks.document import Document, sha256_of
from benchmarks.gateway.__main__ import main as main_gateway
from benchmarks.memory_load import Kind
from benchmarks.peers.registry import CLOSED_PEERS, OPEN_PEERS
from benchmarks.result import DECIDED_OVER_TIME
from benchmarks.scenarios import (
    BARE_LOOP,
    COMPILED,
    FULL_MEMORY,
    RESTARTED,
    STORM,
    TAKEN_OVER,
    VIEW,
    WORKER,
    ClosedLoop,
    OpenLoop,
    PeersClosed,
    PeersOpen,
    scaling_subject,
)
from benchmarks.small import ITEMS
from inventory_stream.devservers import KafkaServer

DECIDING = ("hot-positional", "wide-single", "latency")
OTHERS = ("view", "recovery", "memory")
BEYOND = ("mixed", "groups", "sweep", "live-1m", "expiry-storm", "scaling", "faults-static")
REST = tuple(scenario.name for scenario in SCENARIOS if scenario.name not in {*DECIDING, *OTHERS, *BEYOND})
"""The catalogue's others, so that a scenario that is added to it is run here without a word."""
DOCTOR_SECONDS_MAX = 60.0
"""1 s here."""


def run_small(
    names: Sequence[str], kafka_server: KafkaServer, folder: Path, *options: str
) -> tuple[Path, Document]:
    """Run scenarios small; gives where the result is, and the result."""
    chosen = [word for name in names for word in ("--only", name)]
    where = ["--results", str(folder), "--bootstrap-servers", kafka_server.bootstrap_servers]
    assert main(["--small", *options, *chosen, *where]) == 0
    (result,) = folder.glob("*.json")
    document = json.loads(result.read_text())
    assert document["sha256"] == sha256_of(document)
    assert [scenario["name"] for scenario in document["scenarios"]] == list(names)
    return result, document


@pytest.mark.slow
def test_bench_runs_checks_and_reports_when_small(kafka_server: KafkaServer, tmp_path: Path) -> None:
    """Real worker and bare loop must decide every command rightly, and the report must say so."""
    result, document = run_small(DECIDING, kafka_server, tmp_path, "--profile")
    for scenario in document["scenarios"]:
        (run,) = scenario["runs"]
        # One partition decides in the order of its log: both must grant the very same commands.
        assert run["worker"]["decisions_sha256"] == run["bare loop"]["decisions_sha256"]
        assert not run["worker"]["faults"]
    assert document["scenarios"][0]["medians"]["worker"]["commands_per_s"] > 0
    assert document["scenarios"][2]["medians"]["worker"]["p50_ms"] > 0
    assert (tmp_path / f"{result.stem}.md").read_text().startswith("# Benchmark")
    profiles = list(tmp_path.glob("*-worker.txt"))
    assert len(profiles) == len(DECIDING)
    assert "own time by function" in profiles[0].read_text()


@pytest.mark.slow
def test_view_recovery_and_memory_are_measured_and_checked_when_small(
    kafka_server: KafkaServer, tmp_path: Path
) -> None:
    """Redis, an heir after kill -9, and fresh processes must each be right, and say their figures."""
    _, document = run_small(OTHERS, kafka_server, tmp_path)
    view, recovery, memory = document["scenarios"]
    for scenario in document["scenarios"]:
        assert scenario["is_valid"]
        assert scenario["oversold"]
        assert not any(scenario["oversold"])
    assert view["medians"][VIEW]["effects"] > 0
    assert view["medians"][VIEW]["p99_ms"] > 0
    for way in (TAKEN_OVER, RESTARTED):
        assert recovery["medians"][way]["rows"] > recovery["parameters"]["reservations"]
        assert recovery["medians"][way]["first_decision_s"] > 0
    assert set(memory["medians"]) == {kind.value for kind in Kind}


@pytest.mark.slow
def test_what_lies_beyond_the_hot_path_is_measured_and_checked_when_small(
    kafka_server: KafkaServer, tmp_path: Path
) -> None:
    """Every kind of load, and a killed owner under load, must be decided rightly and give its own figures."""
    _, document = run_small(BEYOND, kafka_server, tmp_path)
    medians = {scenario["name"]: scenario["medians"] for scenario in document["scenarios"]}
    for scenario in document["scenarios"]:
        assert scenario["is_valid"]
        assert scenario["oversold"]
        assert not any(scenario["oversold"])
    for name in ("mixed", "groups"):
        assert medians[name]["worker"]["ledger_bytes_per_command"] > 0
    assert len(medians["sweep"]) > 1  # the worker, and at least the first rate
    assert medians["live-1m"][FULL_MEMORY]["p99_ms"] > 0
    assert medians["expiry-storm"][STORM]["expired"] == ITEMS
    assert medians["scaling"][scaling_subject(2, 2)]["commands_per_s"] > 0
    killed = medians["faults-static"]["worker"]
    assert killed["kills"] == 1
    assert killed["recover_max_s"] > 0
    (run,) = document["scenarios"][-1]["runs"]
    assert sum(decided for _, decided in run["worker"]["series"][DECIDED_OVER_TIME]) > 0


@pytest.mark.slow
def test_every_other_scenario_of_the_catalogue_is_run_and_checked_when_small(
    kafka_server: KafkaServer, tmp_path: Path
) -> None:
    """Each must be decided rightly by everybody in it: the compiled worker, the gateway, peers that are here.

    The compiled ledger is the one that `make test-compiled` has built; alone, this test builds it (75 s).
    """
    _, document = run_small(REST, kafka_server, tmp_path)
    absent = {peer["name"]: peer["absent"] for peer in document["peers"] if peer["absent"]}
    if (why := why_not_compiled()) is not None:
        absent[COMPILED] = why
    for scenario in document["scenarios"]:
        assert scenario["is_valid"], scenario
        assert scenario["oversold"]
        assert not any(scenario["oversold"])
        (run,) = scenario["runs"]
        assert {name: result["faults"] for name, result in run.items() if result["faults"]} == {}
        assert all(result["figures"] for result in run.values())
        assert set(run) >= expected_subjects(scenario["name"]) - set(absent)
    if absent:
        pytest.skip(f"all are right that are here; left out: {absent}")


def expected_subjects(name: str) -> set[str]:
    """Name who must be measured in a scenario of several subjects, where all tools are here."""
    (scenario,) = (one for one in SCENARIOS if one.name == name)
    if isinstance(scenario, PeersClosed | PeersOpen):
        peers = CLOSED_PEERS if isinstance(scenario, PeersClosed) else OPEN_PEERS
        return {WORKER, BARE_LOOP, *(peer.name for peer in peers)}
    return set(scenario.subjects) if isinstance(scenario, ClosedLoop | OpenLoop) else set()


@pytest.mark.redis  # among those of `make test-integration`, after `make test-compiled`
def test_compiled_worker_is_what_runs_as_compiled() -> None:
    """A figure of the compiled ledger must be of it: what the same variables start says that it is."""
    compiled = compiled_path()
    if compiled is None:
        pytest.skip(f"the ledger cannot be compiled here: {why_not_compiled()}")
    nowhere = {
        "INVENTORY_STREAM_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "INVENTORY_STREAM_REDIS__URL": "redis://127.0.0.1:1/0",
    }
    asked = subprocess.run(
        [sys.executable, "-m", "inventory_stream.cli", "doctor"],
        env=os.environ | compiled_environment(compiled) | nowhere,
        capture_output=True,
        text=True,
        check=False,
        timeout=DOCTOR_SECONDS_MAX,
    )
    assert "(compiled ledger)" in asked.stdout


@pytest.mark.slow
@pytest.mark.broker
@pytest.mark.redis
def test_gateway_and_its_peer_are_measured_and_checked_when_small(tmp_path: Path) -> None:
    """A real gateway and the service beside it must answer, and what they promised must be found again."""
    names = ("batch", "live", "fastapi-reserve")  # `reserve` is the catalogue's scenario `gateway`
    chosen = [word for name in names for word in ("--only", name)]
    assert main_gateway([*chosen, "--seconds", "1", "--readers", "20", "--results", str(tmp_path)]) == 0
    (page,) = tmp_path.glob("*-gateway.md")
    text = page.read_text()
    assert [name for name in names if f"## {name}\n" in text] == list(names)
    assert text.count("oversold units: 0") == 2  # nobody reserves in `live`
    assert "A trial" in text
    assert "DOES NOT COUNT" not in text
