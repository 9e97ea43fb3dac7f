"""The use case "show the ledger", on a ledger of the real decider."""

from typing import Any

from inventory_stream.adapters.kafka.live_rows import LiveRows
from inventory_stream.flows.dump_ledger import RowKind, dump_ledger
from tests.fakes.ledger_reader import FakeLedger
from tests.unit.flows.decided_ledger import random_ledger


async def dumped(ledger: FakeLedger, **options: Any) -> list[dict[str, Any]]:  # noqa: ANN401  # passed on
    """Give the rows of partition 0."""
    return [row async for row in dump_ledger(ledger, LiveRows, [0], **options)]


async def test_latest_tells_each_key_once_as_it_is_now() -> None:
    """Of many versions of a row only the newest is told, in the order of offsets."""
    ledger = random_ledger(31)
    every = await dumped(ledger)
    newest = {row["key"]: row for row in every}
    latest = await dumped(ledger, is_latest_only=True)
    assert len(latest) < len(every)
    assert latest == sorted(
        (row for row in newest.values() if row["row"] is not None), key=lambda row: int(row["offset"])
    )


async def test_latest_leaves_out_what_was_deleted() -> None:
    """A key that ends in a tombstone is not there any more."""
    ledger = random_ledger(32)
    (first, *others) = await dumped(ledger, kind=RowKind.POSITION, is_latest_only=True)
    ledger.tombstone(0, first["key"].encode())
    assert await dumped(ledger, kind=RowKind.POSITION, is_latest_only=True) == others
