"""Rows of receipts in pieces of memory of some hundred, by number, and the oldest of them first (R29)."""

from array import array
from collections.abc import Callable, Iterator, Sequence
from heapq import heapify, heappop, heappush, heapreplace
from itertools import accumulate
from typing import Final

import msgspec

from models.rows import FIRST_ANSWER, ReceiptRow, receipt_key

CHUNK_ROWS: Final = 512
"""Rows of a chunk: to make one takes 0.7 ms, and one row that is left of it keeps 60 kB in memory."""
CHUNK_BYTES: Final = 0xFFFF
"""No row begins later in its chunk: two bytes say where."""
EMPTY_CHUNKS_MAX: Final = 64
"""Chunks without a row that may wait for their turn, beyond as many as have some."""

Timed = tuple[int, bytes, bytes]
"""When it was decided, its key, and its row, shortened or not: sorted, they are in the order of R29."""
Numbered = tuple[int, bytes, ReceiptRow]
"""A row with its number and its key."""

_decode: Final = msgspec.msgpack.Decoder(ReceiptRow).decode
_WHOLE: Final = b"\xdc\x00\x10\x01"
"""How a row begins: an array of 16, the schema version."""
_SHORT: Final = b"\x9d\x01\x00\x00"
"""The same of 13, with the term, which whoever writes it again states anew, and a first answer."""
_NEVER_WAITED: Final = b"\xc4\x00\x00\x00"
"""How a row ends that has no command, no arrival and no place among those that wait."""
_TERM_BYTES: Final = {0xCC: 2, 0xCD: 3, 0xCE: 5, 0xCF: 9}
_INDEX_BITS: Final = 9  # of a number, for 512 rows; 23 are left for the chunk, so for 4,000 million rows
_INDEX_MASK: Final = (1 << _INDEX_BITS) - 1


def decode(value: bytes) -> ReceiptRow:
    """Decode a row, or what `shortened` left of one, of which the term is 0."""
    # A row of any version begins as an array does (0x9X, 0xdc, 0xdd), a shortened one with a text.
    is_array = value[0] & 0xF0 == 0x90 or value[0] >= 0xDC
    return _decode(value if is_array else _SHORT + value)


def shortened(receipt: ReceiptRow, value: bytes) -> bytes:
    """Leave out of a row what a kept one need not say: an eighth, 14 bytes of a till sale's 107.

    Only of a first answer, which is 0, and of a receipt that never waited: the bytes of an arrival may end
    as if there was none.
    """
    is_plain = receipt.repeat == FIRST_ANSWER and not receipt.arrival_ms and not receipt.command
    if not (is_plain and value.startswith(_WHOLE) and value.endswith(_NEVER_WAITED)):
        return value
    term_at = len(_WHOLE)
    return value[term_at + _TERM_BYTES.get(value[term_at], 1) + 1 : -len(_NEVER_WAITED)]


class Chunk:
    """Rows back to back in the order of R29.

    `dead` has a bit for each that was taken out, `next_at` is the index of the first that was not when it
    was last looked for, `head` its key and itself if they are known. Without rows it is given up.
    """

    __slots__ = ("data", "dead", "head", "next_at", "number", "starts")

    def __init__(self, number: int, rows: Sequence[Timed]) -> None:
        self.number = number
        values = [value for _, _, value in rows]
        self.data = b"".join(values)
        self.starts: array[int] = array("H", accumulate(map(len, values[:-1]), initial=0))
        self.dead = 0
        self.head: tuple[bytes, ReceiptRow] | None = None
        self.next_at = 0

    def value(self, index: int) -> bytes:
        """Give a row as it is kept."""
        starts = self.starts
        return self.data[starts[index] : starts[index + 1] if index + 1 < len(starts) else None]

    def keyed(self, index: int) -> tuple[bytes, ReceiptRow]:
        """Decode a row; its key is made of the ids in it."""
        row = decode(self.value(index))
        return receipt_key(row.command_id, row.reservation_id), row

    def live(self) -> Iterator[int]:
        """Give the indexes of the rows that were not taken out."""
        dead = self.dead
        return (index for index in range(len(self.starts)) if not dead >> index & 1)

    def give_up(self) -> None:
        """Let go of all rows."""
        self.data, self.starts, self.head, self.dead = b"", array("H"), None, 0


