"""The benchmarks run whole, with parameters so small that no figure of them means anything."""

import json
from pathlib import Path

import pytest

from benchmarks.__main__ import main
from benchmarks.report import sha256_of
from inventory_stream.devservers import KafkaServer

SCENARIOS = ("hot-positional", "wide-single", "latency")


@pytest.mark.slow
def test_bench_runs_checks_and_reports_when_small(kafka_server: KafkaServer, tmp_path: Path) -> None:
    """Real worker and bare loop must decide every command rightly, and the report must say so."""
    chosen = [word for name in SCENARIOS for word in ("--only", name)]
    status = main(
        [
            "--small",
            "--profile",
            *chosen,
            *("--results", str(tmp_path)),
            *("--bootstrap-servers", kafka_server.bootstrap_servers),
        ]
    )
    assert status == 0
    (result,) = tmp_path.glob("*.json")
    document = json.loads(result.read_text())
    assert document["sha256"] == sha256_of(document)
    assert [scenario["name"] for scenario in document["scenarios"]] == list(SCENARIOS)
    for scenario in document["scenarios"]:
        (run,) = scenario["runs"]
        # One partition decides in the order of its log: both must grant the very same commands.
        assert run["worker"]["decisions_sha256"] == run["bare loop"]["decisions_sha256"]
        assert not run["worker"]["faults"]
    assert document["scenarios"][0]["medians"]["worker"]["commands_per_s"] > 0
    assert document["scenarios"][2]["medians"]["worker"]["p50_ms"] > 0
    assert (tmp_path / f"{result.stem}.md").read_text().startswith("# Benchmark")
    profiles = list(tmp_path.glob("*-worker.txt"))
    assert len(profiles) == len(SCENARIOS)
    assert "own time by function" in profiles[0].read_text()
