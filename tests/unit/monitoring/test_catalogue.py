"""The catalogue of metrics, what is exported, and the page: three things that must say the same."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from inventory_stream.adapters.monitoring.build import (
    channel_monitoring,
    gateway_monitoring,
    ledger_monitoring,
    projection_monitoring,
)
from inventory_stream.adapters.monitoring.channels import PrometheusChannels
from inventory_stream.adapters.monitoring.gateways import PrometheusGateway
from inventory_stream.adapters.monitoring.instruments import Instruments
from inventory_stream.adapters.monitoring.owners import PrometheusOwners
from inventory_stream.adapters.monitoring.page import page
from inventory_stream.adapters.monitoring.projections import PrometheusProjection
from inventory_stream.ledger.batch import OUTCOMES, Sealed
from inventory_stream.metric_names import FOREIGN, METRICS, PREFIX, Kind, Metric, Role
from inventory_stream.ports.channel import Result
from inventory_stream.ports.inputs import Input
from inventory_stream.ports.monitor import Acked, OwnerSnapshot, Window
from inventory_stream.ports.partition_owner import NextOffsets
from inventory_stream.settings import MonitoringSettings, Settings
from models.channels import StatusRow
from models.outcomes import Outcome

REPOSITORY = Path(__file__).parents[3]
SETTINGS = Settings(monitoring=MonitoringSettings(port=1))

# Set by the process itself and not by what it hosts; the worker of the integration test shows them.
BY_PROCESS = {
    f"{PREFIX}{name}"
    for name in (
        "build_info",
        "partitions",
        "memory_limit_bytes",
        "lease_seconds",
        "clock_skew_limit_seconds",
    )
}


def snapshot() -> OwnerSnapshot:
    """Give what an owner might hold."""
    return OwnerSnapshot(
        5,
        {Input.STOCK: 1, Input.ORDERS: 2},
        NextOffsets(3, 4),
        {Input.STOCK: 0, Input.ORDERS: 0},
        {"receipts": 7},
        {"receipts": Window(60.0, is_by_count=True)},
    )


def sealed(outcomes: Mapping[Outcome, int]) -> Sealed:
    """Give an append in which everything was counted once."""
    counts = [0] * OUTCOMES
    for outcome, count in outcomes.items():
        counts[outcome] = count
    return Sealed([], [], counts, 2, 3, 4, 5, 6, 7)


def sampled(registry: CollectorRegistry) -> dict[str, dict[tuple[str, ...], float]]:
    """Give every family that has samples, and its values by labels."""
    return {
        family.name + ("_total" if family.type == "counter" else ""): {
            tuple(value for name, value in sorted(sample.labels.items())): sample.value
            for sample in family.samples
        }
        for family in registry.collect()
        if family.samples
    }


def registry_of_a_ledger_worker() -> CollectorRegistry:
    """Drive everything that an owner can tell once."""
    registry = CollectorRegistry()
    owners = PrometheusOwners(Instruments(Role.LEDGER, registry))
    owner = owners.of(0)
    owner.opening(snapshot)
    owner.claimed(9, 2, 1, lambda: 250.0)
    owner.recovered(5, 1.5, 0)
    owner.decided(sealed({Outcome.GRANTED: 3, Outcome.FULFIL_UNMATCHED: 2}), 0.001)
    owner.acked(Acked(3, 400, 0.002, -0.5))
    owner.buried(Input.ORDERS, 2)
    for source in Input:
        owner.lag(source, 8, 1.5)
    owner.positions(6)
    owners.refresh()
    return registry


def registry_of_a_projection_worker() -> CollectorRegistry:
    """Drive everything that a projection can tell once."""
    registry = CollectorRegistry()
    monitor = PrometheusProjection(Instruments(Role.PROJECTION, registry))
    monitor.taken_up(0)
    monitor.view_failed()
    monitor.view_answered()
    monitor.rebuilding(0)
    monitor.rebuilt(0)
    monitor.applied(0, 10, 3, 0.02)
    monitor.looked(0, 4, is_fresh=True)
    monitor.dropped(0, 1)
    monitor.published(0, "exceptions", 2)
    monitor.raised(0, "shortfall")
    monitor.not_published(0)
    return registry


def registry_of_a_gateway() -> CollectorRegistry:
    """Drive everything that a gateway can tell once."""
    registry = CollectorRegistry()
    monitor = PrometheusGateway(Instruments(Role.GATEWAY, registry))
    monitor.watch(lambda: 3, lambda: 2, {"live": lambda: 4})
    monitor.answered("GET /v1/here", 200, 0.003)
    monitor.refused_early()
    monitor.settled("partial")
    monitor.not_recorded()
    monitor.admitted(5)
    monitor.rooms(6, 7)
    monitor.room_restored()
    monitor.dropped(0, 1)
    monitor.delivered("shop-nl", "taken")
    monitor.misfit("shop-nl", "line_items")
    monitor.unknown_kind("shop-nl", "orders/risk")
    monitor.refresh()
    return registry


def registry_of_a_channel_worker() -> CollectorRegistry:
    """Drive everything that a channel worker can tell once."""
    registry = CollectorRegistry()
    monitor = PrometheusChannels(Instruments(Role.CHANNELS, registry))
    monitor.watch(lambda: True)
    monitor.taken_up("shop")
    monitor.ended("shop", Result.APPLIED)
    monitor.acknowledged("shop", 0.02, is_zero=True)
    monitor.stands("shop", StatusRow("worker", 1, "off", parked={"auth": "http-401"}))
    monitor.heard("shop", "order_taken")
    monitor.unmapped("shop", 1)
    monitor.untold("shop", 1)
    monitor.misfit("shopify", "status", "missing")
    monitor.dropped(0, 1)
    monitor.refresh()
    return registry


@pytest.mark.parametrize(
    ("role", "registry"),
    [
        (Role.LEDGER, registry_of_a_ledger_worker()),
        (Role.PROJECTION, registry_of_a_projection_worker()),
        (Role.GATEWAY, registry_of_a_gateway()),
        (Role.CHANNELS, registry_of_a_channel_worker()),
    ],
    ids=["ledger", "projection", "gateway", "channels"],
)
def test_every_declared_metric_is_told_and_nothing_else_is(role: Role, registry: CollectorRegistry) -> None:
    """After everything has happened once, exactly the declared metrics have values."""
    declared = {metric.name for metric in METRICS if metric.role in (role, Role.EVERY)}
    set_apart = BY_PROCESS | {f"{PREFIX}ready"}
    # A metric of one number begins at 0, so only a look at `build.py` tells whether somebody sets it.
    assert set(sampled(registry)) - set_apart == declared - set_apart


def test_a_process_exports_the_declared_metrics_alone() -> None:
    """Also those that libraries bring are named in the catalogue."""
    for monitoring in (
        ledger_monitoring(SETTINGS),
        projection_monitoring(SETTINGS),
        gateway_monitoring(SETTINGS),
        channel_monitoring(SETTINGS),
    ):
        assert monitoring is not None
        found = sampled(monitoring.endpoint.registry)
        assert all(any(found[name].values()) for name in BY_PROCESS & found.keys())
        foreign = {name for name in found if not name.startswith(PREFIX)}
        assert foreign <= FOREIGN.keys()


def test_without_a_port_nothing_is_built() -> None:
    """monitoring.port = 0 is no endpoint, no registry, no monitor."""
    assert ledger_monitoring(Settings()) is None
    assert projection_monitoring(Settings()) is None
    assert gateway_monitoring(Settings()) is None


def test_values_are_what_was_told() -> None:
    """The numbers arrive where the catalogue says."""
    found = sampled(registry_of_a_ledger_worker())
    assert found[f"{PREFIX}decisions_total"] == {("GRANTED", "0"): 3, ("FULFIL_UNMATCHED", "0"): 2}
    assert found[f"{PREFIX}exceptions_total"][("FULFIL_UNMATCHED", "0")] == 2
    sums = ("expired_units", "revoked_units", "clock_ahead", "repeats", "memories_dropped", "folded_by_count")
    assert [found[f"{PREFIX}{name}_total"][("0",)] for name in sums] == [2, 3, 4, 5, 6, 7]
    assert found[f"{PREFIX}dead_letters_total"] == {("stock", "0"): 0, ("orders", "0"): 2}
    assert found[f"{PREFIX}clock_skew_seconds"] == {("0",): -0.5}
    assert found[f"{PREFIX}lease_margin_seconds"] == {("0",): 250}
    assert found[f"{PREFIX}window_count_decides"] == {("receipts", "0"): 1}
    answered = sampled(registry_of_a_gateway())
    assert answered[f"{PREFIX}gateway_requests_total"] == {("GET /v1/here", "200"): 1}
    assert answered[f"{PREFIX}gateway_waiting"] == {(): 3}
    assert answered[f"{PREFIX}gateway_fresh_partitions"] == {(): 2}
    assert answered[f"{PREFIX}gateway_streams"] == {("live",): 4}
    words = ("early_refusals_total", "audit_failures_total", "room_restored_total", "room_admitted_total")
    assert [answered[f"{PREFIX}gateway_{word}"][()] for word in words] == [1, 1, 1, 5]
    assert answered[f"{PREFIX}gateway_room_waiting"] == {(): 6}
    assert answered[f"{PREFIX}gateway_room_in_flight"] == {(): 7}
    # Each status stands at 0 from the start, so that a first one is a rise.
    payments = answered[f"{PREFIX}gateway_payment_events_total"]
    assert (payments[("partial",)], payments[("refund_required",)]) == (1, 0)
    projected = sampled(registry_of_a_projection_worker())
    assert projected[f"{PREFIX}redis_reconnects_total"] == {(): 1}
    assert projected[f"{PREFIX}projection_fresh"] == {("0",): 1}


def test_counts_go_on_when_a_partition_comes_back_and_gauges_go_when_it_goes() -> None:
    """A partition given up shows no state of its own, and counts what it did before when it returns."""
    registry = CollectorRegistry()
    owners = PrometheusOwners(Instruments(Role.LEDGER, registry))
    for _ in range(2):
        owner = owners.of(3)
        owner.opening(snapshot)
        owner.claimed(9, 1, 0, lambda: 250.0)
        owner.recovered(5, 1.5, 0)
        owners.refresh()
        assert ("3",) in sampled(registry)[f"{PREFIX}partition_owned"]
        owner.closed()
        owners.refresh()
        found = sampled(registry)
        assert f"{PREFIX}partition_owned" not in found
        assert f"{PREFIX}lease_margin_seconds" not in found
    assert found[f"{PREFIX}claims_total"] == {("3",): 2}


@pytest.mark.parametrize("entry", METRICS, ids=[metric.name.removeprefix(PREFIX) for metric in METRICS])
def test_entry_is_complete(entry: Metric) -> None:
    """Names follow Prometheus, texts are sentences, buckets grow and have a reason, worries have a page."""
    assert entry.name.startswith(PREFIX)
    assert entry.name.endswith("_total") is (entry.kind is Kind.COUNTER)
    assert entry.tells.endswith(".")
    assert (entry.buckets is not None) is (entry.kind is Kind.HISTOGRAM)
    assert bool(entry.worry) is bool(entry.runbook)
    if entry.buckets is not None:
        assert entry.buckets.reason
        assert list(entry.buckets.bounds) == sorted(set(entry.buckets.bounds))
    if entry.runbook:
        assert (REPOSITORY / "docs" / "runbooks" / f"{entry.runbook}.md").is_file()


def test_names_are_told_apart() -> None:
    """No metric is declared twice."""
    names = [metric.name for metric in METRICS]
    assert len(names) == len(set(names))


def test_page_is_current() -> None:
    """docs/metrics.md is what the command writes: python -m inventory_stream.adapters.monitoring.page."""
    assert (REPOSITORY / "docs" / "metrics.md").read_text(encoding="utf-8") == page()
