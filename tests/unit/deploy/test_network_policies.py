"""The network policies let through what the processes use, and nothing else."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from inventory_stream.settings import Settings
from tests.unit.deploy.manifests import Manifest, Manifests, name_of
from tests.unit.deploy.process_settings import load

Ports = set[tuple[str, int]]

DNS: Ports = {("UDP", 53), ("TCP", 53)}


def allowed(overlay: Manifests, workload: Manifest, direction: str) -> Ports:
    """Give what all policies together let through, for one workload's pods."""
    found: Ports = set()
    for policy in overlay.of_kind("NetworkPolicy"):
        if name_of(workload) in overlay.selected(policy["spec"]["podSelector"]):
            for rule in policy["spec"].get(direction, []):
                assert rule["ports"], "a rule without ports would open them all"
                found |= {(port["protocol"], port["port"]) for port in rule["ports"]}
    return found


def port_of(address: str) -> int:
    """Give the port of a host:port."""
    return int(address.rpartition(":")[2])


def used(workload: Manifest, settings: Settings) -> Ports:
    """Give what a process connects to."""
    ports = DNS | {("TCP", port_of(server)) for server in settings.kafka.bootstrap_servers.split(",")}
    if name_of(workload) in {"projection", "gateway"}:
        ports |= {("TCP", urlsplit(settings.redis.url).port or 6379)}
    return ports


def test_pods_reach_exactly_what_they_use(
    overlay: Manifests, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Outwards: name resolution, the ports of the brokers, and of Redis for who needs it."""
    for workload in overlay.workloads:
        settings = load(overlay, workload, tmp_path, monkeypatch)
        assert allowed(overlay, workload, "egress") == used(workload, settings)


def test_pods_are_reached_for_metrics_and_the_api_alone(
    overlay: Manifests, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Inwards: the monitoring port of all workers, from the monitoring's namespace, and a gateway's API."""
    for workload in overlay.workloads:
        settings = load(overlay, workload, tmp_path, monkeypatch)
        expected = {("TCP", settings.monitoring.port)} if workload in overlay.workers() else set()
        if name_of(workload) == "gateway":
            expected.add(("TCP", settings.gateway.port))
        assert allowed(overlay, workload, "ingress") == expected
    opened = {name_of(one) for one in overlay.of_kind("NetworkPolicy") if one["spec"].get("ingress")}
    assert opened == {"allow-scrape", "allow-http"}
    (rule,) = overlay.the("NetworkPolicy", "allow-scrape")["spec"]["ingress"]
    assert rule["from"] == [
        {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
    ]


def test_what_is_not_allowed_is_denied(overlay: Manifests) -> None:
    """One policy takes every pod in both directions and allows nothing."""
    deny = overlay.the("NetworkPolicy", "deny-all")["spec"]
    assert overlay.selected(deny["podSelector"]) == {name_of(one) for one in overlay.workloads}
    assert deny["policyTypes"] == ["Ingress", "Egress"]
    assert not deny.keys() & {"ingress", "egress"}


def test_names_are_asked_of_the_cluster_alone(overlay: Manifests) -> None:
    """Name resolution leads to the cluster's own servers: a wide port 53 would be a way out for data."""
    (rule,) = overlay.the("NetworkPolicy", "allow-dns")["spec"]["egress"]
    assert rule["to"] == [
        {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}},
        {"ipBlock": {"cidr": "169.254.20.10/32"}},
    ]
