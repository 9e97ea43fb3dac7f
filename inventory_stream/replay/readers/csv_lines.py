"""CSV in a stated dialect. A bad record is a row of its own in the report, never the end."""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO

from inventory_stream.replay.errors import SourceError
from inventory_stream.replay.mapping_file import CsvOptions
from inventory_stream.replay.rows import CHUNK_ROWS, Chunk, ColumnKind, Row, Unreadable

if TYPE_CHECKING:
    from _csv import Reader

# Longest field, in characters. It bounds the damage of a quote that is never closed: the record
# is given up here and the next line begins a new one. The csv module's own default, stated.
FIELD_CHARACTERS_MAX: Final = 131_072


class CsvSource:
    """The rows of one CSV file, all text; values in `null_values` are null."""

    open_columns = False

    def __init__(self, path: Path, options: CsvOptions) -> None:
        """Read the header.

        Raises:
            SourceError: no header, or a column name twice.
        """
        self._path = path
        self._options = options
        try:
            self._bytes_total = max(1, path.stat().st_size)
            with self._open() as text:
                header = next(self._records(text), None)
        except (OSError, csv.Error) as error:
            raise SourceError(f"{path}: not a readable CSV file ({error})") from error
        if not header:
            raise SourceError(f"{path}: the file is empty; a header line must name the columns")
        self._header = [name.strip() for name in header]
        twice = sorted({name for name in self._header if self._header.count(name) > 1})
        if twice:
            raise SourceError(f"{path}, line 1: column {twice[0]!r} is there twice; rename one")
        self.columns: Mapping[str, ColumnKind] = dict.fromkeys(self._header, ColumnKind.TEXT)

    def chunks(self, names: Sequence[str], after_row: int) -> Iterator[Chunk]:
        """Read the rows after `after_row`; see `RowSource.chunks`."""
        wanted = [self._header.index(name) for name in names]
        nulls = frozenset(self._options.null_values)
        with self._open() as text:
            records = self._numbered(text)
            next(records)
            row = 0
            rows: list[Row | Unreadable] = []
            whole: list[Sequence[str] | Unreadable] = []
            for record in records:
                row += 1
                if row <= after_row:
                    continue
                whole.append(record)
                if isinstance(record, Unreadable):
                    rows.append(record)
                else:
                    rows.append(tuple(None if record[at] in nulls else record[at] for at in wanted))
                if len(rows) == CHUNK_ROWS:
                    yield self._chunk(row, rows, whole, text)
                    rows, whole = [], []
            if rows:
                yield self._chunk(row, rows, whole, None)

    def _chunk(
        self,
        through: int,
        rows: list[Row | Unreadable],
        whole: list[Sequence[str] | Unreadable],
        text: TextIO | None,
    ) -> Chunk:
        def describe(index: int) -> Mapping[str, object]:
            record = whole[index]
            return {} if isinstance(record, Unreadable) else dict(zip(self._header, record, strict=True))

        fraction = 1.0 if text is None else min(1.0, text.buffer.tell() / self._bytes_total)
        return Chunk(through - len(rows) + 1, rows, describe, fraction)

    def _open(self) -> TextIO:
        # "utf-8" is read as "utf-8-sig", so that a byte order mark does not end up in the first
        # column's name. Undecodable bytes survive as surrogates: only a rule that uses them refuses.
        encoding = "utf-8-sig" if self._options.encoding == "utf-8" else self._options.encoding
        return self._path.open(encoding=encoding, errors="surrogateescape", newline="")

    def _records(self, text: Iterable[str]) -> "Reader":
        csv.field_size_limit(FIELD_CHARACTERS_MAX)
        return csv.reader(
            text,
            delimiter=self._options.delimiter,
            quotechar=self._options.quote,
            escapechar=self._options.escape,
            doublequote=self._options.escape is None,
            strict=True,
        )

    def _numbered(self, text: Iterable[str]) -> Iterator[Sequence[str] | Unreadable]:
        """Give each record, or what was wrong with it. Empty lines are no records."""
        reader = self._records(text)
        fields = len(self._header)
        while True:
            first_line = reader.line_num + 1
            try:
                record = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield Unreadable(first_line, reader.line_num, str(error))
                continue
            if not record:
                continue
            if len(record) != fields:
                detail = f"{len(record)} fields where the header has {fields}: {record!r}"
                yield Unreadable(first_line, reader.line_num, detail[:2_000])
                continue
            yield record
