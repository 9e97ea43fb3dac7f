"""What in k8s/ refers to each other, or to the code, agrees."""

import re
import tomllib
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel, SecretStr
from typer.testing import CliRunner

from inventory_stream.cli import app
from inventory_stream.settings import Settings
from tests.unit.deploy.files import HTTP_PORT, MONITORING_PORT, REPOSITORY, STOP_SECONDS
from tests.unit.deploy.manifests import (
    Manifest,
    Manifests,
    container_of,
    matches,
    name_of,
    pod_labels,
    pod_of,
    secret_names,
)
from tests.unit.deploy.process_settings import SECRETS, load

PROBES = {"startupProbe": "/live", "livenessProbe": "/live", "readinessProbe": "/ready"}


def test_selectors_take_the_pods_that_they_are_meant_for(overlay: Manifests) -> None:
    """Each selector takes the pods of its own workload and no others, or the object would do nothing."""
    for workload in overlay.workers():
        assert overlay.selected(workload["spec"]["selector"]) == {name_of(workload)}
        for spread in pod_of(workload)["topologySpreadConstraints"]:
            assert overlay.selected(spread["labelSelector"]) == {name_of(workload)}
    for budget in overlay.of_kind("PodDisruptionBudget"):
        assert overlay.selected(budget["spec"]["selector"]) == {name_of(budget)}
    for service in overlay.of_kind("Service"):
        assert overlay.selected({"matchLabels": service["spec"]["selector"]}) == {name_of(service)}
    assert {name_of(one) for one in overlay.of_kind("PodDisruptionBudget")} == {
        name_of(one) for one in overlay.workers()
    }


def test_selectors_are_no_wider_than_the_labels_of_the_objects_say(overlay: Manifests) -> None:
    """Whoever lists objects by label finds each workload with its pods, its budget and its autoscaler."""
    for workload in overlay.workloads:
        assert workload["metadata"]["labels"] == pod_labels(workload)
    for one in overlay.of_kind("PodDisruptionBudget", "HorizontalPodAutoscaler", "Service"):
        assert matches({"matchLabels": one["metadata"]["labels"]}, pod_labels(owner(overlay, name_of(one))))


def owner(overlay: Manifests, name: str) -> Manifest:
    """Give the worker of a name."""
    (found,) = [one for one in overlay.workers() if name_of(one) == name]
    return found


def test_services_have_ports_that_their_pods_open(overlay: Manifests) -> None:
    """A service, and the stateful set that names it, lead to a port of the container."""
    for service in overlay.of_kind("Service"):
        ports = {
            port["name"]: port["containerPort"]
            for port in container_of(owner(overlay, name_of(service)))["ports"]
        }
        for port in service["spec"]["ports"]:
            assert ports[port["targetPort"]] == port["port"]
    assert [name_of(one) for one in overlay.of_kind("Service") if one["spec"].get("clusterIP") != "None"] == [
        "gateway"
    ]
    for workload in overlay.of_kind("StatefulSet"):
        assert overlay.the("Service", workload["spec"]["serviceName"])["spec"]["clusterIP"] == "None"


