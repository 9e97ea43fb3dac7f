"""Rows of receipts in pieces of memory of some hundred, by number, and the oldest of them first (R29)."""

from array import array
from collections.abc import Callable, Iterator, Sequence
from heapq import heapify, heappop, heappush, heapreplace
from typing import Final

import msgspec

from models.rows import ReceiptRow, receipt_key

CHUNK_ROWS: Final = 512
"""Rows of a chunk: to put it in order takes 1 ms, and one row of it that is left keeps 60 kB in memory."""
CHUNK_BYTES: Final = 0xFFFF
"""No row begins later in its chunk: two bytes say where."""
EMPTY_CHUNKS_MAX: Final = 64
"""Chunks without a live row that may wait for their turn, beyond as many as have some."""

_decode: Final = msgspec.msgpack.Decoder(ReceiptRow).decode
_INDEX_BITS: Final = 9  # of a number, for 512 rows; 23 are left for the chunk, so for 4,000 million rows
_INDEX_MASK: Final = (1 << _INDEX_BITS) - 1


class Chunk:
    """Rows back to back as they were written, in the order in which they came.

    `dead` has a bit for each row that was taken out. `first_ms` is the oldest time that any row had. `order`
    are the indexes of those that lived when the chunk's turn came, by time and key; `next_at` is how far
    they were gone through.
    """

    __slots__ = ("data", "dead", "first_ms", "next_at", "number", "order", "starts")

    def __init__(self, number: int) -> None:
        self.number = number
        self.data: bytes | bytearray = bytearray()
        self.starts: array[int] = array("H")
        self.dead = 0
        self.first_ms = 0
        self.order: array[int] | None = None
        self.next_at = 0

    @property
    def live(self) -> int:
        """How many rows were not taken out."""
        return len(self.starts) - self.dead.bit_count()

    def value(self, index: int) -> bytes:
        """Give a row as it was written."""
        starts = self.starts
        end = starts[index + 1] if index + 1 < len(starts) else len(self.data)
        return bytes(self.data[starts[index] : end])

    def keyed(self, index: int) -> tuple[bytes, ReceiptRow]:
        """Decode a row; its key is made of the ids in it."""
        row = _decode(self.value(index))
        return receipt_key(row.command_id, row.reservation_id), row

    def rows(self) -> Iterator[tuple[int, bytes, ReceiptRow]]:
        """Give what lives: index, key, row."""
        for index in range(len(self.starts)):
            if not self.dead >> index & 1:
                yield (index, *self.keyed(index))


