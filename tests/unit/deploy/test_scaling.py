"""How many workers there may be, what each may use, and how overlays differ."""

from pathlib import Path

import pytest

from inventory_stream.adapters.kafka.topic_rules import LEDGER
from inventory_stream.bootstrap import PROJECTION_GROUP
from tests.unit.deploy.manifests import Manifest, Manifests, container_of, name_of
from tests.unit.deploy.process_settings import load

UNITS = {"Mi": 2**20, "Gi": 2**30}

# What a process and what one of each row costs: scenario `memory` of `make bench`, rounded up.
BASE_BYTES = 120_000_000
RESERVATION_BYTES = 900
RECEIPT_BYTES = 160
# Of a channel worker: benchmarks/channels, and the reading of a changed mapping file.
LISTING_BYTES = 150
MAPPING_LINE_BYTES = 430
# Of a gateway: docs/http/availability.md, docs/http/live.md and the settings' own words.
SHELF_POSITIONS = 500_000
SHELF_POSITION_BYTES = 600
LIVE_READER_BYTES = 12_000
ROOM_STREAM_BYTES = 40_000
WAITING_BYTES = 3_000

AUTOSCALERS = ("HorizontalPodAutoscaler", "ScaledObject")


def quantity(text: str) -> int:
    """Give the bytes of a quantity of Kubernetes."""
    return int(text[:-2]) * UNITS[text[-2:]]


def bounds(autoscaler: Manifest) -> tuple[int, int]:
    """Give the least and the most replicas."""
    spec = autoscaler["spec"]
    if autoscaler["kind"] == "ScaledObject":
        return spec["minReplicaCount"], spec["maxReplicaCount"]
    return spec["minReplicas"], spec["maxReplicas"]


