"""Parquet, through pyarrow, a few thousand rows at a time."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from inventory_stream.replay.errors import SourceError
from inventory_stream.replay.rows import CHUNK_ROWS, Chunk, ColumnKind


class ParquetSource:
    """The rows of one Parquet file."""

    open_columns = False

    def __init__(self, path: Path) -> None:
        """Read the file's footer.

        Raises:
            SourceError: it is no Parquet file.
        """
        self._path = path
        try:
            with pq.ParquetFile(path) as file:
                self._rows_total = int(file.metadata.num_rows)
                schema = file.schema_arrow
        except (pa.ArrowException, OSError) as error:
            raise SourceError(f"{path}: not a readable Parquet file ({error})") from error
        self.columns: Mapping[str, ColumnKind] = {field.name: _kind(field.type) for field in schema}

    def chunks(self, names: Sequence[str], after_row: int) -> Iterator[Chunk]:
        """Read the rows after `after_row`; see `RowSource.chunks`."""
        through = 0
        try:
            with pq.ParquetFile(self._path) as file:
                for whole in file.iter_batches(batch_size=CHUNK_ROWS):
                    batch = whole.slice(max(0, after_row - through))
                    through += whole.num_rows
                    if batch.num_rows:
                        yield self._chunk(batch, names, through)
        except (pa.ArrowException, OSError) as error:
            raise SourceError(f"{self._path}: broken after row {through} ({error})") from error

    def _chunk(self, batch: Any, names: Sequence[str], through: int) -> Chunk:  # noqa: ANN401  # pyarrow has no types
        values = [_values(batch.column(name), self.columns[name]) for name in names]
        whole: list[list[object]] = []

        def describe(index: int) -> Mapping[str, object]:
            # All columns of the chunk at the first question: one row at a time costs 15 us, and a
            # file with one bad row often has many.
            if not whole:
                whole.extend(column.to_pylist() for column in batch.columns)
            return {
                name: _json_value(column[index]) for name, column in zip(self.columns, whole, strict=True)
            }

        return Chunk(
            first_row=through - batch.num_rows + 1,
            rows=list(zip(*values, strict=True)) if values else [()] * batch.num_rows,
            describe=describe,
            fraction=through / self._rows_total,
        )


def _kind(kind: Any) -> ColumnKind:  # noqa: ANN401, PLR0911  # pyarrow has no types; a table of cases
    if pa.types.is_dictionary(kind):
        return _kind(kind.value_type)
    if pa.types.is_integer(kind):
        return ColumnKind.INTEGER
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return ColumnKind.NUMBER
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return ColumnKind.TEXT
    if pa.types.is_boolean(kind):
        return ColumnKind.BOOLEAN
    if pa.types.is_timestamp(kind):
        return ColumnKind.NAIVE_TIME if kind.tz is None else ColumnKind.ZONED_TIME
    if pa.types.is_date(kind):
        return ColumnKind.NAIVE_TIME
    return ColumnKind.OTHER


def _values(column: Any, kind: ColumnKind) -> list[object]:  # noqa: ANN401  # pyarrow has no types
    if kind in {ColumnKind.NAIVE_TIME, ColumnKind.ZONED_TIME}:
        # Integers, because datetimes cost 0.9 us a row to make. Below a millisecond is cut off.
        column = column.cast(pa.timestamp("ms", tz=getattr(column.type, "tz", None)), safe=False)
        column = column.cast(pa.int64())
    values: list[object] = column.to_pylist()
    return values


def _json_value(value: object) -> object:
    if value is None or isinstance(value, int | str):
        return value
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, Decimal | timedelta):
        return str(value)
    if isinstance(value, bytes):
        return value.hex()
    return value