class ReceiptChunks:
    """Rows by number: of their chunk, and of their place in it.

    The oldest is the first by time, and by key within a moment, as a recovery finds them (I8). Rows come
    nearly in order of time, so it is enough to know the oldest of each chunk: `_heads` is a heap of (ms,
    key, chunk number) of all closed chunks, the key empty until a chunk's turn comes and it is put in order.
    So to forget takes no longer than to keep, and nobody waits for more than one chunk.

    A chunk of which less than half lives is given up, and what lives of it moves to the open one: `moved`
    hears of it, with key, number and new number.
    """

    __slots__ = ("_chunks", "_empty", "_free", "_heads", "_moved", "_open", "_rows_max")

    def __init__(self, moved: Callable[[bytes, int, int], None], rows_max: int = CHUNK_ROWS) -> None:
        assert rows_max <= CHUNK_ROWS, "a row's place in its chunk has 9 bits"
        self._moved = moved
        self._rows_max = rows_max
        self._chunks: list[Chunk] = []
        self._free: list[int] = []
        self._heads: list[tuple[int, bytes, int]] = []
        self._empty = 0
        self._open = self._new_chunk()

    def append(self, at_ms: int, value: bytes) -> int:
        """Add a row; gives its number."""
        chunk = self._open
        index, start = len(chunk.starts), len(chunk.data)
        while index == self._rows_max or start > CHUNK_BYTES:
            self._close()
            chunk = self._open  # with rows of the one before, if that was given up
            index, start = len(chunk.starts), len(chunk.data)
        if not index or at_ms < chunk.first_ms:
            chunk.first_ms = at_ms
        chunk.starts.append(start)
        chunk.data += value
        return chunk.number << _INDEX_BITS | index

    def keyed(self, number: int) -> tuple[bytes, ReceiptRow]:
        """Decode a row; gives its key with it."""
        return self._chunks[number >> _INDEX_BITS].keyed(number & _INDEX_MASK)

    def take_out(self, number: int) -> None:
        """Count a row as dead."""
        chunk = self._chunks[number >> _INDEX_BITS]
        chunk.dead |= 1 << (number & _INDEX_MASK)
        if chunk is not self._open:
            self._tidy(chunk)

    def oldest(self, before_ms: int) -> int:
        """Give the number of the oldest row; -1: none is from before then."""
        while True:
            heads, latest = self._heads, self._open
            is_latest = bool(latest.starts) and (not heads or latest.first_ms <= heads[0][0])
            if not (is_latest or heads) or (latest.first_ms if is_latest else heads[0][0]) >= before_ms:
                return -1
            if is_latest:
                self._close()
                continue
            chunk = self._chunks[heads[0][2]]
            order = chunk.order
            if not chunk.starts:
                self._free.append(heappop(heads)[2])
                self._empty -= 1
            elif order is None:
                self._put_in_order(chunk)
            elif chunk.dead >> order[chunk.next_at] & 1:
                self._advance(chunk, order)
            else:
                return chunk.number << _INDEX_BITS | order[chunk.next_at]

    def oldest_ms(self) -> int | None:
        """When the oldest was decided, or earlier where an older one was taken out; None: of nothing."""
        times = [ms for ms, _, _ in self._heads[:1]]
        return min([*times, self._open.first_ms] if self._open.starts else times, default=None)

    def take_out_oldest(self, number: int) -> None:
        """Count as dead what `oldest` gave."""
        chunk = self._chunks[number >> _INDEX_BITS]
        # The rest is next in turn, so that there is nothing to tidy.
        chunk.dead |= 1 << (number & _INDEX_MASK)

    def rows(self) -> Iterator[tuple[bytes, ReceiptRow]]:
        """Give all that lives with its key, in no order; nothing may be added or taken out meanwhile."""
        for chunk in self._chunks:
            for _, key, row in chunk.rows():
                yield key, row

    def _new_chunk(self) -> Chunk:
        if self._free:
            chunk = Chunk(self._free.pop())
            self._chunks[chunk.number] = chunk
        else:
            chunk = Chunk(len(self._chunks))
            self._chunks.append(chunk)
        return chunk

    def _close(self) -> None:
        """Open another chunk; the one that was open takes no more memory than its rows need."""
        chunk = self._open
        chunk.data = bytes(chunk.data)
        chunk.starts = chunk.starts[:]
        self._open = self._new_chunk()
        heappush(self._heads, (chunk.first_ms, b"", chunk.number))
        self._tidy(chunk)

    def _tidy(self, chunk: Chunk) -> None:
        """Give up a closed chunk if less than half of it lives."""
        live = chunk.live
        if 2 * live >= len(chunk.starts):
            return
        if live:
            for index, key, row in chunk.rows():
                moved = self.append(row.at_ms, chunk.value(index))
                self._moved(key, chunk.number << _INDEX_BITS | index, moved)
        chunk.data, chunk.starts, chunk.order, chunk.dead = b"", array("H"), None, 0
        self._empty += 1
        if 2 * self._empty > len(self._heads) + EMPTY_CHUNKS_MAX:
            self._free += [number for _, _, number in self._heads if not self._chunks[number].starts]
            self._heads = [head for head in self._heads if self._chunks[head[2]].starts]
            heapify(self._heads)
            self._empty = 0

    def _put_in_order(self, chunk: Chunk) -> None:
        """Sort what lives of the chunk on top of the heap; from now on it is there by its oldest row."""
        found = sorted((row.at_ms, key, index) for index, key, row in chunk.rows())
        chunk.order = array("H", [index for _, _, index in found])
        at_ms, key, _ = found[0]
        heapreplace(self._heads, (at_ms, key, chunk.number))

    def _advance(self, chunk: Chunk, order: Sequence[int]) -> None:
        """Go on to the next row that lives of the chunk on top of the heap."""
        if not chunk.live:
            self._tidy(chunk)
            return
        while chunk.dead >> order[chunk.next_at] & 1:
            chunk.next_at += 1
        key, row = chunk.keyed(order[chunk.next_at])
        heapreplace(self._heads, (row.at_ms, key, chunk.number))
        if self._heads[0][0] < row.at_ms:
            # What is left is younger than what others hold, and would keep the chunk for long.
            self._tidy(chunk)
