"""What P12 demands of topics and brokers, and the judgement of what is there. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final, NamedTuple

from inventory_stream.ports.audit import AUDIT
from inventory_stream.ports.commands import ORDER_EVENTS, STOCK_EVENTS
from inventory_stream.ports.events import EventTopic
from inventory_stream.ports.payments import PAYMENT_EVENTS, PAYMENT_OUTCOMES
from inventory_stream.settings import Settings
from models.channels import CHANNEL_INBOUND, CHANNEL_OUTCOMES

LEDGER: Final = "ledger"
DEAD_LETTERS: Final = "dead-letters"

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
MIB: Final = 1024 * 1024

REPLICAS_FOR_PRODUCTION: Final = 3
INSYNC_FOR_PRODUCTION: Final = 2
"""A decision survives the loss of a broker when at least two had it before it was acknowledged (P12)."""

INTERNAL_TOPICS: Final = ("__transaction_state", "__consumer_offsets")
"""Kafka's own topics that ownership hangs on: epochs, and who consumes what."""

DEAD_LETTER_PARTITIONS: Final = 1
"""Letters are rare and read by people, in order."""


AUDIT_PARTITIONS: Final = 1
"""Admin acts are rare and read by people, in order."""


class Severity(Enum):
    """ERROR: decisions can be lost or doubled, or appends refused. WARNING: works, at a price."""

    ERROR = "error"
    WARNING = "warning"


class Finding(NamedTuple):
    """One thing that differs from P12: what it is about, what is wrong, and the way out."""

    severity: Severity
    subject: str
    problem: str
    way_out: str
    is_unusable: bool = False
    """The topic is missing or has other partitions than are set: who reads it would wait in vain."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What one configuration entry must be: one of `allowed`, or a number of at least `least`.

    `wanted` is what `create_topics` sets. A number of -1 means "no limit" to Kafka and passes.
    """

    name: str
    wanted: str
    why: str
    severity: Severity = Severity.ERROR
    allowed: tuple[str, ...] = ()
    least: int | None = None
    is_fixed: bool = False
    """A broker reads it at its start alone: no command changes it while it runs."""

    def admits(self, value: str) -> bool:
        """Say whether a value is good enough."""
        if self.least is None:
            return value in (self.wanted, *self.allowed)
        try:
            number = int(value)
        except ValueError:
            return False
        return number == -1 or number >= self.least


def _at_least(name: str, least: int, why: str, severity: Severity = Severity.ERROR) -> Rule:
    return Rule(name, str(least), why, severity, least=least)


_NO_UNCLEAN: Final = Rule(
    "unclean.leader.election.enable", "false", "a leader that missed acknowledged rows would lose decisions"
)

_INPUT_RULES: Final = (
    Rule("cleanup.policy", "delete", "compaction would drop commands of the same SKU"),
    _at_least("retention.ms", 7 * DAY_MS, "commands must outlive the longest outage: 7 days"),
    Rule("retention.bytes", "-1", "a size limit would delete commands before their 7 days", least=None),
    _at_least("max.message.bytes", 2 * MIB, "a pack has up to 1 MiB and its record's head"),
    _NO_UNCLEAN,
)

_LOG_APPEND_TIME: Final = Rule(
    "message.timestamp.type",
    "LogAppendTime",
    "record time must be the broker's: P2 for the ledger, R17 for orders",
)

_LEDGER_RULES: Final = (
    Rule(
        "cleanup.policy",
        "compact",
        "the ledger is the truth for ever: rows are replaced, never deleted by age",
    ),
    _LOG_APPEND_TIME,
    _at_least("min.compaction.lag.ms", 6 * HOUR_MS, "for 6 h the log is the complete journal"),
    _at_least("delete.retention.ms", 7 * DAY_MS, "a reader that was away must still see tombstones"),
    Rule(
        "segment.ms",
        str(HOUR_MS),
        "longer segments are compacted later, and recovery reads more",
        Severity.WARNING,
    ),
    Rule(
        "segment.bytes",
        str(128 * MIB),
        "larger segments are compacted later, and recovery reads more",
        Severity.WARNING,
    ),
    _at_least("max.message.bytes", 8 * MIB, "a batch has up to 4 MiB; one refused stops the partition"),
    Rule(
        "compression.type",
        "uncompressed",
        "zstd would halve the bytes for 0.3 us more per row",
        Severity.WARNING,
        allowed=("producer",),
    ),
    _NO_UNCLEAN,
)

_DEAD_LETTER_RULES: Final = (
    Rule("cleanup.policy", "compact", "a letter written again must replace the first", Severity.WARNING),
    _at_least("max.message.bytes", 2 * MIB, "a letter holds its original, and could not be written"),
)