def test_probes_ask_the_port_that_the_settings_open(
    overlay: Manifests, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every worker is probed where it listens, on an address that the node can reach."""
    for workload in overlay.workers():
        monitoring = load(overlay, workload, tmp_path, monkeypatch).monitoring
        container = container_of(workload)
        assert {"name": "monitoring", "containerPort": monitoring.port} in container["ports"]
        assert (monitoring.host, monitoring.port) == ("0.0.0.0", MONITORING_PORT)  # noqa: S104  # the pod's own
        assert {
            probe: (container[probe]["httpGet"]["path"], container[probe]["httpGet"]["port"])
            for probe in PROBES
        } == {probe: (path, "monitoring") for probe, path in PROBES.items()}


def test_settings_are_real_and_valid(
    overlay: Manifests, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each container's variables and secret files are settings that its process starts with."""
    for workload in overlay.workloads:
        settings = load(overlay, workload, tmp_path, monkeypatch)
        scratch = str(settings.worker.data_dir)
        assert [
            mount["mountPath"]
            for mount in container_of(workload)["volumeMounts"]
            if not mount.get("readOnly")
        ] == [scratch]
    ledger = load(overlay, overlay.the("StatefulSet", "ledger"), tmp_path, monkeypatch)
    assert ledger.worker.instance_id == "ledger-0"


def test_the_service_leads_to_where_the_gateway_listens(
    overlay: Manifests, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The API is where the service sends requests, and its keys and secrets are among the mounted files."""
    workload = overlay.the("Deployment", "gateway")
    gateway = load(overlay, workload, tmp_path, monkeypatch).gateway
    assert {"name": "http", "containerPort": gateway.port} in container_of(workload)["ports"]
    (port,) = overlay.the("Service", "gateway")["spec"]["ports"]
    assert (port["port"], port["targetPort"]) == (gateway.port, "http") == (HTTP_PORT, "http")
    assert gateway.host == "0.0.0.0"  # noqa: S104  # the pod's own
    assert gateway.customer_key is not None
    assert gateway.token_keys()
    assert gateway.api_keys_file == tmp_path / "gateway" / "keys.jsonl"
    assert gateway.api_keys_file.is_file()


def test_a_gateway_lets_requests_come_to_an_end(overlay: Manifests) -> None:
    """The time in which the cluster still sends requests and the process's own end fit before the kill."""
    workload = overlay.the("Deployment", "gateway")
    *_, program = container_of(workload)["lifecycle"]["preStop"]["exec"]["command"]
    (seconds,) = re.findall(r"sleep\((\d+)\)", program)
    assert int(seconds) + STOP_SECONDS < pod_of(workload)["terminationGracePeriodSeconds"]


def test_who_does_not_need_redis_is_not_told_of_it(overlay: Manifests) -> None:
    """Who does not need Redis has neither its address nor its password."""
    for workload in overlay.workloads:
        names = [*overlay.environment(workload), *secret_names(workload)]
        told = any("redis" in name.lower() for name in names)
        assert told == (name_of(workload) in {"projection", "gateway"})


def test_secrets_are_named_and_never_written(overlay: Manifests) -> None:
    """No password, and no Secret that would hold one, is in what is applied."""
    secret_variables = {
        f"INVENTORY_STREAM_{section}__{name}".upper()
        for section, field in Settings.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
        for name, inner in field.annotation.model_fields.items()
        if SecretStr in (inner.annotation, *get_args(inner.annotation))
    }
    assert "INVENTORY_STREAM_KAFKA__SASL_PASSWORD" in secret_variables
    assert not overlay.of_kind("Secret")
    for workload in overlay.workloads:
        environment = overlay.environment(workload)
        assert not secret_variables & environment.keys()
        assert not any("@" in value for value in environment.values())


def test_secrets_are_created_as_the_document_says(production: Manifests) -> None:
    """Whoever follows docs/deployment.md has every Secret that is mounted, with the keys that tests tried."""
    users = " ".join(name for name in SECRETS if name.startswith("kafka-access-"))
    document = (REPOSITORY / "docs/deployment.md").read_text().replace("kafka-access-$process", users)
    for name in {name for one in production.workloads for name in secret_names(one)}:
        assert name in document
        assert all(re.search(f"--from-(literal|file)={re.escape(key)}=", document) for key in SECRETS[name])


def test_each_process_is_its_own_user_of_kafka(production: Manifests) -> None:
    """Only ledger workers may write the ledger (P12), so no other process has their password."""
    users = {name_of(one): secret_names(one)[0] for one in production.workloads}
    assert users == {
        name: f"kafka-access-{name}" for name in ("topics", "ledger", "projection", "gateway", "channels")
    }


def test_commands_are_those_of_the_command_line(overlay: Manifests) -> None:
    """Each container runs a command that exists."""
    assert {name_of(one): container_of(one)["args"] for one in overlay.workloads} == {
        "topics": ["topics", "create"],
        "ledger": ["worker", "ledger"],
        "projection": ["worker", "projection"],
        "gateway": ["gateway"],
        "channels": ["worker", "channels"],
    }
    for workload in overlay.workloads:
        assert CliRunner().invoke(app, [*container_of(workload)["args"], "--help"]).exit_code == 0


def test_workers_have_time_to_stop(overlay: Manifests) -> None:
    """No worker is killed while it still gives its partitions back."""
    for workload in overlay.workers():
        assert pod_of(workload)["terminationGracePeriodSeconds"] > STOP_SECONDS


def test_no_variable_comes_from_services(overlay: Manifests) -> None:
    """A service with our prefix would put an unknown setting into every pod, and none would start."""
    assert all(pod_of(one)["enableServiceLinks"] is False for one in overlay.workloads)


def test_pods_are_the_user_of_the_image_and_have_no_token(overlay: Manifests) -> None:
    """The numeric user of the Dockerfile, so that the scratch folder is writable and nothing is root."""
    dockerfile = (REPOSITORY / "Dockerfile").read_text()
    for workload in overlay.workloads:
        pod, context = pod_of(workload), pod_of(workload)["securityContext"]
        assert f"USER {context['runAsUser']}:{context['runAsGroup']}\n" in dockerfile
        assert (context["runAsNonRoot"], context["fsGroup"]) == (True, context["runAsGroup"])
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        assert (
            overlay.the("ServiceAccount", pod["serviceAccountName"])["automountServiceAccountToken"] is False
        )
        assert container_of(workload)["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


def test_all_processes_run_one_image(overlay: Manifests) -> None:
    """One image with one tag: two releases of workers side by side are an upgrade, not a state."""
    (image,) = {container_of(one)["image"] for one in overlay.workloads}
    name, tag = image.split(":")
    assert name == "inventory-stream"
    version = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["version"]
    assert tag in (version, "development")


def test_everything_stands_in_one_namespace(overlay: Manifests) -> None:
    """What names no other namespace is in the overlay's own, which keeps the strictest pod standard."""
    (namespace,) = overlay.of_kind("Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    others = [one for one in overlay.objects if one is not namespace]
    assert {one["metadata"]["namespace"] for one in others} == {name_of(namespace)}
