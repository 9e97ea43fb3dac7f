"""Rows as the mapper sees them: values in the order of the wanted columns, in chunks."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, unique
from typing import Final, Protocol

# Rows handled between two looks at the event loop and the clock: about 15 ms of mapping. Larger
# gained nothing in speed; smaller means more, smaller batches for Kafka.
CHUNK_ROWS: Final = 4_096


@unique
class ColumnKind(Enum):
    """What the values of a column are, after the reader."""

    INTEGER = "integers"
    NUMBER = "numbers that may have fractions"
    TEXT = "text"
    NAIVE_TIME = "times without a zone"  # int: ms since 1970-01-01 00:00 of an unnamed wall clock
    ZONED_TIME = "times with a zone"  # int: ms since the Unix epoch
    BOOLEAN = "true or false"
    ANY = "JSON values"  # str, int, float, bool, None, list, dict
    OTHER = "values that no command can hold"


Row = tuple[object, ...]
"""Values of the wanted columns, None for null."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """What stands in the place of a row that could not be parsed. Lines count from 1."""

    first_line: int
    last_line: int
    detail: str


@dataclass(frozen=True, slots=True)
class Chunk:
    """Consecutive rows. Rows count from 1 (a CSV header is none); unreadable ones count too.

    `describe(i)` gives the whole i-th row of the chunk as JSON values, for the report.
    `fraction` is how much of the file has been read through this chunk, 0 to 1.
    """

    first_row: int
    rows: Sequence[Row | Unreadable]
    describe: Callable[[int], Mapping[str, object]]
    fraction: float


class RowSource(Protocol):
    """A file of rows. Each reading starts anew."""

    @property
    def columns(self) -> Mapping[str, ColumnKind]:
        """The columns by name."""

    @property
    def open_columns(self) -> bool:
        """Whether rows may have columns that are not known beforehand (JSON lines); absent is null."""

    def chunks(self, names: Sequence[str], after_row: int) -> Iterator[Chunk]:
        """Read the rows after row number `after_row`, with the values of the columns `names`.

        Raises:
            SourceError: the file broke off in a way that leaves no next row to read.
        """
