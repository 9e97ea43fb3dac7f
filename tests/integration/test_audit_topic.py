"""Audit rows on the real broker: durable when `write` returns, and what cannot be written is told in time."""

import pytest

from inventory_stream.adapters.kafka.audit_topic import KafkaAuditReader, KafkaAuditTrail
from inventory_stream.adapters.kafka.connection import KafkaConnection
from inventory_stream.adapters.kafka.topic_rules import Severity
from inventory_stream.adapters.kafka.topics import check_topics, create_topics
from inventory_stream.devservers import KafkaServer
from inventory_stream.errors import UnreachableError
from inventory_stream.ports.audit import AUDIT, AuditRow
from inventory_stream.settings import KafkaSettings, Settings


def row(outcome: str) -> AuditRow:
    """Give a row."""
    return AuditRow(
        at_ms=1, caller="isk_a", act="POST /v1/sales", subject="/v1/sales", outcome=outcome, request_id="r"
    )


async def test_rows_are_kept_in_order_and_a_topic_that_is_not_there_is_told(
    kafka_server: KafkaServer, topic_prefix: str
) -> None:
    """Without the topic each write is refused within its bound; with it the same trail goes on."""
    settings = Settings(
        kafka=KafkaSettings(
            bootstrap_servers=kafka_server.bootstrap_servers, topic_prefix=topic_prefix, partitions=1
        )
    )
    connection, topic = KafkaConnection.of(settings.kafka), settings.topic(AUDIT)
    trail = KafkaAuditTrail(connection, topic, write_seconds_max=1.0)
    with pytest.raises(UnreachableError, match=topic):
        await trail.write(row("asked"))
    assert topic in await create_topics(settings)
    assert not [
        one for one in await check_topics(settings) if one.subject == topic and one.severity is Severity.ERROR
    ]
    outcomes = ["asked", "201", "asked", "409 sale-closed"]
    for outcome in outcomes:
        await trail.write(row(outcome))
    await trail.close()
    stored = [one async for one in KafkaAuditReader(connection, topic).rows()]
    assert [one.row for one in stored] == [row(outcome) for outcome in outcomes]
    assert stored[0].written_ms > row("").at_ms  # the broker's time, whatever the row says