_AUDIT_RULES: Final = (
    Rule("cleanup.policy", "delete", "compaction would drop rows of an act"),
    Rule("retention.ms", "-1", "rows are kept for ever: an audit asks about last year"),
    Rule("retention.bytes", "-1", "a size limit would delete rows"),
    replace(_LOG_APPEND_TIME, why="a row's time must be the broker's, not of who wrote it"),
    _NO_UNCLEAN,
)

_PAYMENT_RULES: Final = (
    Rule("cleanup.policy", "delete", "compaction would drop events of the same order"),
    _at_least("retention.ms", 7 * DAY_MS, "events must outlive the longest outage: 7 days"),
    _NO_UNCLEAN,
)

_CHANNEL_INBOUND_RULES: Final = (
    Rule("cleanup.policy", "delete", "compaction would drop orders of the same account"),
    _at_least("retention.ms", 7 * DAY_MS, "a channel's orders must outlive the longest outage: 7 days"),
    replace(_LOG_APPEND_TIME, why="which act of two operators is the later one must be the broker's word"),
    _NO_UNCLEAN,
)

_CHANNEL_OUTCOME_RULES: Final = (
    Rule("cleanup.policy", "compact", "what a channel acknowledged last is kept for ever"),
    _NO_UNCLEAN,
)

_EVENT_RULES: Final = (
    _at_least("max.message.bytes", 2 * MIB, "a SKU in thousands of locations makes a record of 1 MiB"),
    _NO_UNCLEAN,
)

_AVAILABILITY_RULES: Final = (
    Rule(
        "cleanup.policy",
        "compact",
        "whoever reads from the beginning must find every SKU, and its newest numbers",
    ),
    _at_least(
        "delete.retention.ms",
        DAY_MS,
        "a consumer that was away for a day must still see that a SKU is gone",
        Severity.WARNING,
    ),
    *_EVENT_RULES,
)

_EXCEPTION_RULES: Final = (
    Rule("cleanup.policy", "delete", "compaction would drop older exceptions of the same SKU"),
    _at_least(
        "retention.ms", 7 * DAY_MS, "exceptions must outlive a consumer's longest outage", Severity.WARNING
    ),
    *_EVENT_RULES,
)

BROKER_RULES: Final = (
    _at_least(
        "producer.id.expiration.ms",
        DAY_MS,
        "the broker would forget a former owner and accept its appends again",
    ),
    replace(
        _at_least(
            "transactional.id.expiration.ms",
            7 * DAY_MS,
            "owners would get new producer ids, which fence nobody",
        ),
        is_fixed=True,
    ),
    _NO_UNCLEAN,
)


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """One topic as it has to be: full name, partitions, replicas, rules of its configuration."""

    name: str
    partitions: int
    replicas: int
    rules: tuple[Rule, ...]
    may_be_hidden: bool = False
    """Whether the broker knows who asks: it then does not show topics that the user may not see."""
    tool: str = "kafka-configs"
    """How `kafka-configs` is called for this cluster."""

    @property
    def config(self) -> dict[str, str]:
        """Entries to create it with."""
        entries = {rule.name: rule.wanted for rule in self.rules}
        if self.replicas >= REPLICAS_FOR_PRODUCTION:
            entries["min.insync.replicas"] = str(INSYNC_FOR_PRODUCTION)
        return entries


class TopicState(NamedTuple):
    """One topic as it is: partitions with their number of replicas, and the configuration entries."""

    replicas_of: Mapping[int, int]
    config: Mapping[str, str]


def topic_specs(settings: Settings) -> tuple[TopicSpec, ...]:
    """Give the topics of this environment."""
    kafka = settings.kafka
    shape = (kafka.partitions, kafka.replication_factor)
    specs = (
        TopicSpec(settings.topic(STOCK_EVENTS), *shape, _INPUT_RULES),
        TopicSpec(settings.topic(ORDER_EVENTS), *shape, (*_INPUT_RULES, _LOG_APPEND_TIME)),
        TopicSpec(settings.topic(LEDGER), *shape, _LEDGER_RULES),
        # As many partitions as the ledger: an event lies in the partition of its row.
        TopicSpec(settings.topic(EventTopic.AVAILABILITY.value), *shape, _AVAILABILITY_RULES),
        TopicSpec(settings.topic(EventTopic.EXCEPTIONS.value), *shape, _EXCEPTION_RULES),
        TopicSpec(
            settings.topic(DEAD_LETTERS), DEAD_LETTER_PARTITIONS, kafka.replication_factor, _DEAD_LETTER_RULES
        ),
        TopicSpec(settings.topic(AUDIT), AUDIT_PARTITIONS, kafka.replication_factor, _AUDIT_RULES),
        TopicSpec(settings.topic(PAYMENT_EVENTS), *shape, _PAYMENT_RULES),
        TopicSpec(settings.topic(PAYMENT_OUTCOMES), *shape, _PAYMENT_RULES),
        TopicSpec(settings.topic(CHANNEL_INBOUND), *shape, _CHANNEL_INBOUND_RULES),
        TopicSpec(settings.topic(CHANNEL_OUTCOMES), *shape, _CHANNEL_OUTCOME_RULES),
    )
    is_secured = kafka.security_protocol != "PLAINTEXT"
    return tuple(replace(spec, may_be_hidden=is_secured, tool=configs_tool(settings)) for spec in specs)


