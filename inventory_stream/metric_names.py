"""Every metric that a process of ours exports: the one catalogue of names and what they mean.

`docs/metrics.md` is generated from it (`python -m inventory_stream.adapters.monitoring.page`), the
registry builds its instruments from it, and tests hold that all of it is used and nothing else is
exported. Longer than a module should be because it is a table.

Names follow Prometheus: base units (seconds, bytes), `_total` for what only grows. `Metric.worry`
is what the alert rules of ops/alerts.yml watch; a metric without one is for looking, not for waking.
"""

from enum import Enum
from typing import Final, NamedTuple

PREFIX: Final = "inventory_stream_"


class Kind(Enum):
    """How a metric behaves."""

    COUNTER = "counter"
    """Only grows; starts at 0 with the process."""
    GAUGE = "gauge"
    """As it is now."""
    HISTOGRAM = "histogram"
    """Counts per bucket, and their sum."""


class Role(Enum):
    """Which process exports it."""

    LEDGER = "ledger"
    PROJECTION = "projection"
    GATEWAY = "gateway"
    CHANNELS = "channels"
    EVERY = "every"


class Buckets(NamedTuple):
    """Upper bounds of a histogram and why these."""

    bounds: tuple[float, ...]
    reason: str


class Metric(NamedTuple):
    """One metric. `runbook` is the page in docs/runbooks that follows when it worries."""

    name: str
    kind: Kind
    role: Role
    unit: str
    labels: tuple[str, ...]
    tells: str
    worry: str = ""
    runbook: str = ""
    buckets: Buckets | None = None


_LATENCY: Final = Buckets(
    (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0, 120.0),
    "an append takes 0.7 ms alone and 5-20 ms under load; 120 s is its deadline (P7)",
)
_DECIDING: Final = Buckets(
    (0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5),
    "1-6 us a command and at most 20,000 commands a batch: 0.1 ms to 0.1 s; beyond that others wait",
)
_ROWS: Final = Buckets(
    (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000),
    "1 row is progress alone; a batch closes at 1 MiB, about 10,000 rows",
)
_BYTES: Final = Buckets(
    (256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576, 2_097_152, 4_194_304),
    "a batch closes at 1 MiB and may never pass 4 MiB (P6)",
)
_DELAY: Final = Buckets(
    (0.002, 0.005, 0.01, 0.02, 0.04, 0.1, 0.25, 0.5, 1.0, 2.0, 10.0, 60.0, 600.0),
    "the promise is p99 <= 40 ms at 5,000 commands/s; past 1 s the heartbeat stops",
)

_TOLD: Final = Buckets(
    (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0, 600.0, 3_600.0),
    "a channel answers within 0.05 to 1 s; 0.25 s is promised to zeros; beyond that its budget or a fault "
    "decides",
)
_ANSWERS: Final = Buckets(
    (0.001, 0.002, 0.004, 0.006, 0.008, 0.012, 0.02, 0.04, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 30.0),
    "the promise is p50 <= 8 ms and p99 <= 40 ms at 1,000 reservations/s; 2 s is when a 503 is due",
)

BUILD_INFO: Final = Metric(
    f"{PREFIX}build_info",
    Kind.GAUGE,
    Role.EVERY,
    "1",
    ("version", "role", "ledger"),
    "Always 1; its labels say which version runs as what, and whether its ledger is `compiled` or `plain`.",
)
READY: Final = Metric(
    f"{PREFIX}ready",
    Kind.GAUGE,
    Role.EVERY,
    "0 or 1",
    (),
    "What GET /ready answers: 1 for 200, 0 for 503.",
    "0 for minutes in a process that should have started.",
    "worker-not-ready",
)
PARTITIONS: Final = Metric(
    f"{PREFIX}partitions",
    Kind.GAUGE,
    Role.EVERY,
    "partitions",
    (),
    "The setting kafka.partitions: how many owners, and heartbeats, there should be in all.",
)
MEMORY_LIMIT: Final = Metric(
    f"{PREFIX}memory_limit_bytes",
    Kind.GAUGE,
    Role.EVERY,
    "bytes",
    (),
    "What this process may use: the limit of its control group, else the memory of the machine.",
    "process_resident_memory_bytes comes near it.",
    "worker-memory-high",
)

