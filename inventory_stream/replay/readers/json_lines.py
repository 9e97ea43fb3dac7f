"""JSON lines: one object per line. A line that is none is a row of its own in the report."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from inventory_stream.replay.errors import SourceError
from inventory_stream.replay.rows import CHUNK_ROWS, Chunk, ColumnKind, Row, Unreadable

# Longest line. It bounds memory when the file is no JSON lines at all (one line of a gigabyte).
LINE_BYTES_MAX: Final = 4 * 1024 * 1024

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


class JsonLinesSource:
    """The rows of one file of JSON lines. Any row may have any columns; an absent one is null."""

    open_columns = True

    def __init__(self, path: Path) -> None:
        """Check that the file is there.

        Raises:
            SourceError: it is not.
        """
        self._path = path
        try:
            self._bytes_total = max(1, path.stat().st_size)
        except OSError as error:
            raise SourceError(f"{path}: not readable ({error})") from error
        self.columns: Mapping[str, ColumnKind] = {}

    def chunks(self, names: Sequence[str], after_row: int) -> Iterator[Chunk]:
        """Read the rows after `after_row`; see `RowSource.chunks`. Empty lines are no rows."""
        decode = msgspec.json.Decoder(dict[str, object]).decode
        with self._path.open("rb") as file:
            row = line_number = 0
            rows: list[Row | Unreadable] = []
            whole: list[Mapping[str, object]] = []
            for line in _lines(file):
                line_number += 1
                if not line.strip():
                    continue
                row += 1
                if row <= after_row:
                    continue
                record: Mapping[str, object] = {}
                try:
                    if len(line) > LINE_BYTES_MAX:
                        raise msgspec.DecodeError(f"longer than {LINE_BYTES_MAX} bytes")  # noqa: TRY301
                    record = decode(line)
                    rows.append(tuple([record.get(name) for name in names]))
                except (msgspec.DecodeError, UnicodeDecodeError) as error:
                    rows.append(Unreadable(line_number, line_number, str(error)))
                whole.append(record)
                if len(rows) == CHUNK_ROWS:
                    yield self._chunk(row, rows, whole, file.tell())
                    rows, whole = [], []
            if rows:
                yield self._chunk(row, rows, whole, self._bytes_total)

    def _chunk(
        self,
        through: int,
        rows: list[Row | Unreadable],
        whole: list[Mapping[str, object]],
        bytes_read: int,
    ) -> Chunk:
        return Chunk(
            through - len(rows) + 1, rows, whole.__getitem__, min(1.0, bytes_read / self._bytes_total)
        )


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """Give the lines; of one beyond the limit only its beginning, the rest is read and dropped."""
    first = True
    while line := file.readline(LINE_BYTES_MAX + 1):
        rest = line
        while len(rest) > LINE_BYTES_MAX and not rest.endswith(b"\n"):
            rest = file.readline(LINE_BYTES_MAX + 1)
        yield line.removeprefix(_BYTE_ORDER_MARK) if first else line
        first = False
