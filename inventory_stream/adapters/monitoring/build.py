"""Composes what a process shows of itself; nothing of it exists where monitoring.port is 0."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version

from prometheus_client import CollectorRegistry, ProcessCollector, disable_created_metrics

from inventory_stream import metric_names as names
from inventory_stream.adapters.compiled import ledger_form
from inventory_stream.adapters.monitoring.channels import PrometheusChannels
from inventory_stream.adapters.monitoring.endpoint import Endpoint
from inventory_stream.adapters.monitoring.gateways import PrometheusGateway
from inventory_stream.adapters.monitoring.health import Health
from inventory_stream.adapters.monitoring.instruments import Instruments
from inventory_stream.adapters.monitoring.memory import memory_limit_bytes
from inventory_stream.adapters.monitoring.owners import PrometheusOwners
from inventory_stream.adapters.monitoring.projections import PrometheusProjection
from inventory_stream.settings import Settings


@dataclass(frozen=True, slots=True)
class LedgerMonitoring:
    """A ledger worker's monitors and the endpoint that shows them."""

    owners: PrometheusOwners
    endpoint: Endpoint


@dataclass(frozen=True, slots=True)
class ProjectionMonitoring:
    """A projection worker's monitor and the endpoint that shows it."""

    monitor: PrometheusProjection
    endpoint: Endpoint


@dataclass(frozen=True, slots=True)
class GatewayMonitoring:
    """A gateway's monitor and the endpoint that shows it."""

    monitor: PrometheusGateway
    endpoint: Endpoint


@dataclass(frozen=True, slots=True)
class ChannelMonitoring:
    """A channel worker's monitor and the endpoint that shows it."""

    monitor: PrometheusChannels
    endpoint: Endpoint


def ledger_monitoring(settings: Settings) -> LedgerMonitoring | None:
    """Build it; None where nobody is to watch."""
    if settings.monitoring.port == 0:
        return None
    instruments = _instruments(settings, names.Role.LEDGER)
    instruments.gauge(names.LEASE).set(settings.worker.lease_seconds)
    instruments.gauge(names.CLOCK_SKEW_LIMIT).set(settings.ledger.clock_skew_ms / 1_000)
    owners = PrometheusOwners(instruments)
    health = Health(owners.why_not_alive)
    return LedgerMonitoring(owners, _endpoint(settings, instruments, health, owners.refresh))


def projection_monitoring(settings: Settings) -> ProjectionMonitoring | None:
    """Build it; None where nobody is to watch."""
    if settings.monitoring.port == 0:
        return None
    instruments = _instruments(settings, names.Role.PROJECTION)
    monitor = PrometheusProjection(instruments)
    return ProjectionMonitoring(monitor, _endpoint(settings, instruments, Health(), lambda: None))


def gateway_monitoring(settings: Settings) -> GatewayMonitoring | None:
    """Build it; None where nobody is to watch."""
    if settings.monitoring.port == 0:
        return None
    instruments = _instruments(settings, names.Role.GATEWAY)
    monitor = PrometheusGateway(instruments)
    return GatewayMonitoring(monitor, _endpoint(settings, instruments, Health(), monitor.refresh))


def channel_monitoring(settings: Settings) -> ChannelMonitoring | None:
    """Build it; None where nobody is to watch."""
    if settings.monitoring.port == 0:
        return None
    instruments = _instruments(settings, names.Role.CHANNELS)
    monitor = PrometheusChannels(instruments)
    return ChannelMonitoring(monitor, _endpoint(settings, instruments, Health(), monitor.refresh))


def _instruments(settings: Settings, role: names.Role) -> Instruments:
    # A second series for each counter, which says when it began: with the process.
    disable_created_metrics()  # type: ignore[no-untyped-call]
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    instruments = Instruments(role, registry)
    instruments.gauge(names.BUILD_INFO, version("inventory-stream"), role.value, ledger_form()).set(1)
    instruments.gauge(names.PARTITIONS).set(settings.kafka.partitions)
    instruments.gauge(names.MEMORY_LIMIT).set(memory_limit_bytes())
    return instruments


def _endpoint(
    settings: Settings, instruments: Instruments, health: Health, refresh: Callable[[], None]
) -> Endpoint:
    ready = instruments.gauge(names.READY)
    return Endpoint(
        settings.monitoring.host,
        settings.monitoring.port,
        health=health,
        registry=instruments.registry,
        refresh=refresh,
        note_ready=ready.set,
    )
