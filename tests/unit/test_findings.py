"""Findings as they are shown."""

from inventory_stream.adapters.kafka.topic_rules import Finding, Severity
from inventory_stream.cli.findings import grouped


def test_one_warning_about_several_topics_is_one_row() -> None:
    """What is said once is read; errors come first, and what differs stays apart."""
    findings = [
        Finding(Severity.WARNING, "stock-events", "replication factor 1", "three brokers"),
        Finding(Severity.WARNING, "ledger", "replication factor 1", "three brokers"),
        Finding(Severity.WARNING, "ledger", "segment.ms=1", "kafka-configs"),
        Finding(Severity.ERROR, "order-events", "the topic does not exist", "create it"),
    ]
    assert grouped(findings) == [
        Finding(Severity.ERROR, "order-events", "the topic does not exist", "create it"),
        Finding(Severity.WARNING, "ledger, stock-events", "replication factor 1", "three brokers"),
        Finding(Severity.WARNING, "ledger", "segment.ms=1", "kafka-configs"),
    ]