OWNED: Final = Metric(
    f"{PREFIX}partition_owned",
    Kind.GAUGE,
    Role.LEDGER,
    "0 or 1",
    ("partition",),
    "1 once this worker has claimed and read the partition, 0 while it does; gone when given up.",
    "The sum over all workers stays below inventory_stream_partitions.",
    "partition-without-owner",
)
TERM: Final = Metric(
    f"{PREFIX}partition_term",
    Kind.GAUGE,
    Role.LEDGER,
    "offset",
    ("partition",),
    "Offset of the owner's @claim row (P4): of two who think they own it, the higher one does.",
)
CLAIMS: Final = Metric(
    f"{PREFIX}claims_total",
    Kind.COUNTER,
    Role.LEDGER,
    "claims",
    ("partition",),
    "Claims that held: one per assignment, and one a day (P2).",
    "Several an hour: owners take turns.",
    "claims-flapping",
)
CLAIM_TRIES: Final = Metric(
    f"{PREFIX}claim_tries_total",
    Kind.COUNTER,
    Role.LEDGER,
    "tries",
    ("partition",),
    "Claim rows tried, those lost to a rival included (P1).",
    "Grows faster than claims_total: two owners want the partition.",
    "claims-flapping",
)
FENCED_IDS: Final = Metric(
    f"{PREFIX}fenced_ids_total",
    Kind.COUNTER,
    Role.LEDGER,
    "producer ids",
    ("partition",),
    "Other producer ids that a claim had to fence (P1): ids rotate after 32,767 claims or when idle.",
)
FENCED_ROWS: Final = Metric(
    f"{PREFIX}fenced_rows_dropped_total",
    Kind.COUNTER,
    Role.EVERY,
    "rows",
    ("partition",),
    "Rows of a fenced owner that readers dropped (P4). A recovery counts their keys.",
    "Any: the broker let a former owner write.",
    "fenced-rows-dropped",
)
LEASE_MARGIN: Final = Metric(
    f"{PREFIX}lease_margin_seconds",
    Kind.GAUGE,
    Role.LEDGER,
    "seconds",
    ("partition",),
    "Time until the owner ends itself unless an append is acknowledged (P3).",
    "Below a third of worker.lease_seconds: @alive rows are not acknowledged.",
    "lease-nearly-gone",
)
LEASE: Final = Metric(
    f"{PREFIX}lease_seconds",
    Kind.GAUGE,
    Role.LEDGER,
    "seconds",
    (),
    "The setting worker.lease_seconds.",
)
CLOCK_SKEW: Final = Metric(
    f"{PREFIX}clock_skew_seconds",
    Kind.GAUGE,
    Role.LEDGER,
    "seconds",
    ("partition",),
    "How far this machine's clock lies outside the time in which the broker stamped our newest append "
    "(R18); above 0: ours is ahead. 0 when the stamp lies between sending and its acknowledgement.",
    "Beyond clock_skew_limit_seconds: deadlines pass early or late.",
    "owner-clock-skewed",
)
CLOCK_SKEW_LIMIT: Final = Metric(
    f"{PREFIX}clock_skew_limit_seconds",
    Kind.GAUGE,
    Role.LEDGER,
    "seconds",
    (),
    "The setting ledger.clock_skew_ms.",
)
RECOVERY_RUNNING: Final = Metric(
    f"{PREFIX}recovery_running",
    Kind.GAUGE,
    Role.LEDGER,
    "0 or 1",
    ("partition",),
    "1 while the partition is being claimed and read: nothing of it is decided meanwhile.",
    "Longer than 4 s per million rows, plus a few.",
    "recovery-running-long",
)
RECOVERY_ROWS: Final = Metric(
    f"{PREFIX}recovery_rows",
    Kind.GAUGE,
    Role.LEDGER,
    "rows",
    ("partition",),
    "Rows read by the newest recovery; grows while it runs.",
)
RECOVERY_SECONDS: Final = Metric(
    f"{PREFIX}recovery_seconds",
    Kind.GAUGE,
    Role.LEDGER,
    "seconds",
    ("partition",),
    "How long the newest recovery took, from the claim to the first decision.",
)

