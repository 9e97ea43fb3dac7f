"""Between Kafka and the core, without a broker: unpacking what was fetched, appending, picking live rows.

`python -m benchmarks.log_loop` measures each way as aiokafka has it and as ours, in turns, round by round,
and gives the best round of each in us of processor for a record: on a busy machine the others tell of it.
"""

import argparse
import gc
import time
from collections.abc import Callable
from typing import Final

from aiokafka.consumer.fetcher import READ_COMMITTED, PartitionRecords
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.default_records import DefaultRecordBatch
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.structs import TopicPartition

from inventory_stream.adapters.kafka.client_internals import fill_batch
from inventory_stream.adapters.kafka.live_rows import LiveRows
from inventory_stream.adapters.kafka.raw_records import RawRecords
from models.rows import LocationGroupRow, encode_row, reservation_key

RECORDS: Final = 2_000
"""Of one fetch, as `worker.batch_records_max`."""
BATCH_BYTES: Final = 4 << 20
"""As the owner's producer has it (P6)."""
TERM: Final = 1_000
"""Of the rows; they lie after it."""
VALUE: Final = encode_row(LocationGroupRow(TERM, "g" * 40, ("DC1", "DC2", "DC3", "DC4", "DC5")))
"""About as long as the row of a grant."""
ROWS: Final = [(reservation_key(f"res-{number:09d}"), VALUE) for number in range(RECORDS)]


def _fetched() -> bytes:
    """Give the answer to a fetch: one batch that lies after the claim."""
    batch = BatchBuilder(BATCH_BYTES, 0)
    assert fill_batch(batch, ROWS, [])  # noqa: S101  # 140 kB
    data = bytearray(batch._build())  # noqa: SLF001  # the bytes of a batch, without a producer
    data[:8] = (TERM + 1).to_bytes(8)  # the base offset, which the checksum leaves out
    return bytes(data)


FETCHED: Final = _fetched()


def _partition_records() -> PartitionRecords:
    place = TopicPartition("orders", 0)
    return PartitionRecords(place, MemoryRecords(FETCHED), None, TERM + 1, None, None, True, READ_COMMITTED)  # noqa: FBT003  # its signature


def unpack_by_aiokafka() -> int:
    """One ConsumerRecord after the other, as `getmany` does."""
    return len(list(_partition_records()))


def unpack_raw() -> int:
    """Whole lists, as the workers do."""
    return len(RawRecords(_partition_records()).take(RECORDS)[0])


def append_by_aiokafka() -> int:
    """`BatchBuilder.append` row by row."""
    batch = BatchBuilder(BATCH_BYTES, 0)
    for key, value in ROWS:
        batch.append(timestamp=None, key=key, value=value)
    return int(batch.record_count())


def append_filled() -> int:
    """All rows at once, as the owner does."""
    batch = BatchBuilder(BATCH_BYTES, 0)
    fill_batch(batch, ROWS, [])
    return int(batch.record_count())


STORED: Final = list(DefaultRecordBatch(FETCHED))


def rows_fed() -> int:
    """Live rows as objects of ours, as the projection has them."""
    return len(LiveRows(TERM).feed(STORED))


def rows_picked() -> int:
    """Live rows as they came, as a recovery has them."""
    return len(LiveRows(TERM).pick(STORED))


PAIRS: Final[dict[str, tuple[Callable[[], int], Callable[[], int]]]] = {
    "unpack": (unpack_by_aiokafka, unpack_raw),
    "append": (append_by_aiokafka, append_filled),
    "live rows": (rows_fed, rows_picked),
}
"""What is done in two ways, the plain one first."""


def measure(ways: tuple[Callable[[], int], ...], rounds: int) -> list[float]:
    """Give the best round of each way, measured in turns: us of processor for a record."""
    best = [float("inf")] * len(ways)
    for _ in range(rounds):
        for number, way in enumerate(ways):
            began = time.process_time_ns()
            count = way()
            best[number] = min(best[number], (time.process_time_ns() - began) / 1_000 / count)
            assert count == RECORDS  # noqa: S101  # both ways do all of it
    return best


def main() -> None:
    """Measure every pair and print it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.log_loop", description=__doc__)
    parser.add_argument("--rounds", type=int, default=100, help="of each way (default 100)")
    rounds = parser.parse_args().rounds
    gc.disable()  # nothing here makes cycles
    print(f"{'':10} {'plain us':>9} {'ours us':>9} {'ratio':>6}")
    for name, ways in PAIRS.items():
        plain, ours = measure(ways, rounds)
        print(f"{name:10} {plain:9.3f} {ours:9.3f} {plain / ours:5.1f}x")


if __name__ == "__main__":
    main()
