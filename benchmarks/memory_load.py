"""The rows whose memory is measured: one kind at a time, made by real decisions on commands from the wire."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum, unique
from itertools import count, islice
from typing import BinaryIO, Final, TypedDict

from inventory_stream.ledger.batch import Sealed
from inventory_stream.ledger.decide import DecodedRecord, decide_batch
from inventory_stream.ledger.rules import Rules
from inventory_stream.ledger.state import PartitionState
from models.codec import ORDER_DECODER, STOCK_DECODER, CommandDecoder, encode_pack
from models.commands import Command, Reserve, Sync, TillSale

TERM: Final = 1_000_000
"""Of all rows: as wide as in a ledger that has lived for a while."""

BATCH_COMMANDS: Final = 100
BATCH_MS: Final = 5
"""A batch of 100 every 5 ms: 20,000 commands a second, as in the scenario `latency`. Commands decided
together share their time and their deadline, so smaller batches take a little more memory."""

START_MS: Final = 1_767_225_600_000
"""The first decision: 2026-01-01T00:00:00Z. A fixed time makes every run the same."""

LOCATIONS: Final = ("DC1", "STORE-1", "STORE-2", "STORE-3")
"""Of each SKU where positions are measured: what is kept per SKU is shared by its positions."""

TTL_SECONDS: Final = 3_600
STOCK_EACH: Final = 1_000_000
RECEIPTS_MIN: Final = 1_000
"""The least that `ledger.receipts_max` may be: where positions are measured, their counts' receipts
fold away behind it."""

_LENGTH_BYTES: Final = 4
_TOMBSTONE: Final = 0xFFFFFFFF


@unique
class Kind(StrEnum):
    """What is measured."""

    RESERVATION = "live reservation"
    POSITION = "position"
    RECEIPT = "receipt"


class Found(TypedDict):
    """What one process saw. Bytes are resident memory (RSS)."""

    base_bytes: int
    full_bytes: int
    items: int
    seconds: float
    positions_sha256: str
    oversold_units: int


@dataclass(frozen=True)
class MemoryLoad:
    """`items` of a kind, spread evenly over `skus` SKUs; positions: over as many SKUs as they need."""

    kind: Kind
    items: int
    skus: int

    def new_state(self) -> PartitionState:
        """Give the empty state that takes the items."""
        rules = Rules(receipts_max=RECEIPTS_MIN) if self.kind is Kind.POSITION else Rules()
        state = PartitionState(0, 1, rules)
        state.term = TERM
        return state

    def opening(self) -> Iterator[Command]:
        """Give the commands before anything is measured: the SKUs that items belong to."""
        if self.kind is not Kind.POSITION:
            yield from (_count(number, number, "DC1") for number in range(self.skus))

    def items_commands(self) -> Iterator[Command]:
        """Give one command per item."""
        if self.kind is Kind.POSITION:
            for number in range(self.items):
                of_sku, place = divmod(number, len(LOCATIONS))
                yield _count(number, of_sku, LOCATIONS[place])
            return
        for number in range(self.items):
            sku = _sku(number % self.skus)
            if self.kind is Kind.RESERVATION:
                yield Reserve(
                    f"cmd-{number:09d}", f"res-{number:09d}", sku, 1, TTL_SECONDS, "DC1", channel="web"
                )
            else:
                # Each with a time of its own, as tills have.
                yield TillSale(f"till-{number:09d}", sku, "DC1", 1, START_MS + number)

    def kept(self, state: PartitionState) -> int:
        """Count the items that a state holds."""
        if self.kind is Kind.RESERVATION:
            return sum(1 for row in state.reservations.values() if not row.ended_ms)
        if self.kind is Kind.POSITION:
            return sum(map(len, state.skus.values()))
        return sum(1 for key in state.receipts if key.startswith(b"c/till-"))

    def belongs(self, key: bytes) -> bool:
        """Say whether compaction would leave this row for a recovery to read."""
        return self.kind is not Kind.POSITION or not key.startswith(b"c/")


class Decider:
    """Decides commands as an owner does: decoded from wire bytes, in batches, on one clock."""

    def __init__(self, state: PartitionState) -> None:
        self.state = state
        self._offsets = {STOCK_DECODER: count(), ORDER_DECODER: count()}
        self._now_ms = START_MS

    def decide(self, commands: Iterator[Command]) -> Iterator[Sealed]:
        """Give the batches of all commands."""
        while True:
            some = list(islice(commands, BATCH_COMMANDS))
            if not some:
                return
            orders = isinstance(some[0], Reserve)
            decoder: CommandDecoder = ORDER_DECODER if orders else STOCK_DECODER
            decoded, poison = decoder.decode(encode_pack(some))
            assert not poison, poison  # noqa: S101  # our own load
            self._now_ms += BATCH_MS
            records = [DecodedRecord(next(self._offsets[decoder]), self._now_ms, decoded)]
            del decoded, some
            yield from decide_batch(
                self.state, () if orders else records, records if orders else (), self._now_ms
            )


def write_rows(sealed: Sealed, load: MemoryLoad, file: BinaryIO) -> None:
    """Append the rows of a batch to a file."""
    for key, value in sealed.rows:
        if load.belongs(key):
            length = _TOMBSTONE if value is None else len(value)
            file.write(len(key).to_bytes(_LENGTH_BYTES) + length.to_bytes(_LENGTH_BYTES))
            file.write(key + (value or b""))


def read_rows(file: BinaryIO) -> Iterator[tuple[bytes, bytes | None]]:
    """Give the rows of a file one by one."""
    while head := file.read(2 * _LENGTH_BYTES):
        key_bytes, value_bytes = (
            int.from_bytes(head[:_LENGTH_BYTES]),
            int.from_bytes(head[_LENGTH_BYTES:]),
        )
        key = file.read(key_bytes)
        yield key, None if value_bytes == _TOMBSTONE else file.read(value_bytes)


def _sku(number: int) -> str:
    return f"SKU-{number:06d}"


def _count(number: int, sku: int, location: str) -> Sync:
    return Sync(f"count-{number:09d}", _sku(sku), location, STOCK_EACH, START_MS - 1)
