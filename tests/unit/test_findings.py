"""Findings as they are shown."""

import pytest

from inventory_stream.adapters.kafka.topic_rules import Finding, Severity
from inventory_stream.cli.findings import grouped, print_checks, print_findings
from inventory_stream.flows.doctor import Check, Level


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


def test_lines_of_a_pipe_are_whole(capsys: pytest.CaptureFixture[str]) -> None:
    """Off a terminal nothing is cut or folded: a way out can be searched for, and pasted."""
    command = "kafka-configs " + "--bootstrap-server kafka-0.kafka.example:9092 " * 5
    print_checks([Check(Level.OK, "a", "well"), Check(Level.FAIL, "b", "wrong", "it costs", command)])
    assert capsys.readouterr().out == f"fail b: wrong\n  why: it costs\n  way out: {command}\nok a: well\n"
    print_findings([Finding(Severity.ERROR, "t", "is missing", command)], "well")
    assert capsys.readouterr().out == f"error t: is missing\n  way out: {command}\n"
