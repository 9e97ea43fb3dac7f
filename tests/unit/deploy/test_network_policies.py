"""The network policies let through what the processes use, and nothing else."""

from ipaddress import ip_address, ip_network
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from inventory_stream.adapters.channels.addresses import PORTS as CHANNEL_PORTS
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
    if name_of(workload) == "channels":
        ports |= {("TCP", port) for port in CHANNEL_PORTS}
    return ports


def test_channels_lead_out_of_private_networks(overlay: Manifests) -> None:
    """An address that a partner gives, and that lies inside, is no way into the cluster."""
    policy = overlay.the("NetworkPolicy", "allow-channels")["spec"]
    assert overlay.selected(policy["podSelector"]) == {"channels"}
    (rule,) = policy["egress"]
    wide, six = (ip_network(to["ipBlock"]["cidr"]) for to in rule["to"])
    held_back = [ip_network(one) for one in rule["to"][0]["ipBlock"]["except"]]
    for private in ("10.1.2.3", "172.31.0.1", "192.168.1.1", "100.64.0.1", "169.254.169.254", "127.0.0.1"):
        assert ip_address(private) in wide
        assert any(ip_address(private) in network for network in held_back)
    assert not any(ip_address("93.184.216.34") in network for network in held_back)
    assert ip_address("fd00::1") not in six


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