DECISIONS: Final = Metric(
    f"{PREFIX}decisions_total",
    Kind.COUNTER,
    Role.LEDGER,
    "commands",
    ("partition", "outcome"),
    "Commands decided, by outcome (models/outcomes.py); repeats count as what they were answered.",
)
REPEATS: Final = Metric(
    f"{PREFIX}repeats_total",
    Kind.COUNTER,
    Role.LEDGER,
    "commands",
    ("partition",),
    "Commands that were answered before and got the same answer (R27).",
)
EXCEPTIONS: Final = Metric(
    f"{PREFIX}exceptions_total",
    Kind.COUNTER,
    Role.LEDGER,
    "commands",
    ("partition", "kind"),
    "Decisions that somebody has to look at, by kind: the outcomes that raise an exception event.",
    "RECORDED_SHORT: promised more than there is. Others: feeds disagree.",
    "exceptions-raised",
)
EXPIRED_UNITS: Final = Metric(
    f"{PREFIX}expired_units_total",
    Kind.COUNTER,
    Role.LEDGER,
    "units",
    ("partition",),
    "Units that came free because their reservation's deadline passed (R18).",
)
REVOKED_UNITS: Final = Metric(
    f"{PREFIX}revoked_units_total",
    Kind.COUNTER,
    Role.LEDGER,
    "units",
    ("partition",),
    "Units taken back from shoppers because a fact left less than nothing (R11).",
    "Any: stock was promised that is not there.",
    "shortfall",
)
CLOCK_AHEAD: Final = Metric(
    f"{PREFIX}clock_ahead_total",
    Kind.COUNTER,
    Role.LEDGER,
    "commands",
    ("partition",),
    "Facts dated further ahead than ledger.clock_ahead_ms and clamped to their arrival (R7).",
)
MEMORIES_DROPPED: Final = Metric(
    f"{PREFIX}memories_dropped_total",
    Kind.COUNTER,
    Role.LEDGER,
    "commands",
    ("partition",),
    "Commands that waited for their order in vain (R21); each is an exception event too.",
)
FOLDED_BY_COUNT: Final = Metric(
    f"{PREFIX}folded_by_count_total",
    Kind.COUNTER,
    Role.LEDGER,
    "rows",
    ("partition",),
    "Rows that left before their time because there were too many (R29).",
)
DEAD_LETTERS: Final = Metric(
    f"{PREFIX}dead_letters_total",
    Kind.COUNTER,
    Role.LEDGER,
    "commands",
    ("partition", "input"),
    "Input that could not be decided and went to the topic dead-letters.",
    "Grows: a producer sends what nobody can read.",
    "dead-letters-growing",
)

DECIDE_SECONDS: Final = Metric(
    f"{PREFIX}decide_seconds",
    Kind.HISTOGRAM,
    Role.LEDGER,
    "seconds",
    ("partition",),
    "Time to decode and decide one batch, appends not included.",
    buckets=_DECIDING,
)
APPEND_SECONDS: Final = Metric(
    f"{PREFIX}append_seconds",
    Kind.HISTOGRAM,
    Role.LEDGER,
    "seconds",
    ("partition",),
    "From handing a batch to the client until the broker acknowledged it.",
    "p99 above 250 ms: every answer waits that long.",
    "append-latency-high",
    _LATENCY,
)
APPEND_ROWS: Final = Metric(
    f"{PREFIX}append_rows",
    Kind.HISTOGRAM,
    Role.LEDGER,
    "rows",
    ("partition",),
    "Rows of one atomic append.",
    buckets=_ROWS,
)
APPEND_BYTES: Final = Metric(
    f"{PREFIX}append_bytes",
    Kind.HISTOGRAM,
    Role.LEDGER,
    "bytes",
    ("partition",),
    "Size of one atomic append as it goes out.",
    buckets=_BYTES,
)
INPUT_LAG_RECORDS: Final = Metric(
    f"{PREFIX}input_lag_records",
    Kind.GAUGE,
    Role.LEDGER,
    "records",
    ("partition", "input"),
    "Records of an input that are not durably decided, by the broker's own end offset.",
)
INPUT_LAG_SECONDS: Final = Metric(
    f"{PREFIX}input_lag_seconds",
    Kind.GAUGE,
    Role.LEDGER,
    "seconds",
    ("partition", "input"),
    "How long the oldest undecided record may have waited; 0 when all are decided.",
    "Above 10 s and growing: decisions come too late for shoppers.",
    "input-lag-high",
)
INBOX_BATCHES: Final = Metric(
    f"{PREFIX}inbox_batches",
    Kind.GAUGE,
    Role.LEDGER,
    "batches",
    ("partition", "input"),
    "Fetched batches waiting for the decider; worker.inbox_batches_max is where fetching pauses.",
)

