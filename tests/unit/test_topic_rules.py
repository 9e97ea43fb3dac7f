"""Topics and brokers are judged by P12, each finding with its way out."""

import pytest

from inventory_stream.adapters.kafka.topic_rules import (
    BROKER_RULES,
    Severity,
    TopicSpec,
    TopicState,
    configs_tool,
    judge_broker,
    judge_internal,
    judge_topic,
    topic_specs,
)
from inventory_stream.settings import KafkaSettings, Settings

SPECS = topic_specs(Settings(kafka=KafkaSettings(partitions=2, replication_factor=3)))
STOCK, ORDERS, LEDGER, AVAILABILITY, EXCEPTIONS, LETTERS, AUDIT, PAYMENTS, PAID, HEARD, TOLD = SPECS
TOOL = configs_tool(Settings())
GOOD_BROKER = {rule.name: rule.wanted for rule in BROKER_RULES}


def good(spec: TopicSpec, **changes: str) -> TopicState:
    """Give a topic as it was created, but for `changes` (dots written as underscores)."""
    config = {**spec.config, **{name.replace("_", "."): value for name, value in changes.items()}}
    return TopicState(dict.fromkeys(range(spec.partitions), 3), config)


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_topic_as_created_has_no_findings(spec: TopicSpec) -> None:
    """What `topics create` makes with three replicas is what `topics check` wants."""
    assert judge_topic(spec, good(spec)) == []


def test_missing_topic_is_an_error_with_the_command_that_makes_it() -> None:
    """The way out of a missing topic is a command of ours."""
    (finding,) = judge_topic(LEDGER, None)
    assert finding.severity is Severity.ERROR
    assert "topics create" in finding.way_out


@pytest.mark.parametrize(
    ("spec", "entry", "value", "severity"),
    [
        (STOCK, "cleanup_policy", "compact", Severity.ERROR),
        (STOCK, "retention_ms", "86400000", Severity.ERROR),
        (STOCK, "retention_bytes", "1000000", Severity.ERROR),
        (STOCK, "max_message_bytes", "1048588", Severity.ERROR),
        (STOCK, "unclean_leader_election_enable", "true", Severity.ERROR),
        (ORDERS, "message_timestamp_type", "CreateTime", Severity.ERROR),
        (LEDGER, "cleanup_policy", "compact,delete", Severity.ERROR),
        (LEDGER, "message_timestamp_type", "CreateTime", Severity.ERROR),
        (LEDGER, "min_compaction_lag_ms", "0", Severity.ERROR),
        (LEDGER, "delete_retention_ms", "86400000", Severity.ERROR),
        (LEDGER, "max_message_bytes", "1048588", Severity.ERROR),
        (LEDGER, "segment_ms", "604800000", Severity.WARNING),
        (LEDGER, "segment_bytes", "1073741824", Severity.WARNING),
        (LEDGER, "compression_type", "zstd", Severity.WARNING),
        (LEDGER, "min_insync_replicas", "1", Severity.ERROR),
        (AVAILABILITY, "cleanup_policy", "delete", Severity.ERROR),
        (AVAILABILITY, "delete_retention_ms", "3600000", Severity.WARNING),
        (AVAILABILITY, "max_message_bytes", "1048588", Severity.ERROR),
        (EXCEPTIONS, "cleanup_policy", "compact", Severity.ERROR),
        (EXCEPTIONS, "retention_ms", "86400000", Severity.WARNING),
        (LETTERS, "cleanup_policy", "delete", Severity.WARNING),
        (LETTERS, "max_message_bytes", "1000", Severity.ERROR),
        (AUDIT, "cleanup_policy", "compact", Severity.ERROR),
        (AUDIT, "retention_ms", "31536000000", Severity.ERROR),
        (AUDIT, "retention_bytes", "1000000", Severity.ERROR),
        (AUDIT, "message_timestamp_type", "CreateTime", Severity.ERROR),
        (HEARD, "message_timestamp_type", "CreateTime", Severity.ERROR),
        (PAYMENTS, "cleanup_policy", "compact", Severity.ERROR),
        (PAYMENTS, "retention_ms", "86400000", Severity.ERROR),
        (PAID, "cleanup_policy", "compact", Severity.ERROR),
        (HEARD, "cleanup_policy", "compact", Severity.ERROR),
        (HEARD, "retention_ms", "86400000", Severity.ERROR),
        (TOLD, "cleanup_policy", "delete", Severity.ERROR),
    ],
)
def test_entry_that_differs_is_named_with_its_way_out(
    spec: TopicSpec, entry: str, value: str, severity: Severity
) -> None:
    """Each demand of P12, broken alone, is the one finding: entry, value and the command that mends it."""
    (finding,) = judge_topic(spec, good(spec, **{entry: value}))
    name = entry.replace("_", ".")
    assert finding.severity is severity
    assert finding.subject == spec.name
    assert f"{name}={value}" in finding.problem
    command = f"{TOOL} --entity-type topics --entity-name {spec.name} --alter --add-config {name}="
    assert finding.way_out.startswith(command)
    assert " " not in finding.way_out.removeprefix(command)


