"""Whether what was promised is what was written: the ledger read back, or the peer's Redis."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from typing import Final, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from redis.asyncio import Redis

from benchmarks.gateway.words import Outcome
from inventory_stream.adapters.kafka.topic_rules import LEDGER
from inventory_stream.settings import Settings
from models.rows import ReservationRow, decode_row

READ_SECONDS_MAX: Final = 120.0
"""Of the rows of one scenario: 300,000 take 3 s."""

Granted = Mapping[str, tuple[str, int]]
"""Reservation -> its SKU, the units granted."""


class Checked(NamedTuple):
    """What a check found; a figure counts only without faults."""

    oversold_units: int
    faults: list[str]


async def ledger_ends(settings: Settings) -> dict[TopicPartition, int]:
    """Give the present end of every partition of the ledger."""
    places = [TopicPartition(settings.topic(LEDGER), number) for number in range(settings.kafka.partitions)]
    consumer = AIOKafkaConsumer(bootstrap_servers=settings.kafka.bootstrap_servers)
    await consumer.start()
    try:
        return dict(await consumer.end_offsets(places))
    finally:
        await consumer.stop()


async def read_granted(settings: Settings, since: Mapping[TopicPartition, int]) -> Granted:
    """Read which reservations were granted since some offsets. Aiokafka's consumer, not the product's.

    Raises:
        TimeoutError: it cannot be read in time.
    """
    ends = await ledger_ends(settings)
    granted: dict[str, tuple[str, int]] = {}
    behind = {place for place, end in ends.items() if since[place] < end}
    if not behind:
        return granted  # aiokafka 0.14 cannot stop a consumer that has done nothing
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.kafka.bootstrap_servers,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        max_partition_fetch_bytes=8 << 20,
    )
    await consumer.start()
    try:
        consumer.assign(list(ends))
        for place, offset in since.items():
            consumer.seek(place, offset)
        async with asyncio.timeout(READ_SECONDS_MAX):
            while behind:
                for records in (await consumer.getmany(timeout_ms=500)).values():
                    for record in records:
                        if record.key[:2] == b"r/":
                            row = decode_row(record.key, record.value)
                            assert isinstance(row, ReservationRow)  # noqa: S101  # by its key
                            units = sum(line.granted for line in row.lines)
                            granted[row.reservation_id] = (row.sku, units)
                # Past control rows, too, which are not handed out.
                behind = {place for place in behind if await consumer.position(place) < ends[place]}
    finally:
        await consumer.stop()
    return granted


def check(outcome: Outcome, granted: Granted, stock: Mapping[str, int]) -> Checked:
    """Compare what was told with what was written, and that with the stock.

    Every reservation that was promised is there, with its SKU and its units; none is there that nobody was
    told of, but for those whose asker got no answer; no SKU has more granted than it had units (I2).
    """
    told = {one.reservation_id: (one.sku, one.units) for one in outcome.granted}
    faults = []
    if len(told) < len(outcome.granted):
        faults.append(f"{len(outcome.granted) - len(told)} reservations were promised twice")
    missing = [one for one in told if one not in granted]
    if missing:
        faults.append(f"{len(missing)} of {len(told)} promised reservations are not in the ledger")
    other = [one for one, what in told.items() if one in granted and granted[one] != what]
    if other:
        faults.append(f"{len(other)} reservations are in the ledger otherwise than promised")
    silent = [one for one, (_, units) in granted.items() if units and one not in told]
    if len(silent) > outcome.not_told:
        faults.append(f"{len(silent)} granted that nobody was told of; {outcome.not_told} had no answer")
    sums: Counter[str] = Counter()
    for sku, units in granted.values():
        sums[sku] += units
    oversold = sum(max(0, units - stock.get(sku, 0)) for sku, units in sums.items())
    if oversold:
        faults.append(f"{oversold} units oversold")
    return Checked(oversold, faults)


async def state_fastapi_stock(url: str, location: str, stock: Mapping[str, int]) -> None:
    """Put the peer's stock into an empty Redis."""
    async with Redis.from_url(url) as redis:
        await redis.flushall()
        await redis.mset({f"stock:{sku}:{location}": units for sku, units in stock.items()})


async def check_fastapi(outcome: Outcome, url: str, location: str, stock: Mapping[str, int]) -> Checked:
    """Compare what the peer promised with what is left in its Redis."""
    names = list(stock)
    async with Redis.from_url(url) as redis:
        left = await redis.mget([f"stock:{sku}:{location}" for sku in names])
    taken = {sku: stock[sku] - int(units or 0) for sku, units in zip(names, left, strict=True)}
    told: Counter[str] = Counter()
    for one in outcome.granted:
        told[one.sku] += one.units
    oversold = sum(max(0, told[sku] - stock[sku]) for sku in names)
    faults = [f"{oversold} units oversold"] if oversold else []
    if not 0 <= sum(taken.values()) - told.total() <= outcome.not_told:
        faults.append(f"{told.total()} units promised, {sum(taken.values())} taken")
    return Checked(oversold, faults)
