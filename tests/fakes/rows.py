"""A `RowSource` in memory."""

from collections.abc import Iterator, Mapping, Sequence

from inventory_stream.replay.rows import Chunk, ColumnKind


class FakeRows:
    """Rows given as dicts, in chunks of `chunk_rows`."""

    open_columns = False

    def __init__(
        self, columns: Mapping[str, ColumnKind], rows: Sequence[Mapping[str, object]], chunk_rows: int = 4
    ) -> None:
        """Keep the rows."""
        self.columns = columns
        self._rows = rows
        self._chunk_rows = chunk_rows

    def chunks(self, names: Sequence[str], after_row: int) -> Iterator[Chunk]:
        """Read the rows after `after_row`."""
        for start in range(after_row, len(self._rows), self._chunk_rows):
            part = self._rows[start : start + self._chunk_rows]
            yield Chunk(
                start + 1,
                [tuple(row[name] for name in names) for row in part],
                part.__getitem__,
                (start + len(part)) / len(self._rows),
            )