def test_no_more_workers_than_partitions(
    overlay: Manifests, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker more than there are partitions would have nothing to do."""
    for workload in overlay.workers():
        if name_of(workload) == "gateway":
            continue  # each follows all partitions
        settings = load(overlay, workload, tmp_path, monkeypatch)
        scalers = [one for one in overlay.of_kind(*AUTOSCALERS) if name_of(one) == name_of(workload)]
        for scaler in scalers:
            least, most = bounds(scaler)
            assert 1 < least <= most == settings.kafka.partitions
        if not scalers:
            assert 1 <= workload["spec"]["replicas"] <= settings.kafka.partitions


def test_one_owner_of_the_number_of_replicas(overlay: Manifests) -> None:
    """At most one autoscaler for a workload, and none where the manifest says a number: they would fight."""
    targets = [
        (one["spec"]["scaleTargetRef"]["kind"], one["spec"]["scaleTargetRef"]["name"])
        for one in overlay.of_kind(*AUTOSCALERS)
    ]
    assert len(set(targets)) == len(targets)
    for kind, name in targets:
        assert "replicas" not in overlay.the(kind, name)["spec"]


def test_lag_is_that_of_the_projection(
    everything: Manifests, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The autoscaler by lag looks at the group, the topic and the brokers of the workers that it scales."""
    settings = load(everything, everything.the("Deployment", "projection"), tmp_path, monkeypatch)
    (trigger,) = everything.the("ScaledObject", "projection")["spec"]["triggers"]
    about = trigger["metadata"]
    assert about["bootstrapServers"] == settings.kafka.bootstrap_servers
    assert about["consumerGroup"] == settings.topic(PROJECTION_GROUP)
    assert about["topic"] == settings.topic(LEDGER)
    assert about["sasl"] == (settings.kafka.sasl_mechanism or "").lower().replace("-", "_").replace(
        "sha_", "sha"
    )
    assert about["tls"] == ("enable" if settings.kafka.is_tls else "disable")
    everything.the("TriggerAuthentication", trigger["authenticationRef"]["name"])


def test_windows_filled_to_their_bounds_fit_in_memory(
    production: Manifests, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With one worker lost, the others hold all partitions with full windows and have a quarter left."""
    workload = production.the("StatefulSet", "ledger")
    settings = load(production, workload, tmp_path, monkeypatch)
    least, _most = bounds(production.the("HorizontalPodAutoscaler", "ledger"))
    partitions = -(-settings.kafka.partitions // (least - 1))
    full = BASE_BYTES + partitions * (
        settings.ledger.receipts_max * RECEIPT_BYTES
        + settings.ledger.ended_reservations_max * RESERVATION_BYTES
    )
    resources = container_of(workload)["resources"]
    assert full <= 0.75 * quantity(resources["limits"]["memory"])
    assert resources["requests"]["memory"] == resources["limits"]["memory"]


def test_a_gateway_at_its_bounds_fits_in_memory(
    production: Manifests, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With half a million positions and as many waiting requests and streams as may be, a quarter is left."""
    workload = production.the("Deployment", "gateway")
    gateway = load(production, workload, tmp_path, monkeypatch).gateway
    full = (
        BASE_BYTES
        + SHELF_POSITIONS * SHELF_POSITION_BYTES
        + gateway.live_readers_max * LIVE_READER_BYTES
        + gateway.waiting_room_connections_max * ROOM_STREAM_BYTES
        + gateway.waiting_max * WAITING_BYTES
    )
    resources = container_of(workload)["resources"]
    assert full <= 0.75 * quantity(resources["limits"]["memory"])
    assert resources["requests"]["memory"] == resources["limits"]["memory"]


def test_a_channel_worker_that_is_alone_fits_in_memory(production: Manifests) -> None:
    """With all accounts, half a million positions and as many listings, a quarter is left."""
    full = BASE_BYTES + SHELF_POSITIONS * (SHELF_POSITION_BYTES + MAPPING_LINE_BYTES + LISTING_BYTES)
    resources = container_of(production.the("Deployment", "channels"))["resources"]
    assert full <= 0.75 * quantity(resources["limits"]["memory"])
    assert resources["requests"]["memory"] == resources["limits"]["memory"]


def leaves(value: object, path: str = "") -> dict[str, object]:
    """Give every scalar with its path."""
    if isinstance(value, dict):
        return {
            key: leaf for name, part in value.items() for key, leaf in leaves(part, f"{path}/{name}").items()
        }
    if isinstance(value, list):
        return {
            key: leaf for n, part in enumerate(value) for key, leaf in leaves(part, f"{path}/{n}").items()
        }
    return {path: value}


def differences(one: Manifests, other: Manifests) -> set[str]:
    """Give the paths that differ, by kind and name; generated names without their hash."""

    def flat(rendered: Manifests) -> dict[str, object]:
        found: dict[str, object] = {}
        for manifest in rendered.objects:
            name = name_of(manifest)
            if manifest["kind"] == "ConfigMap":
                name = name.rpartition("-")[0]
            elif manifest["kind"] == "Namespace":
                name = ""
            found |= {
                f"{manifest['kind']}/{name}{path}": leaf
                for path, leaf in leaves(manifest).items()
                if path not in ("/metadata/name", "/metadata/namespace") and "configMapRef" not in path
            }
        return found

    left, right = flat(one), flat(other)
    return {path for path in left.keys() | right.keys() if left.get(path) != right.get(path)}


# What production has that development has not, or otherwise: path up to where it begins to differ.
MEANT = (
    "ConfigMap/settings/data/INVENTORY_STREAM_KAFKA__",
    "ConfigMap/settings/data/INVENTORY_STREAM_LEDGER__",
    "ConfigMap/settings/data/INVENTORY_STREAM_LOGS__LEVEL",
    "ConfigMap/settings/data/INVENTORY_STREAM_SECRETS_DIR",
    "ConfigMap/redis-settings/data/",
    "ConfigMap/gateway-settings/data/",
    "HorizontalPodAutoscaler/",
    "NetworkPolicy/allow-kafka/spec/egress/0/ports/0/port",
    "NetworkPolicy/allow-redis/spec/egress/0/ports/0/port",
    *(
        f"{workload}/spec/{part}"
        for workload in (
            "Job/topics",
            "StatefulSet/ledger",
            "Deployment/projection",
            "Deployment/gateway",
            "Deployment/channels",
        )
        for part in (
            "replicas",
            "template/spec/containers/0/image",
            "template/spec/containers/0/resources/",
            "template/spec/containers/0/volumeMounts/1/",
            "template/spec/volumes/1/",
        )
    ),
)


def test_overlays_differ_only_where_meant(development: Manifests, production: Manifests) -> None:
    """What runs in production is what was tried in development, but for size, addresses and access."""
    found = differences(development, production)
    assert not {path for path in found if not path.startswith(MEANT)}
    unused = {meant for meant in MEANT if not any(path.startswith(meant) for path in found)}
    assert unused == {
        "Job/topics/spec/replicas",
        "Job/topics/spec/template/spec/containers/0/resources/",
        "Deployment/gateway/spec/template/spec/containers/0/volumeMounts/1/",
        "Deployment/channels/spec/template/spec/containers/0/volumeMounts/1/",
    }
