"""A program that owns a ledger partition and appends to it without end: `BOOTSTRAP TOPIC LEASE_SECONDS`."""

import asyncio
import sys

from inventory_stream.adapters.kafka.connection import KafkaConnection
from inventory_stream.adapters.kafka.ledger_log import KafkaLedgerLog
from tests.integration.protocol import group_row, take_over

APPEND_PAUSE_SECONDS = 0.005


async def main(bootstrap_servers: str, topic: str, lease_seconds: float) -> None:
    """Claim, say so, and append one row after the other."""
    log = KafkaLedgerLog(
        connection=KafkaConnection(bootstrap_servers),
        topic=topic,
        partition=0,
        lease_seconds=lease_seconds,
        alive_interval_seconds=60.0,
    )
    claim = await take_over(log)
    print("owner", flush=True)  # noqa: T201  # what the test waits for
    while True:
        await (await log.append([group_row(claim.term, "a", "DC1")]))
        await asyncio.sleep(APPEND_PAUSE_SECONDS)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], float(sys.argv[3])))