def configs_tool(settings: Settings) -> str:
    """Give the beginning of a `kafka-configs` command that reaches this environment's brokers.

    Its users and certificates are in a file of Kafka's own form, which we do not have.
    """
    kafka = settings.kafka
    secured = "" if kafka.security_protocol == "PLAINTEXT" else " --command-config admin.properties"
    return f"kafka-configs --bootstrap-server {kafka.bootstrap_servers}{secured}"


def judge_topic(spec: TopicSpec, state: TopicState | None) -> list[Finding]:
    """Compare a topic with what P12 demands. `state` None: it does not exist."""
    if state is None:
        return judge_shape(spec, None)
    findings = judge_shape(spec, len(state.replicas_of))
    findings += _judge_replicas(spec.name, state, spec.tool)
    for rule in spec.rules:
        findings += _judge_entry(
            spec.name, rule, state.config.get(rule.name), _of_topic(spec.tool, spec.name)
        )
    return findings


def judge_shape(spec: TopicSpec, partitions: int | None) -> list[Finding]:
    """Compare a topic's number of partitions with what is set. None: it does not exist."""
    if partitions is None:
        return [
            Finding(
                Severity.ERROR,
                spec.name,
                "the topic does not exist",
                "create it: inventory-stream topics create"
                + (", or let this user see it (docs/security.md)" if spec.may_be_hidden else ""),
                is_unusable=True,
            )
        ]
    if partitions == spec.partitions:
        return []
    return [
        Finding(
            Severity.ERROR,
            spec.name,
            f"{partitions} partitions where {spec.partitions} are set: both inputs and the "
            "ledger need the same number, for life",
            "set kafka.partitions to the number that all of them have; another number is a migration to "
            "new topics",
            is_unusable=True,
        )
    ]


def judge_internal(name: str, state: TopicState, tool: str) -> list[Finding]:
    """Compare one of Kafka's own topics with what P12 demands."""
    return [
        *_judge_replicas(name, state, tool),
        *_judge_entry(name, _NO_UNCLEAN, state.config.get(_NO_UNCLEAN.name), _of_topic(tool, name)),
    ]


def _of_topic(tool: str, name: str) -> str:
    return f"{tool} --entity-type topics --entity-name {name}"


def _judge_replicas(name: str, state: TopicState, tool: str) -> list[Finding]:
    fewest = min(state.replicas_of.values(), default=0)
    if fewest < REPLICAS_FOR_PRODUCTION:
        return [
            Finding(
                Severity.WARNING,
                name,
                f"replication factor {fewest}: a power loss may lose decisions",
                f"for production: {REPLICAS_FOR_PRODUCTION} brokers or more, "
                f"kafka.replication_factor={REPLICAS_FOR_PRODUCTION}, and kafka-reassign-partitions for "
                "topics that exist",
            )
        ]
    insync = state.config.get("min.insync.replicas", "")
    if insync.isdigit() and int(insync) >= INSYNC_FOR_PRODUCTION:
        return []
    rule = _at_least(
        "min.insync.replicas", INSYNC_FOR_PRODUCTION, "an acknowledged decision must be on two brokers"
    )
    return _judge_entry(name, rule, insync or None, _of_topic(tool, name))


def judge_broker(node: int, config: Mapping[str, str], tool: str) -> list[Finding]:
    """Compare a broker's configuration with what P12 demands; one command mends all brokers."""
    findings: list[Finding] = []
    for rule in BROKER_RULES:
        findings += _judge_entry(
            f"broker {node}", rule, config.get(rule.name), f"{tool} --entity-type brokers --entity-default"
        )
    return findings


def _judge_entry(subject: str, rule: Rule, value: str | None, command: str) -> list[Finding]:
    """Compare one entry; `command` is the `kafka-configs` that names its topic or its brokers."""
    wanted = f"at least {rule.least}" if rule.least is not None else rule.wanted
    way_out = f"{command} --alter --add-config {rule.name}={rule.wanted}"
    if rule.is_fixed:
        way_out = f"put {rule.name}={rule.wanted} into server.properties of each broker, and restart it"
    if value is None:
        return [
            Finding(
                Severity.WARNING,
                subject,
                f"{rule.name} cannot be read; needed is {wanted}: {rule.why}",
                "allow DescribeConfigs to this user, or check it by hand",
            )
        ]
    if rule.admits(value):
        return []
    return [Finding(rule.severity, subject, f"{rule.name}={value}, needed is {wanted}: {rule.why}", way_out)]
