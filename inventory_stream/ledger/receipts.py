"""Answers by row key, as small as they lie in the log, and which of them is forgotten first (R27, R29)."""

from collections.abc import Iterator, Mapping
from typing import Final

from inventory_stream.ledger.hash_index import HASH_MASK, HashIndex
from inventory_stream.ledger.receipt_chunks import CHUNK_ROWS, ReceiptChunks
from models.outcomes import Outcome
from models.rows import ReceiptRow

_REMEMBERED: Final = int(Outcome.REMEMBERED)


class Receipts(Mapping[bytes, ReceiptRow]):
    """The receipts of a partition, decoded when somebody asks.

    There may be millions, and hardly one is ever asked for. A dict of their rows and a heap of their times
    took 330 bytes for each (benchmarks, scenario `memory`), so the rows lie in chunks, found by the hash of
    their key and told apart by the ids in them. Those that wait for their order (R21) are kept as the one
    object that the state lists among the waiting.
    """

    __slots__ = ("_absent", "_chunks", "_index", "_packed", "_waiting", "of_orders")

    def __init__(self, chunk_rows: int = CHUNK_ROWS) -> None:
        self.of_orders = 0
        """How many belong to an order command: none, and nobody need look for one."""
        self._waiting: dict[bytes, ReceiptRow] = {}
        self._index = HashIndex()
        self._chunks = ReceiptChunks(self._move, chunk_rows)
        self._packed = 0
        # A new command's key is looked for before its answer is kept: then it need not be once more.
        self._absent = b""

    @property
    def oldest_ms(self) -> int | None:
        """When the oldest was decided, or somewhat earlier; None: none is kept, but for those that wait."""
        return self._chunks.oldest_ms() if self._packed else None

    def keep(self, key: bytes, receipt: ReceiptRow, value: bytes) -> None:
        """Keep a receipt, `value` being its row as it was written; one of the same key is replaced."""
        if key != self._absent:
            self.discard(key)
        self._absent = b""
        self.of_orders += receipt.reservation_id is not None
        if receipt.outcome == _REMEMBERED:
            self._waiting[key] = receipt
        else:
            self._index.add(hash(key) & HASH_MASK, self._chunks.append(receipt.at_ms, value))
            self._packed += 1

    def find(self, key: bytes) -> ReceiptRow | None:
        """Give a receipt, None when none is kept; a change to it is lost unless it is kept again."""
        for number in self._index.numbers_of(hash(key) & HASH_MASK):
            its_key, receipt = self._chunks.keyed(number)
            if its_key == key:
                return receipt
        waiting = self._waiting.get(key)
        if waiting is None:
            self._absent = key
        return waiting

    def waiting(self, key: bytes) -> ReceiptRow | None:
        """Give a receipt if it waits for its order (R21)."""
        return self._waiting.get(key)

    def discard(self, key: bytes) -> bool:
        """Forget a receipt; False: it was not there."""
        if self._waiting.pop(key, None) is None:
            hashed = hash(key) & HASH_MASK
            numbers = [
                number for number in self._index.numbers_of(hashed) if self._chunks.keyed(number)[0] == key
            ]
            if not numbers:
                return False
            self._index.remove(hashed, numbers[0])
            self._packed -= 1
            self._chunks.take_out(numbers[0])
        self.of_orders -= _is_of_order(key)
        return True

    def is_older(self, than_ms: int) -> bool:
        """Whether one, but for those that wait, was decided before a time."""
        return self._chunks.oldest(than_ms) >= 0

    def forget_oldest(self, before_ms: int) -> tuple[bytes, ReceiptRow] | None:
        """Forget the oldest, but for those that wait, and give it; None: none is from before then."""
        number = self._chunks.oldest(before_ms)
        if number < 0:
            return None
        key, receipt = self._chunks.keyed(number)
        self._index.remove(hash(key) & HASH_MASK, number)
        self._packed -= 1
        self._chunks.take_out_oldest(number)
        self.of_orders -= _is_of_order(key)
        return key, receipt

    def rows(self) -> Iterator[tuple[bytes, ReceiptRow]]:
        """Give all with their keys, in no order; none may be kept or forgotten meanwhile."""
        yield from self._waiting.items()
        yield from self._chunks.rows()

    def __contains__(self, key: object) -> bool:
        return isinstance(key, bytes) and self.find(key) is not None

    def __getitem__(self, key: bytes) -> ReceiptRow:
        receipt = self.find(key)
        if receipt is None:
            raise KeyError(key)
        return receipt

    def __delitem__(self, key: bytes) -> None:
        if not self.discard(key):
            raise KeyError(key)

    def __iter__(self) -> Iterator[bytes]:
        return (key for key, _ in self.rows())

    def __len__(self) -> int:
        return self._packed + len(self._waiting)

    def _move(self, key: bytes, number: int, to: int) -> None:
        self._index.replace(hash(key) & HASH_MASK, number, to)


def _is_of_order(key: bytes) -> bool:
    # c/<reservation id>/<command id>; identifiers hold no unescaped slash.
    return key.count(b"/") == 2
