"""P5: every ack follows on the one before, or the owner ends."""

import pytest

from inventory_stream.devservers import KafkaServer
from inventory_stream.errors import ForeignAppendError
from tests.integration.ledger_topics import create_ledger, write_unfenced
from tests.integration.protocol import Endings, group_row, owner_of, take_over


@pytest.mark.parametrize("appends_before", [0, 1])
async def test_owner_ends_when_foreign_rows_are_in_the_log(
    kafka_server: KafkaServer, topic_prefix: str, appends_before: int
) -> None:
    """Rows that no fence refused shift our next ack; its gap ends us, right after a claim as well."""
    servers = kafka_server.bootstrap_servers
    topic = await create_ledger(servers, topic_prefix)
    endings = Endings()
    async with owner_of(servers, topic, end_process=endings) as owner:
        claim = await take_over(owner)
        for at in range(appends_before):
            await (await owner.append([group_row(claim.term, f"g{at}", "DC1")]))
        await write_unfenced(servers, topic, [group_row(claim.term, "x", "FOREIGN")])
        with pytest.raises(ForeignAppendError):
            await (await owner.append([group_row(claim.term, "y", "DC1")]))
        with pytest.raises(ForeignAppendError):
            await owner.append([group_row(claim.term, "z", "DC1")])
    assert [code for code, _ in endings.noted] == [70]


async def test_acks_are_contiguous_over_batches_of_all_sizes(
    kafka_server: KafkaServer, topic_prefix: str
) -> None:
    """Without faults the rule is never in the way: each base offset is the last one plus its rows."""
    servers = kafka_server.bootstrap_servers
    topic = await create_ledger(servers, topic_prefix)
    async with owner_of(servers, topic) as owner:
        claim = await take_over(owner)
        expected = claim.read_through + 1
        for rows in (1, 2, 1_000, 1, 30_000, 7):
            batch = [group_row(claim.term, f"g{at}", "DC1") for at in range(rows)]
            assert await (await owner.append(batch)) == expected
            expected += rows
