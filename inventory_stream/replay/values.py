"""Readers of one value of a row, by what its column holds. Null is None; faults are refusals."""

import math
import re
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Final

from inventory_stream.replay.refusals import Reason, RefusalError
from inventory_stream.replay.rows import ColumnKind, Row

Number = int | Fraction
"""Exact: a whole number is an int, anything else a Fraction. Floats are taken by their shortest text."""

NumberReader = Callable[[Row], Number | None]
TextReader = Callable[[Row], str | None]

# Longer texts are no quantities; the bound also keeps the conversion from being a way to burn time.
_DECIMAL: Final = re.compile(r"[+-]?\d{1,18}(\.\d{0,18})?")

NUMBER_KINDS: Final = frozenset({ColumnKind.INTEGER, ColumnKind.NUMBER, ColumnKind.TEXT, ColumnKind.ANY})
"""Columns whose values may be numbers."""
TEXT_KINDS: Final = NUMBER_KINDS
"""Columns whose values may be identifiers."""


def number_reader(position: int, kind: ColumnKind) -> NumberReader:
    """Give a reader of exact numbers for the column at `position`."""
    if kind is ColumnKind.INTEGER:
        return lambda row: row[position]  # type: ignore[return-value]  # the reader's promise

    def read(row: Row) -> Number | None:
        value = row[position]
        return value if type(value) is int else _number(value)

    return read


def text_reader(position: int, kind: ColumnKind) -> TextReader:
    """Give a reader of texts for the column at `position`; whole numbers become their digits."""
    if kind is ColumnKind.TEXT:
        return lambda row: row[position]  # type: ignore[return-value]  # the reader's promise

    def read(row: Row) -> str | None:
        value = row[position]
        return value if type(value) is str else _text(value)

    return read


def _number(value: object) -> Number | None:
    """Read a number from anything but an int.

    Raises:
        RefusalError: NOT_A_NUMBER.
    """
    match value:
        case None:
            return None
        case bool():
            pass
        case float() if math.isnan(value):
            return None  # how several writers of Parquet say null
        case float() if math.isfinite(value):
            return int(value) if value.is_integer() else Fraction(repr(value))
        case Decimal() if value.is_finite():
            return _whole_or_not(Fraction(value))
        case str() if _DECIMAL.fullmatch(text := value.strip()):
            return _whole_or_not(Fraction(text.rstrip(".")))
        case _:
            pass
    raise RefusalError(Reason.NOT_A_NUMBER, repr(value))


def _whole_or_not(value: Fraction) -> Number:
    return value.numerator if value.denominator == 1 else value


def _text(value: object) -> str | None:
    """Write a value as part of an identifier.

    Raises:
        RefusalError: BAD_TEXT.
    """
    match value:
        case None:
            return None
        case bool():
            pass
        case int():
            return str(value)
        case float() if math.isnan(value):
            return None
        case float() if value.is_integer():
            return str(int(value))
        case Decimal() if value.is_finite() and value == value.to_integral_value():
            return str(int(value))
        case _:
            pass
    raise RefusalError(Reason.BAD_TEXT, f"{value!r} cannot be part of an identifier")