class ReceiptChunks:
    """Rows by number: of their chunk, and of their place in it.

    What is oldest is the first by time, and by key within a moment, as a recovery finds it (I8). Every chunk
    is in that order, so it is enough to look at the first of each: `_heads` is a heap of (ms, key, chunk
    number). Chunks that come one after the other in time go so, too, each at once; to forget a row takes
    no longer than to keep it, and nobody waits for more than one chunk.

    A chunk of which less than half lives is given up, unless its turn has come: `moved` gets number and
    row of each that lives.
    """

    __slots__ = ("_chunks", "_empty", "_free", "_heads", "_moved")

    def __init__(self, moved: Callable[[int, Timed], None]) -> None:
        self._moved = moved
        self._chunks: list[Chunk] = []
        self._free: list[int] = []
        self._heads: list[tuple[int, bytes, int]] = []
        self._empty = 0

    def add(self, rows: Sequence[Timed]) -> int:
        """Make a chunk of rows in the order of R29; gives the number of the first, the others follow."""
        assert 0 < len(rows) <= CHUNK_ROWS, "a row's place in its chunk has 9 bits"
        if self._free:
            chunk = Chunk(self._free.pop(), rows)
            self._chunks[chunk.number] = chunk
        else:
            chunk = Chunk(len(self._chunks), rows)
            self._chunks.append(chunk)
        at_ms, key, _ = rows[0]
        heappush(self._heads, (at_ms, key, chunk.number))
        return chunk.number << _INDEX_BITS

    def keyed(self, number: int) -> tuple[bytes, ReceiptRow]:
        """Decode a row; gives its key with it."""
        return self._chunks[number >> _INDEX_BITS].keyed(number & _INDEX_MASK)

    def take_out(self, number: int) -> None:
        """Count a row as dead."""
        chunk = self._chunks[number >> _INDEX_BITS]
        chunk.dead |= 1 << (number & _INDEX_MASK)
        if 2 * chunk.dead.bit_count() > len(chunk.starts) and self._heads[0][2] != chunk.number:
            self._give_up(chunk)

    @property
    def oldest_ms(self) -> int | None:
        """When the oldest was decided, or earlier where an older one was taken out; None: of nothing."""
        return self._heads[0][0] if self._heads else None

    def oldest(self, before_ms: int) -> Numbered | None:
        """Give number, key and row of the oldest; None: none is from before then."""
        heads = self._heads
        while heads and heads[0][0] < before_ms:
            chunk = self._chunks[heads[0][2]]
            if not chunk.starts:
                self._free.append(heappop(heads)[2])
                self._empty -= 1
            elif chunk.dead >> chunk.next_at & 1:
                self._advance(chunk)
                heads = self._heads
            else:
                if chunk.head is None:
                    chunk.head = chunk.keyed(chunk.next_at)
                return chunk.number << _INDEX_BITS | chunk.next_at, *chunk.head
        return None

    def rows(self) -> Iterator[ReceiptRow]:
        """Give all that live, in no order; nothing may be added or taken out meanwhile."""
        for chunk in self._chunks:
            for index in chunk.live():
                yield decode(chunk.value(index))

    def _advance(self, chunk: Chunk) -> None:
        """Go on to the next row that lives of the chunk on top of the heap."""
        rows = len(chunk.starts)
        dead = chunk.dead.bit_count()
        if dead == rows:
            self._give_up(chunk)
            return
        while chunk.dead >> chunk.next_at & 1:
            chunk.next_at += 1
        key, row = chunk.head = chunk.keyed(chunk.next_at)
        heapreplace(self._heads, (row.at_ms, key, chunk.number))
        # What is left may be younger than what others hold, and would keep the chunk for long.
        if 2 * dead > rows and self._heads[0][0] < row.at_ms:
            self._give_up(chunk)

    def _give_up(self, chunk: Chunk) -> None:
        """Hand over what lives of a chunk, and let it go; its number with its place in the heap."""
        for index in chunk.live():
            key, row = chunk.keyed(index)
            self._moved(chunk.number << _INDEX_BITS | index, (row.at_ms, key, chunk.value(index)))
        chunk.give_up()
        self._empty += 1
        if 2 * self._empty > len(self._heads) + EMPTY_CHUNKS_MAX:
            self._free += [number for _, _, number in self._heads if not self._chunks[number].starts]
            self._heads = [head for head in self._heads if self._chunks[head[2]].starts]
            heapify(self._heads)
            self._empty = 0