KEPT: Final = Metric(
    f"{PREFIX}kept",
    Kind.GAUGE,
    Role.LEDGER,
    "entries",
    ("partition", "kind"),
    "What the state in memory holds: reservations (live, ended, refused), receipts, documents (transfers and "
    "incoming), early commands, SKUs, positions (these counted once a minute).",
)
WINDOW: Final = Metric(
    f"{PREFIX}window_seconds",
    Kind.GAUGE,
    Role.LEDGER,
    "seconds",
    ("partition", "kind"),
    "How far back answers are really kept (R29): the setting, or less where the count decides.",
    "Shorter than producers retry: a late repeat would be decided anew.",
    "window-decided-by-count",
)
WINDOW_COUNT_DECIDES: Final = Metric(
    f"{PREFIX}window_count_decides",
    Kind.GAUGE,
    Role.LEDGER,
    "0 or 1",
    ("partition", "kind"),
    "1 when the count limit and not the time decides what is kept (R29).",
    "1: see window_seconds for what is left.",
    "window-decided-by-count",
)

PROJECTION_DELAY: Final = Metric(
    f"{PREFIX}projection_delay_seconds",
    Kind.HISTOGRAM,
    Role.PROJECTION,
    "seconds",
    ("partition",),
    "From the record time of a batch's oldest row until Redis shows it.",
    "p99 above 1 s: storefronts show old stock.",
    "projection-behind",
    _DELAY,
)
PROJECTION_LAG: Final = Metric(
    f"{PREFIX}projection_lag_records",
    Kind.GAUGE,
    Role.PROJECTION,
    "rows",
    ("partition",),
    "Ledger rows that Redis does not show yet, looked at twice a second.",
    "Above 10,000 for minutes.",
    "projection-behind",
)
PROJECTION_ROWS: Final = Metric(
    f"{PREFIX}projection_rows_total",
    Kind.COUNTER,
    Role.PROJECTION,
    "rows",
    ("partition",),
    "Ledger rows brought into the view.",
)
PROJECTION_SKUS: Final = Metric(
    f"{PREFIX}projection_skus_written_total",
    Kind.COUNTER,
    Role.PROJECTION,
    "SKUs",
    ("partition",),
    "Hashes written: one per SKU and batch, however many rows it had.",
)
PROJECTION_FRESH: Final = Metric(
    f"{PREFIX}projection_fresh",
    Kind.GAUGE,
    Role.PROJECTION,
    "0 or 1",
    ("partition",),
    "1 when the newest look set the heartbeat that tells readers that Redis is fresh.",
    '0: readers fall back and "sold out" may not be answered from Redis.',
    "projection-without-heartbeat",
)
PROJECTION_REBUILDS: Final = Metric(
    f"{PREFIX}projection_rebuilds_total",
    Kind.COUNTER,
    Role.PROJECTION,
    "rebuilds",
    ("partition",),
    "Rebuilds begun, because Redis lost data or somebody asked.",
    "Several an hour: Redis keeps losing its data.",
    "projection-rebuilding",
)
PROJECTION_REBUILDING: Final = Metric(
    f"{PREFIX}projection_rebuilding",
    Kind.GAUGE,
    Role.PROJECTION,
    "0 or 1",
    ("partition",),
    "1 while a rebuild runs.",
)
EVENTS_PUBLISHED: Final = Metric(
    f"{PREFIX}events_published_total",
    Kind.COUNTER,
    Role.PROJECTION,
    "events",
    ("partition", "topic"),
    "Events that outside consumers were told, by topic; each may be told again after a fault.",
)
EXCEPTION_EVENTS: Final = Metric(
    f"{PREFIX}exception_events_total",
    Kind.COUNTER,
    Role.PROJECTION,
    "events",
    ("partition", "kind"),
    "Exceptions among them by kind, shortfall and revoked included (models/events.py).",
    "shortfall: more is promised than there is.",
    "shortfall",
)
EVENT_FAILURES: Final = Metric(
    f"{PREFIX}event_failures_total",
    Kind.COUNTER,
    Role.PROJECTION,
    "faults",
    ("partition",),
    "Times that publishing stopped, to catch up anew after a pause.",
    "Keeps growing: outside consumers hear nothing.",
    "events-not-published",
)
REDIS_UP: Final = Metric(
    f"{PREFIX}redis_up",
    Kind.GAUGE,
    Role.PROJECTION,
    "0 or 1",
    (),
    "1 when the newest call to Redis was answered.",
    "0: nothing reaches storefronts.",
    "redis-unreachable",
)
REDIS_FAILURES: Final = Metric(
    f"{PREFIX}redis_failures_total",
    Kind.COUNTER,
    Role.PROJECTION,
    "calls",
    (),
    "Calls that Redis did not answer, refused as full or loading included.",
)
REDIS_RECONNECTS: Final = Metric(
    f"{PREFIX}redis_reconnects_total",
    Kind.COUNTER,
    Role.PROJECTION,
    "times",
    (),
    "Times that Redis answered again after it had not.",
)
GATEWAY_REQUESTS: Final = Metric(
    f"{PREFIX}gateway_requests_total",
    Kind.COUNTER,
    Role.GATEWAY,
    "requests",
    ("endpoint", "status"),
    "Answers by method and address as declared, `other` for no address of ours, and status.",
    "More than 2 % are 5xx: shoppers are turned away.",
    "gateway-refusing",
)
GATEWAY_SECONDS: Final = Metric(
    f"{PREFIX}gateway_request_seconds",
    Kind.HISTOGRAM,
    Role.GATEWAY,
    "seconds",
    ("endpoint",),
    "From a request's head to its answer; of a stream, as long as it lasts.",
    "p99 of a reservation above 250 ms.",
    "gateway-slow",
    buckets=_ANSWERS,
)
GATEWAY_WAITING: Final = Metric(
    f"{PREFIX}gateway_waiting",
    Kind.GAUGE,
    Role.GATEWAY,
    "requests",
    (),
    "Requests that wait for the ledger's answer now.",
)
GATEWAY_FRESH: Final = Metric(
    f"{PREFIX}gateway_fresh_partitions",
    Kind.GAUGE,
    Role.GATEWAY,
    "partitions",
    (),
    "Partitions of the ledger whose end this gateway saw within the last second.",
    "Fewer than partitions: reads are old, and nothing is refused early.",
    "gateway-behind",
)
GATEWAY_EARLY: Final = Metric(
    f"{PREFIX}gateway_early_refusals_total",
    Kind.COUNTER,
    Role.GATEWAY,
    "reservations",
    (),
    "Reservations refused from the gateway's own memory, without a question to the ledger.",
)
GATEWAY_STREAMS: Final = Metric(
    f"{PREFIX}gateway_streams",
    Kind.GAUGE,
    Role.GATEWAY,
    "streams",
    ("kind",),
    "Streams open now: live (server-sent events and WebSockets), waiting-room.",
)
GATEWAY_ROOM_WAITING: Final = Metric(
    f"{PREFIX}gateway_room_waiting",
    Kind.GAUGE,
    Role.GATEWAY,
    "tickets",
    (),
    "Tickets that wait in all rooms, looked at every 5 s; each gateway tells the same.",
)
GATEWAY_ROOM_IN_FLIGHT: Final = Metric(
    f"{PREFIX}gateway_room_in_flight",
    Kind.GAUGE,
    Role.GATEWAY,
    "admissions",
    (),
    "Admissions of all rooms that are neither used nor over; each gateway tells the same.",
)
GATEWAY_ROOM_ADMITTED: Final = Metric(
    f"{PREFIX}gateway_room_admitted_total",
    Kind.COUNTER,
    Role.GATEWAY,
    "people",
    (),
    "People whom this gateway let in; the sum over gateways is all of them.",
)
GATEWAY_ROOM_RESTORED: Final = Metric(
    f"{PREFIX}gateway_room_restored_total",
    Kind.COUNTER,
    Role.GATEWAY,
    "times",
    (),
    "Times that this gateway put a room back that Redis had lost.",
    "Any: Redis lost data during a sale.",
    "waiting-room-restored",
)
GATEWAY_PAYMENTS: Final = Metric(
    f"{PREFIX}gateway_payment_events_total",
    Kind.COUNTER,
    Role.GATEWAY,
    "events",
    ("status",),
    "Payment events settled here, by what came of them (docs/http/payments.md).",
    "refund_required rises: money is taken for units that are gone.",
    "payments-to-look-at",
)
GATEWAY_WEBHOOKS: Final = Metric(
    f"{PREFIX}gateway_webhook_deliveries_total",
    Kind.COUNTER,
    Role.GATEWAY,
    "deliveries",
    ("integration", "result"),
    "Deliveries of channels by what came of them (docs/channels/inbound.md): taken, repeated, nothing, "
    "forged, malformed, not-kept, unknown.",
    "forged or malformed rises: a secret was changed on one side, or a channel's bodies were.",
    "webhooks-refused",
)
GATEWAY_WEBHOOK_MISFITS: Final = Metric(
    f"{PREFIX}gateway_webhook_misfits_total",
    Kind.COUNTER,
    Role.GATEWAY,
    "deliveries",
    ("integration", "field"),
    "Genuine deliveries that do not fit what the channel documents, by the field that does not.",
    "Any: the vendor changes its form.",
    "webhooks-refused",
)
GATEWAY_WEBHOOK_KINDS: Final = Metric(
    f"{PREFIX}gateway_webhook_unknown_kinds_total",
    Kind.COUNTER,
    Role.GATEWAY,
    "events",
    ("integration", "kind"),
    "Genuine events of a kind that nothing here reads; 50 kinds of an integration by name, then `other`.",
)
GATEWAY_NOT_RECORDED: Final = Metric(
    f"{PREFIX}gateway_audit_failures_total",
    Kind.COUNTER,
    Role.GATEWAY,
    "rows",
    (),
    "Rows of the audit trail that could not be written; the admin act was answered 503.",
    "Any: nobody can open, change or close a sale.",
    "audit-not-written",
)
CHANNEL_ITEMS: Final = Metric(
    f"{PREFIX}channel_items_total",
    Kind.COUNTER,
    Role.CHANNELS,
    "items",
    ("integration", "result"),
    "Items of pushes that ended, by how: applied, retryable, permanent, auth, throttled, ambiguous, stale.",
)
CHANNEL_SECONDS: Final = Metric(
    f"{PREFIX}channel_update_seconds",
    Kind.HISTOGRAM,
    Role.CHANNELS,
    "seconds",
    ("integration", "lane"),
    "From the ledger's row to the channel's acknowledgement; lane zero or other. Live changes alone, "
    "without the time for which an operator or the wait for orders kept them back.",
    buckets=_TOLD,
)
CHANNEL_LISTINGS: Final = Metric(
    f"{PREFIX}channel_listings",
    Kind.GAUGE,
    Role.CHANNELS,
    "listings",
    ("integration", "state"),
    "Listings by where they are: mapped (all), in_step, zeros, cuts, raises (waiting), held (raises that "
    "wait for orders), deferred (to be tried again or read back, or for the next day), in_flight, dead, "
    "unbacked (the channel was told units of a SKU that the ledger does not know).",
    "Some dead for minutes: the channel refuses them for good.",
    "channel-pushes-dead",
)
CHANNEL_OLDEST: Final = Metric(
    f"{PREFIX}channel_oldest_waiting_seconds",
    Kind.GAUGE,
    Role.CHANNELS,
    "seconds",
    ("integration",),
    "For how long the listing that waits longest is out of step; those that are kept back are left out.",
)
CHANNEL_EXPOSURE: Final = Metric(
    f"{PREFIX}channel_exposure_units",
    Kind.GAUGE,
    Role.CHANNELS,
    "units",
    ("integration",),
    "Units that buyers may still be shown beyond what the ledger can sell.",
    "Above 0 for minutes.",
    "channel-exposed",
)
CHANNEL_STOPPED: Final = Metric(
    f"{PREFIX}channel_stopped",
    Kind.GAUGE,
    Role.CHANNELS,
    "1 or 0",
    ("integration", "reason"),
    "1 while nothing goes out, or something is kept back: off, shadow, breaker, or why it is parked.",
    "1 for a reason that no operator set.",
    "channel-stopped",
)
CHANNEL_SLA: Final = Metric(
    f"{PREFIX}channel_sla_met",
    Kind.GAUGE,
    Role.CHANNELS,
    "1 or 0",
    ("integration",),
    "Whether freshness and error budget are as the registry promises.",
    "0 for minutes.",
    "channel-late",
)
CHANNEL_REQUESTS: Final = Metric(
    f"{PREFIX}channel_requests_per_second",
    Kind.GAUGE,
    Role.CHANNELS,
    "requests/s",
    ("integration",),
    "Pushes of the last 10 s.",
)
CHANNEL_ALLOWED: Final = Metric(
    f"{PREFIX}channel_allowed_per_second",
    Kind.GAUGE,
    Role.CHANNELS,
    "tokens/s",
    ("integration",),
    "What the account's first limit lets through now, after refusals and headers.",
)
CHANNEL_HEARD: Final = Metric(
    f"{PREFIX}channel_heard_events_total",
    Kind.COUNTER,
    Role.CHANNELS,
    "events",
    ("integration", "kind"),
    "Events of deliveries that became commands, or hints, by kind (models/channels.py).",
)
CHANNEL_UNMAPPED: Final = Metric(
    f"{PREFIX}channel_unmapped_lines_total",
    Kind.COUNTER,
    Role.CHANNELS,
    "lines",
    ("integration",),
    "Lines of orders that the mapping does not know, kept as dead letters.",
    "Any: sold there, still offered elsewhere.",
    "channel-orders-unmapped",
)
CHANNEL_UNTOLD: Final = Metric(
    f"{PREFIX}channel_untold_orders_total",
    Kind.COUNTER,
    Role.CHANNELS,
    "orders",
    ("integration",),
    "Orders that the channel named and did not tell of when asked, kept as dead letters.",
    "Any: sold there, still offered elsewhere.",
    "channel-orders-untold",
)
CHANNEL_MISFITS: Final = Metric(
    f"{PREFIX}channel_schema_misfits_total",
    Kind.COUNTER,
    Role.CHANNELS,
    "fields",
    ("channel", "field", "kind"),
    "Fields of answers and webhooks that do not fit their schema any more: missing, type, unknown.",
    "Any: the vendor changes its form.",
    "channel-schema-drift",
)
CHANNEL_MAPPING_WRONG: Final = Metric(
    f"{PREFIX}channel_mapping_wrong",
    Kind.GAUGE,
    Role.CHANNELS,
    "1 or 0",
    (),
    "1 while the mapping file has errors and the version before it stays in use.",
    "1.",
    "channel-mapping-wrong",
)
METRICS: Final[tuple[Metric, ...]] = tuple(
    value for value in tuple(globals().values()) if isinstance(value, Metric)
)
"""All of them, in the order above."""

FOREIGN: Final = {
    "up": "Prometheus itself: whether the last scrape was answered.",
    "process_resident_memory_bytes": "prometheus-client: memory of the process.",
    "process_start_time_seconds": "prometheus-client: when the process started; a change is a restart.",
    "process_cpu_seconds_total": "prometheus-client: processor time used.",
    "process_open_fds": "prometheus-client: open files and connections.",
    "process_max_fds": "prometheus-client: how many there may be.",
    "process_virtual_memory_bytes": "prometheus-client: address space; says little.",
}
"""Metrics that others define and that the rules or the page use."""
