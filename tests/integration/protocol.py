"""Owners of a real partition for the tests of P1 to P8, and waits for what they do."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypedDict, Unpack

from inventory_stream.adapters.kafka.connection import KafkaConnection
from inventory_stream.adapters.kafka.ledger_log import KafkaLedgerLog
from inventory_stream.adapters.kafka.process_end import EndProcess
from inventory_stream.ports.ledger_log import Claim, RowRecord
from models.rows import LocationGroupRow, encode_row, location_group_key

# Bounds waits that take under a second when all is well, on a machine that may be busy.
DEADLINE_SECONDS = 60.0


class Options(TypedDict, total=False):
    """What a test may change of an owner."""

    lease_seconds: float
    alive_interval_seconds: float
    request_timeout_seconds: float
    append_seconds_max: float
    end_process: EndProcess
    transactional_id: str | None
    clock: Callable[[], float]


class Endings:
    """Notes how processes would have ended."""

    def __init__(self) -> None:
        self.noted: list[tuple[int, str]] = []

    def __call__(self, code: int, reason: str) -> None:
        """Stand in for `end_process`."""
        self.noted.append((code, reason))


@asynccontextmanager
async def owner_of(
    bootstrap_servers: str, topic: str, **options: Unpack[Options]
) -> AsyncIterator[KafkaLedgerLog]:
    """Give an owner of partition 0; unless a test says otherwise it must not want to end the process."""
    endings = Endings()
    merged: Options = {
        "lease_seconds": 300.0,
        "alive_interval_seconds": 60.0,
        "end_process": endings,
        **options,
    }
    log = KafkaLedgerLog(connection=KafkaConnection(bootstrap_servers), topic=topic, partition=0, **merged)
    try:
        yield log
    finally:
        await log.close()
    assert endings.noted == []


async def take_over(log: KafkaLedgerLog) -> Claim:
    """Claim and read to the end."""
    claim = await log.claim()
    async for _ in log.read(claim):
        pass
    return claim


def group_row(term: int, group: str, *locations: str) -> RowRecord:
    """Give a small row."""
    return location_group_key(group), encode_row(LocationGroupRow(term, group, locations))


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition, with a deadline."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        await asyncio.sleep(0.01)
