"""P7: any append error ends the process, at once."""

import asyncio
from pathlib import Path

import pytest

from inventory_stream.devservers import KafkaServer
from inventory_stream.errors import LedgerLogError
from tests.conftest import start_or_skip
from tests.integration.ledger_topics import create_ledger
from tests.integration.protocol import DEADLINE_SECONDS, Endings, group_row, owner_of, take_over
from tests.integration.test_protocol_lease import owner_process


async def test_refused_owner_ends_with_one_line_and_status_70(
    kafka_server: KafkaServer, topic_prefix: str
) -> None:
    """The first append after another's claim ends the real process; its supervisor sees why."""
    servers = kafka_server.bootstrap_servers
    topic = await create_ledger(servers, topic_prefix)
    async with owner_process(servers, topic) as process, owner_of(servers, topic) as owner:
        claim = await owner.claim()
        async with asyncio.timeout(DEADLINE_SECONDS):
            _, errors = await process.communicate()
        await (await owner.append([group_row(claim.term, "b", "DC1")]))
    assert process.returncode == 70
    ours = [line for line in errors.decode().splitlines() if line.startswith("worker ends with status 70")]
    assert len(ours) == 1
    assert "FencedError" in ours[0]


@pytest.mark.broker
async def test_append_has_a_deadline_of_its_own(tmp_path: Path, topic_prefix: str) -> None:
    """Idempotent batches never expire by themselves: a broker that is away ends the owner in the end."""
    server = KafkaServer(tmp_path / "kafka")
    start_or_skip(server)
    endings = Endings()
    try:
        topic = await create_ledger(server.bootstrap_servers, topic_prefix)
        async with owner_of(
            server.bootstrap_servers,
            topic,
            append_seconds_max=0.5,
            request_timeout_seconds=30.0,
            end_process=endings,
        ) as owner:
            claim = await take_over(owner)
            server.pause()
            under_way = await owner.append([group_row(claim.term, "a", "DC1")])
            with pytest.raises(LedgerLogError, match="not acknowledged"):
                async with asyncio.timeout(DEADLINE_SECONDS):
                    await under_way
            with pytest.raises(LedgerLogError, match="not acknowledged"):
                await owner.append([group_row(claim.term, "a", "DC1")])
    finally:
        server.resume()
        server.stop()
    assert [code for code, _ in endings.noted] == [70]