@pytest.mark.parametrize(
    ("spec", "entry", "value"),
    [
        (STOCK, "retention_ms", "-1"),
        (STOCK, "retention_ms", str(30 * 86_400_000)),
        (LEDGER, "compression_type", "producer"),
        (LEDGER, "max_message_bytes", "16777216"),
        (STOCK, "message_timestamp_type", "CreateTime"),
    ],
)
def test_better_or_equal_entry_passes(spec: TopicSpec, entry: str, value: str) -> None:
    """More than the least, no limit at all, and what P12 leaves open are no findings."""
    assert judge_topic(spec, good(spec, **{entry: value})) == []


def test_other_number_of_partitions_is_an_error() -> None:
    """Both inputs and the ledger need one number, for life (P10)."""
    state = TopicState(dict.fromkeys(range(3), 3), LEDGER.config)
    (finding,) = judge_topic(LEDGER, state)
    assert finding.severity is Severity.ERROR
    assert "3 partitions where 2" in finding.problem


def test_one_replica_is_a_warning() -> None:
    """A development broker may have one replica, and says what that means."""
    state = TopicState(dict.fromkeys(range(2), 1), LEDGER.config)
    (finding,) = judge_topic(LEDGER, state)
    assert finding.severity is Severity.WARNING
    assert "power loss" in finding.problem


def test_entry_that_may_not_be_read_is_a_warning() -> None:
    """What the user may not see is said to be unseen, not taken for well."""
    findings = judge_topic(LEDGER, TopicState(dict.fromkeys(range(2), 3), {}))
    assert {finding.severity for finding in findings} == {Severity.WARNING}
    assert all("cannot be read" in finding.problem for finding in findings)


def test_kafkas_own_topics_are_judged_too() -> None:
    """Epochs live in __transaction_state: one replica of it is worth a warning."""
    findings = judge_internal("__transaction_state", TopicState({0: 1}, GOOD_BROKER), TOOL)
    assert [finding.severity for finding in findings] == [Severity.WARNING]


@pytest.mark.parametrize(
    ("entry", "value"),
    [
        ("producer.id.expiration.ms", "3600000"),
        ("transactional.id.expiration.ms", "86400000"),
        ("unclean.leader.election.enable", "true"),
    ],
)
def test_broker_that_forgets_too_soon_is_an_error(entry: str, value: str) -> None:
    """Fencing lives in what brokers remember (P1 to P3)."""
    assert judge_broker(1, GOOD_BROKER, TOOL) == []
    (finding,) = judge_broker(1, {**GOOD_BROKER, entry: value}, TOOL)
    assert finding.severity is Severity.ERROR
    assert entry in finding.problem


def test_way_out_of_a_broker_is_one_that_works() -> None:
    """What a broker takes while it runs is one command for all; what it reads at its start is no command."""
    forgetful = {**GOOD_BROKER, "producer.id.expiration.ms": "1", "transactional.id.expiration.ms": "1"}
    producer, transactional = judge_broker(1, forgetful, TOOL)
    assert "--bootstrap-server 127.0.0.1:9092 --entity-type brokers --entity-default" in producer.way_out
    assert "server.properties" in transactional.way_out
    assert "kafka-configs" not in transactional.way_out
