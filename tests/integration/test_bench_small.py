"""The benchmarks run whole, with parameters so small that no figure of them means anything."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from benchmarks.__main__ import main
from benchmarks.document import Document, sha256_of
from benchmarks.gateway.__main__ import main as main_gateway
from benchmarks.memory_load import Kind
from benchmarks.result import DECIDED_OVER_TIME
from benchmarks.scenarios import FULL_MEMORY, RESTARTED, STORM, TAKEN_OVER, VIEW, scaling_subject
from benchmarks.small import ITEMS
from inventory_stream.devservers import KafkaServer

DECIDING = ("hot-positional", "wide-single", "latency")
OTHERS = ("view", "recovery", "memory")
BEYOND = ("mixed", "groups", "sweep", "live-1m", "expiry-storm", "scaling", "faults-static")


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
@pytest.mark.broker
@pytest.mark.redis
def test_gateway_and_its_peer_are_measured_and_checked_when_small(tmp_path: Path) -> None:
    """A real gateway and the service beside it must answer, and what they promised must be found again."""
    names = ("reserve", "batch", "live", "fastapi-reserve")
    chosen = [word for name in names for word in ("--only", name)]
    # Not its exit status: on a busy machine the generator may be late, which spoils figures, not answers.
    main_gateway([*chosen, "--seconds", "1", "--readers", "20", "--results", str(tmp_path)])
    (page,) = tmp_path.glob("*-gateway.md")
    text = page.read_text()
    assert [name for name in names if f"## {name}\n" in text] == list(names)
    assert text.count("oversold units: 0") == 3  # nobody reserves in `live`
    assert "A trial" in text
    faults = [line for line in text.splitlines() if "DOES NOT COUNT" in line and "itself was" not in line]
    assert faults == []
