"""P3: an owner whose lease has run out sends nothing any more, not even aiokafka's own retries."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from inventory_stream.adapters.kafka.lease import boottime_seconds
from inventory_stream.devservers import KafkaServer
from inventory_stream.errors import LedgerLogError
from tests.conftest import start_or_skip
from tests.integration.ledger_topics import create_ledger, everything_in, reader_of
from tests.integration.protocol import DEADLINE_SECONDS, Endings, group_row, owner_of, take_over, until

LEASE_SECONDS = 2.0


class Clock:
    """A clock that a test moves."""

    seconds = 0.0

    def __call__(self) -> float:
        """Give the time."""
        return self.seconds


@asynccontextmanager
async def owner_process(servers: str, topic: str) -> AsyncIterator[Process]:
    """Run an owner in a process of its own until it says that it owns the partition."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.integration.ledger_owner", servers, topic, str(LEASE_SECONDS)),
        cwd=Path(__file__).parents[2],
        stdout=PIPE,
        stderr=PIPE,
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(DEADLINE_SECONDS):
            assert await process.stdout.readline() == b"owner\n"
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def end_of(servers: str, topic: str) -> int:
    """Give the offset that the next row would get."""
    async with reader_of(servers, topic) as reader:
        return await reader.end()


async def test_woken_owner_ends_without_sending_when_it_slept_past_its_lease(
    kafka_server: KafkaServer, topic_prefix: str
) -> None:
    """After SIGSTOP for longer than the lease the woken process exits with 70, and begins no append."""
    servers = kafka_server.bootstrap_servers
    topic = await create_ledger(servers, topic_prefix)
    async with owner_process(servers, topic) as process:
        os.kill(process.pid, signal.SIGSTOP)
        woken_at = boottime_seconds() + LEASE_SECONDS + 0.5
        await until(lambda: boottime_seconds() > woken_at)
        end = await end_of(servers, topic)
        os.kill(process.pid, signal.SIGCONT)
        async with asyncio.timeout(DEADLINE_SECONDS):
            _, errors = await process.communicate()
    assert process.returncode == 70
    assert b"lease" in errors
    # The stop may have hit between the look at the lease and the write to the socket: that one append goes
    # out on waking, and the broker refuses it where somebody has claimed meanwhile (P1).
    assert await end_of(servers, topic) - end <= 1


async def test_woken_owner_goes_on_when_it_slept_less_than_its_lease(
    kafka_server: KafkaServer, topic_prefix: str
) -> None:
    """A short stop is no reason to end: the next append is sent and acknowledged."""
    servers = kafka_server.bootstrap_servers
    topic = await create_ledger(servers, topic_prefix)
    async with owner_process(servers, topic) as process, reader_of(servers, topic) as reader:
        os.kill(process.pid, signal.SIGSTOP)
        end = await reader.end()
        os.kill(process.pid, signal.SIGCONT)
        async with asyncio.timeout(DEADLINE_SECONDS):
            while await reader.end() < end + 10:
                pass  # each look asks the broker
        assert process.returncode is None


@pytest.fixture
def own_server(tmp_path: Path) -> KafkaServer:
    """Return a running broker that a test may stop."""
    server = KafkaServer(tmp_path / "kafka")
    start_or_skip(server)
    return server


@pytest.mark.broker
async def test_queued_append_is_not_sent_again_when_the_lease_ran_out(
    own_server: KafkaServer, topic_prefix: str
) -> None:
    """Aiokafka sends a queued batch again by itself, without an end: the lease is checked below that."""
    servers = own_server.bootstrap_servers
    clock, endings = Clock(), Endings()
    try:
        topic = await create_ledger(servers, topic_prefix)
        async with owner_of(
            servers, topic, clock=clock, lease_seconds=10.0, end_process=endings, request_timeout_seconds=1.0
        ) as owner:
            claim = await take_over(owner)
            await (await owner.append([group_row(claim.term, "a", "DC1")]))
            own_server.stop()
            under_way = await owner.append([group_row(claim.term, "a", "LATE")])
            clock.seconds += 10.1
            own_server.start()
            with pytest.raises(LedgerLogError, match="lease"):
                async with asyncio.timeout(DEADLINE_SECONDS):
                    await under_way
        assert [code for code, _ in endings.noted] == [70]
        assert b"LATE" not in b"".join(record.value or b"" for record in await everything_in(servers, topic))
    finally:
        own_server.stop()


async def test_idle_owner_ends_when_its_lease_ran_out(kafka_server: KafkaServer, topic_prefix: str) -> None:
    """An owner that appends nothing at all for the lease is ended by its watchdog."""
    servers = kafka_server.bootstrap_servers
    topic = await create_ledger(servers, topic_prefix)
    clock, endings = Clock(), Endings()
    async with owner_of(servers, topic, clock=clock, lease_seconds=1.0, end_process=endings) as owner:
        await take_over(owner)
        clock.seconds += 1.1
        await until(lambda: bool(endings.noted))
    ((code, reason),) = endings.noted
    assert code == 70
    assert "lease" in reason
