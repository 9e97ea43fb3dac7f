"""What a channel worker tells, kept as Prometheus metrics."""

from collections.abc import Callable
from typing import Final

from inventory_stream import metric_names as names
from inventory_stream.adapters.monitoring.instruments import Instruments
from inventory_stream.ports.channel import Result
from models.channels import StatusRow

MS: Final = 1_000


class PrometheusChannels:
    """A `ChannelMonitor` and an `InboundMonitor`, and what hears of schema misfits."""

    def __init__(self, instruments: Instruments) -> None:
        self._instruments = instruments
        self._stopped: dict[str, set[str]] = {}
        self._mapping_wrong: Callable[[], bool] = bool

    def watch(self, mapping_wrong: Callable[[], bool]) -> None:
        """Ask on each scrape whether the mapping file is wrong as it is now."""
        self._mapping_wrong = mapping_wrong

    def taken_up(self, name: str) -> None:
        """See the port."""
        for result in Result:
            self._instruments.counter(names.CHANNEL_ITEMS, name, result.value)
        for lane in ("zero", "other"):
            self._instruments.histogram(names.CHANNEL_SECONDS, name, lane)
        self._instruments.counter(names.CHANNEL_UNMAPPED, name)
        self._instruments.counter(names.CHANNEL_UNTOLD, name)

    def given_up(self, name: str) -> None:
        """See the port: the worker that has it now tells how it stands."""
        for metric in _BY_ACCOUNT:
            self._instruments.gauge(metric).remove_by_labels({"integration": name})
        self._stopped.pop(name, None)

    def ended(self, name: str, result: Result) -> None:
        """See the port."""
        self._instruments.counter(names.CHANNEL_ITEMS, name, result.value).inc()

    def acknowledged(self, name: str, seconds: float, *, is_zero: bool) -> None:
        """See the port."""
        lane = "zero" if is_zero else "other"
        self._instruments.histogram(names.CHANNEL_SECONDS, name, lane).observe(seconds)

    def stands(self, name: str, status: StatusRow) -> None:
        """See the port."""
        gauge = self._instruments.gauge
        for state, listings in (
            ("mapped", status.listings),
            ("in_step", status.in_step),
            ("zeros", status.waiting_zeros),
            ("cuts", status.waiting_cuts),
            ("raises", status.waiting_raises),
            ("held", status.held_raises),
            ("deferred", status.deferred),
            ("in_flight", status.in_flight),
            ("dead", status.dead),
            ("unbacked", status.unbacked),
        ):
            gauge(names.CHANNEL_LISTINGS, name, state).set(listings)
        gauge(names.CHANNEL_OLDEST, name).set(status.oldest_waiting_ms / MS)
        gauge(names.CHANNEL_EXPOSURE, name).set(status.exposure_units)
        gauge(names.CHANNEL_SLA, name).set(status.sla == "met")
        gauge(names.CHANNEL_REQUESTS, name).set(status.requests_per_second)
        gauge(names.CHANNEL_ALLOWED, name).set(status.allowed_per_second)
        reasons = set(status.parked)
        if status.mode != "on":
            reasons.add(status.mode)
        if status.breaker != "closed":
            reasons.add("breaker")
        known = self._stopped.setdefault(name, set())
        known |= reasons
        for reason in known:
            gauge(names.CHANNEL_STOPPED, name, reason).set(reason in reasons)

    def heard(self, integration: str, kind: str) -> None:
        """See `flows.channels.inbound.taking.InboundMonitor`."""
        self._instruments.counter(names.CHANNEL_HEARD, integration, kind).inc()

    def unmapped(self, integration: str, lines: int) -> None:
        """See `flows.channels.inbound.taking.InboundMonitor`."""
        self._instruments.counter(names.CHANNEL_UNMAPPED, integration).inc(lines)

    def untold(self, integration: str, orders: int) -> None:
        """See `flows.channels.inbound.taking.InboundMonitor`."""
        self._instruments.counter(names.CHANNEL_UNTOLD, integration).inc(orders)

    def misfit(self, channel: str, field: str, kind: str) -> None:
        """Count a field; the names are bounded by `flows.channels.drift.SchemaDrift`."""
        self._instruments.counter(names.CHANNEL_MISFITS, channel, field, kind).inc()

    def dropped(self, partition: int, rows: int) -> None:
        """Count rows of a fenced owner that were left out (P4); 0 at the start, so that it is shown."""
        self._instruments.counter(names.FENCED_ROWS, str(partition)).inc(rows)

    def refresh(self) -> None:
        """Ask what only a look tells."""
        self._instruments.gauge(names.CHANNEL_MAPPING_WRONG).set(self._mapping_wrong())


_BY_ACCOUNT: Final = (
    names.CHANNEL_LISTINGS,
    names.CHANNEL_OLDEST,
    names.CHANNEL_EXPOSURE,
    names.CHANNEL_STOPPED,
    names.CHANNEL_SLA,
    names.CHANNEL_REQUESTS,
    names.CHANNEL_ALLOWED,
)
