"""Prometheus finds the workers where they are, and has the alarms of ops/alerts.yml."""

import re
import textwrap
from pathlib import Path

import pytest
import yaml
from prometheus_client import CollectorRegistry

from inventory_stream.adapters.monitoring.endpoint import Endpoint
from inventory_stream.adapters.monitoring.health import Health
from tests.unit.deploy.files import KUBERNETES, REPOSITORY
from tests.unit.deploy.manifests import Manifests, container_of, name_of, pod_labels
from tests.unit.deploy.process_settings import load

ALARMS = REPOSITORY / "ops/alerts.yml"
MONITORING = KUBERNETES / "components/monitoring"


def test_monitor_finds_every_worker_and_its_port(
    everything: Manifests, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pods that Prometheus is told to scrape are all workers, on the port and path that they serve."""
    (monitor,) = everything.of_kind("PodMonitor")
    workers = everything.workers()
    assert everything.selected(monitor["spec"]["selector"]) == {name_of(one) for one in workers}
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    for worker in workers:
        ports = {port["name"]: port["containerPort"] for port in container_of(worker)["ports"]}
        assert ports[endpoint["port"]] == load(everything, worker, tmp_path, monkeypatch).monitoring.port
    assert endpoint["path"] == "/metrics"


def test_alarms_look_for_the_job_that_the_monitor_names(everything: Manifests) -> None:
    """An alarm that selects by job selects the workers' one."""
    (monitor,) = everything.of_kind("PodMonitor")
    jobs = {pod_labels(worker)[monitor["spec"]["jobLabel"]] for worker in everything.workers()}
    patterns = set(re.findall(r'job=~"([^"]+)"', ALARMS.read_text()))
    assert patterns
    assert all(re.fullmatch(pattern, job) for pattern in patterns for job in jobs)


def test_alarms_in_kubernetes_are_those_of_the_rules_file(everything: Manifests) -> None:
    """`make k8s-rules` was run after the last change of ops/alerts.yml."""
    written = (MONITORING / "prometheus-rule.yaml").read_text()
    assert written == (MONITORING / "rule-head.yaml").read_text() + textwrap.indent(
        ALARMS.read_text(), "  "
    ), "run `make k8s-rules`"
    (rule,) = everything.of_kind("PrometheusRule")
    assert rule["spec"] == yaml.safe_load(ALARMS.read_text())


@pytest.mark.parametrize("path", ["/live", "/ready", "/metrics"])
def test_what_is_asked_is_served(path: str) -> None:
    """The paths of probes and scrapes are those of the process's own server."""
    endpoint = Endpoint(
        "127.0.0.1",
        0,
        health=Health(),
        registry=CollectorRegistry(),
        refresh=lambda: None,
        note_ready=lambda _ready: None,
    )
    assert path in {resource.canonical for resource in endpoint._runner.app.router.resources()}
