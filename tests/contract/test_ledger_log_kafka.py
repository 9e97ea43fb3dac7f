"""The ledger log on a real Kafka keeps the contract."""

from collections.abc import AsyncIterator, Sequence

import pytest

from inventory_stream.adapters.kafka.connection import KafkaConnection
from inventory_stream.adapters.kafka.ledger_log import KafkaLedgerLog
from inventory_stream.devservers import KafkaServer
from inventory_stream.ports.ledger_log import LedgerLog, RowRecord
from tests.contract.ledger_log_suite import LedgerLogBench, LedgerLogSuite
from tests.integration.ledger_topics import create_ledger, write_unfenced


class KafkaBench(LedgerLogBench):
    """Owners of a partition of a real topic; closed at the end."""

    def __init__(self, bootstrap_servers: str, topic: str) -> None:
        super().__init__()
        self.bootstrap_servers = bootstrap_servers
        self.topic = topic
        self.owners: list[KafkaLedgerLog] = []

    def owner(self) -> LedgerLog:
        """Give an owner."""
        log = KafkaLedgerLog(
            connection=KafkaConnection(self.bootstrap_servers),
            topic=self.topic,
            partition=0,
            lease_seconds=300.0,
            alive_interval_seconds=60.0,
            end_process=self.end_process,
        )
        self.owners.append(log)
        return log

    async def write_foreign(self, rows: Sequence[RowRecord], term: int = 0) -> None:
        """Append as a producer that no rule binds."""
        await write_unfenced(self.bootstrap_servers, self.topic, rows, term)


@pytest.fixture
async def bench(kafka_server: KafkaServer, topic_prefix: str) -> AsyncIterator[KafkaBench]:
    """Return an empty partition of a fresh topic."""
    topic = await create_ledger(kafka_server.bootstrap_servers, topic_prefix)
    bench = KafkaBench(kafka_server.bootstrap_servers, topic)
    yield bench
    for owner in bench.owners:
        await owner.close()


class TestKafkaLedgerLog(LedgerLogSuite):
    """The contract."""
