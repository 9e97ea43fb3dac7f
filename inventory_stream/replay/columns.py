"""The columns that a mapping uses, found in the file at hand and given places in its rows."""

import difflib
from collections.abc import Callable

from inventory_stream.replay.expressions import ExpressionError
from inventory_stream.replay.rows import ColumnKind, Row, RowSource
from inventory_stream.replay.values import (
    NUMBER_KINDS,
    TEXT_KINDS,
    NumberReader,
    TextReader,
    number_reader,
    text_reader,
)


class ColumnTable:
    """Hands out readers of columns, and remembers which columns are wanted, in order."""

    def __init__(self, source: RowSource) -> None:
        """Start with no column wanted."""
        self._columns = source.columns
        self._open = source.open_columns
        self._positions: dict[str, int] = {}

    @property
    def wanted(self) -> tuple[str, ...]:
        """The columns that readers were made for: what `RowSource.chunks` is to give."""
        return tuple(self._positions)

    def knows(self, name: str) -> bool:
        """Say whether the file is known to have a column of this name."""
        return name in self._columns

    def kind(self, name: str) -> ColumnKind:
        """Say what a column holds.

        Raises:
            ExpressionError: the file has no such column.
        """
        kind = self._columns.get(name)
        if kind is not None:
            return kind
        if self._open:
            return ColumnKind.ANY
        near = difflib.get_close_matches(name, self._columns, n=1, cutoff=0.6)
        hint = f"; did you mean {near[0]!r}?" if near else f"; it has {', '.join(map(repr, self._columns))}"
        raise ExpressionError(f"the file has no column {name!r}{hint}")

    def number(self, name: str) -> NumberReader:
        """Give the reader of a numeric column; see `Columns.number`."""
        kind = self.kind(name)
        if kind not in NUMBER_KINDS:
            raise ExpressionError(f"column {name!r} holds {kind.value}, which is no quantity")
        return number_reader(self._position(name), kind)

    def text(self, name: str) -> TextReader:
        """Give the reader of a text column; see `Columns.text`."""
        kind = self.kind(name)
        if kind not in TEXT_KINDS:
            raise ExpressionError(f"column {name!r} holds {kind.value}, which cannot be part of a text")
        return text_reader(self._position(name), kind)

    def raw(self, name: str) -> Callable[[Row], object]:
        """Give the reader of any column; see `Columns.raw`."""
        self.kind(name)
        position = self._position(name)
        return lambda row: row[position]

    def _position(self, name: str) -> int:
        return self._positions.setdefault(name, len(self._positions))
