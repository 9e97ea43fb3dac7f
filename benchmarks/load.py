"""The load: seeded commands in the wire forms of docs/contracts.md, and what must come of them."""

import random
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum, unique
from functools import cached_property
from typing import Final

import msgspec
from aiokafka import AIOKafkaProducer

from models.codec import PACK_COMMANDS_MAX, encode_pack, to_positional
from models.commands import Command, Sync

LOCATION: Final = "DC1"
"""All stock lies here: what is measured is the decision, not the search over locations."""

UNITS_EACH_MAX: Final = 3
"""A command asks for 1 to 3 units, so that a lost, doubled or swapped decision changes the sums."""

TTL_SECONDS: Final = 3_600
"""Longer than any run: nothing expires while it is measured."""

BATCH_BYTES: Final = 256 * 1024
"""Of one record batch of commands. Many producers make small batches, one bulk loader large ones;
this is what a producer with some linger makes, and 1,700 single commands."""

_encode: Final = msgspec.json.Encoder().encode


@unique
class Form(StrEnum):
    """How commands lie in Kafka records."""

    SINGLE = "one JSON object per record"
    PACK = "packs of JSON objects"
    POSITIONAL = "positional packs"


@dataclass(frozen=True)
class Workload:
    """`commands` reservations over `skus` SKUs, chosen by `seed`.

    `stock_percent` is the opening stock as a share of the units asked: below 100 the last are
    refused, and one unit sold twice shows. `pack` is the number of commands of a packed record.
    `zipf_exponent`: the n-th SKU is asked for 1 / n^exponent as often as the first; 0: all alike.
    `first_sku` is the number in the first one's name.
    """

    commands: int
    skus: int
    form: Form
    pack: int = 100
    stock_percent: int = 95
    seed: int = 1
    zipf_exponent: float = 0.0
    first_sku: int = 0

    def __post_init__(self) -> None:
        assert 1 <= self.pack <= PACK_COMMANDS_MAX  # noqa: S101  # the codec would refuse the record

    @cached_property
    def asked(self) -> tuple[list[int], list[int]]:
        """Give the SKU number and the units of each command, by command number."""
        dice = random.Random(self.seed)
        weights = None
        if self.zipf_exponent:
            weights = [rank**-self.zipf_exponent for rank in range(1, self.skus + 1)]
        skus = dice.choices(range(self.skus), weights, k=self.commands)
        return skus, dice.choices(range(1, UNITS_EACH_MAX + 1), k=self.commands)

    @cached_property
    def stock(self) -> list[int]:
        """Give the opening stock by SKU number."""
        asked_of = [0] * self.skus
        for sku, units in zip(*self.asked, strict=True):
            asked_of[sku] += units
        return [units * self.stock_percent // 100 for units in asked_of]

    @cached_property
    def granted(self) -> bytes:
        """Give the units that each command must be granted, by command number: the whole model.

        One partition decides in the order of its log, so there is exactly one right answer.
        """
        free = list(self.stock)
        granted = bytearray(self.commands)
        for number, (sku, units) in enumerate(zip(*self.asked, strict=True)):
            if units <= free[sku]:
                free[sku] -= units
                granted[number] = units
        return bytes(granted)

    def stock_values(self) -> Iterator[bytes]:
        """Give the record values that state the opening stock: counts, in positional packs."""
        now_ms = time.time_ns() // 1_000_000
        counts: list[Command] = [
            to_positional(Sync(f"count-{number:06d}", self.sku_name(number), LOCATION, units, now_ms))
            for number, units in enumerate(self.stock)
        ]
        for first in range(0, len(counts), PACK_COMMANDS_MAX):
            yield encode_pack(counts[first : first + PACK_COMMANDS_MAX])

    def values(self) -> Iterator[tuple[bytes | None, bytes]]:
        """Give key and value of each order record; a pack has no key, its partition is explicit.

        Optional fields that a shop has nothing to say about are left out, as producers do.
        """
        skus, units = self.asked
        if self.form is Form.SINGLE:
            for number in range(self.commands):
                sku = self.sku_name(skus[number])
                yield sku.encode(), _encode(_as_object(number, sku, units[number]))
            return
        make = _as_object if self.form is Form.PACK else _as_array
        for first in range(0, self.commands, self.pack):
            numbers = range(first, min(first + self.pack, self.commands))
            yield (
                None,
                _encode([make(number, self.sku_name(skus[number]), units[number]) for number in numbers]),
            )

    @property
    def record_commands(self) -> int:
        """Commands of one record."""
        return 1 if self.form is Form.SINGLE else self.pack

    def sku_name(self, number: int) -> str:
        """Name the SKU of a number, 0 being the first of this workload."""
        return sku_name(self.first_sku + number)


def sku_name(number: int) -> str:
    """Name a SKU."""
    return f"SKU-{number:05d}"


def reservation_id(number: int) -> str:
    """Name the reservation of a command."""
    return f"res-{number:09d}"


ROW_PREFIX: Final = b"r/res-"
"""Begins the key of the row of every reservation of a workload."""


def command_number(reservation: str | bytes) -> int:
    """Undo `reservation_id`, also on a row key that ends with it.

    Raises:
        ValueError: not one of ours.
    """
    return int(reservation[-9:])


def _as_object(number: int, sku: str, units: int) -> dict[str, str | int]:
    return {
        "type": "reserve",
        "id": f"cmd-{number:09d}",
        "reservation_id": reservation_id(number),
        "sku": sku,
        "units": units,
        "ttl_seconds": TTL_SECONDS,
        "location": LOCATION,
        "channel": "web",
    }


def _as_array(number: int, sku: str, units: int) -> tuple[str | int | None, ...]:
    name = reservation_id(number)
    return ("reserve", f"cmd-{number:09d}", name, sku, units, TTL_SECONDS, LOCATION, None, "first_fit", "web")


async def produce(
    bootstrap_servers: str, topic: str, records: Iterable[tuple[bytes | None, bytes]], partition: int = 0
) -> tuple[int, int]:
    """Append records to a partition in order; give their number and their bytes."""
    count = size_bytes = 0
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap_servers, acks="all", max_batch_size=BATCH_BYTES, max_request_size=8 << 20
    )
    await producer.start()
    try:
        await producer.partitions_for(topic)
        batch = producer.create_batch()
        acked = None
        for key, value in records:
            count += 1
            size_bytes += len(value)
            while batch.append(key=key, value=value, timestamp=None) is None:
                if acked is not None:
                    await acked
                acked = await producer.send_batch(batch, topic, partition=partition)
                batch = producer.create_batch()
        if acked is not None:
            await acked
        if batch.record_count():
            await (await producer.send_batch(batch, topic, partition=partition))
    finally:
        await producer.stop()
    return count, size_bytes
