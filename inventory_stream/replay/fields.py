"""The fields of a command: from what the mapping says to a closure that reads a checked value."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

import msgspec
from msgspec.inspect import (
    BoolType,
    DateTimeType,
    IntType,
    LiteralType,
    NoneType,
    StrType,
    UnionType,
    VarTupleType,
)
from msgspec.inspect import Field as FieldInfo
from msgspec.inspect import Type as FieldType

from inventory_stream.replay.clock_times import checked_epoch_ms, epoch_ms, text_parser, zone_converter
from inventory_stream.replay.columns import ColumnTable
from inventory_stream.replay.expressions import ExpressionError, compile_condition, compile_quantity
from inventory_stream.replay.mapping_file import FieldTable, Scalar, TimeOptions
from inventory_stream.replay.refusals import Reason, RefusalError
from inventory_stream.replay.rows import ColumnKind, Row
from inventory_stream.replay.templates import compile_template

FieldReader = Callable[[Row, int], object]
"""(row, row number) -> the field's value."""

EFFECTIVE_AT: Final = "effective_at"


@dataclass(frozen=True, slots=True)
class FieldContext:
    """What all fields of one mapping and file share. `opening_ms` None: no opening stock."""

    columns: ColumnTable
    file_id: str
    time: TimeOptions
    opening_ms: int | None


def compile_field(
    info: FieldInfo, written: Scalar | list[str] | FieldTable, context: FieldContext
) -> FieldReader:
    """Compile one field of one rule.

    The closure raises RefusalError; NULL where a column is null and the mapping does not say
    `when_null = "omit"`.

    Raises:
        ExpressionError: what is written does not fit the field.
    """
    omit = False
    if isinstance(written, FieldTable):
        omit = written.when_null == "omit"
        written = written.value
        if omit and info.required:
            raise ExpressionError("the command cannot do without this field, so it cannot be omitted")
    try:
        read = _reader(info, written, context)
    except RefusalError as refusal:  # of a constant: true of every row
        raise ExpressionError(f"{written!r}: {refusal.reason} {refusal.detail}".strip()) from None
    default = info.default

    def read_or_say_null(row: Row, number: int) -> object:
        value = read(row, number)
        if value is None:
            if omit:
                return default
            raise RefusalError(Reason.NULL)
        return value

    return read_or_say_null


def _reader(info: FieldInfo, written: Scalar | list[str], context: FieldContext) -> FieldReader:
    match [kind for kind in _alternatives(info.type) if not isinstance(kind, NoneType)]:
        case [StrType()]:
            return _identifier(written, context)
        case [LiteralType(values=values)]:
            if written not in values:
                raise ExpressionError(f"{written!r} is none of {', '.join(map(repr, values))}")
            return lambda _row, _number: written
        case [BoolType()]:
            return _flag(written, context)
        case [IntType(ge=low, le=high)]:
            # R6: an adjust of nothing is refused. It is the only quantity that may be negative.
            return _units(written, context, low or 0, high or 0, zero_allowed=(low or 0) == 0)
        case [IntType(), DateTimeType()]:
            return _time(written, context, info.name)
        case [VarTupleType()] if isinstance(written, list):
            members = [compile_template(text, context.columns, context.file_id) for text in written]
            return lambda row, number: tuple([member(row, number) for member in members])
        case _:
            raise ExpressionError("a list of texts is needed here")


def _alternatives(kind: FieldType) -> tuple[FieldType, ...]:
    return kind.types if isinstance(kind, UnionType) else (kind,)


def _identifier(written: Scalar | list[str], context: FieldContext) -> FieldReader:
    if not isinstance(written, str):
        raise ExpressionError(f"{written!r} is no identifier; write it as text in quotes")
    return compile_template(written, context.columns, context.file_id)


def _flag(written: Scalar | list[str], context: FieldContext) -> FieldReader:
    if isinstance(written, bool):
        return lambda _row, _number: written
    if not isinstance(written, str):
        raise ExpressionError(f"{written!r} is neither true, false nor a condition")
    test = compile_condition(written, context.columns)
    return lambda row, _number: test(row)


def _units(
    written: Scalar | list[str], context: FieldContext, low: int, high: int, *, zero_allowed: bool
) -> FieldReader:
    if isinstance(written, bool | list):
        raise ExpressionError(f"{written!r} is no quantity")
    quantity = compile_quantity(str(written), context.columns)

    def read(row: Row, _number: int) -> int | None:
        value = quantity(row)
        if value is None or (low <= value <= high and (value or zero_allowed or low > 0)):
            return value
        raise RefusalError(Reason.OUT_OF_RANGE, f"{value}, allowed are {low} to {high}")

    if isinstance(written, int):
        read((), 0)
    return read


def _time(written: Scalar | list[str], context: FieldContext, name: str) -> FieldReader:
    if not isinstance(written, str):
        raise ExpressionError(f"{written!r} is no time; name a column, or write RFC 3339 text with an offset")
    columns = context.columns
    constant = None if columns.knows(written) else _constant_time(written)
    if constant is not None:
        read_ms: Callable[[Row], int | None] = lambda _row: constant  # noqa: E731  # one of two forms
    else:
        read_ms = _time_column(written, columns, context.time)
    opening_ms = context.opening_ms
    if name != EFFECTIVE_AT or opening_ms is None:
        return lambda row, _number: read_ms(row)

    def after_opening(row: Row, _number: int) -> int | None:
        value = read_ms(row)
        if value is not None and value <= opening_ms:
            raise RefusalError(Reason.BEFORE_OPENING, f"{value} ms, opening at {opening_ms} ms")
        return value

    return after_opening


def _constant_time(written: str) -> int | None:
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        return None
    if moment.tzinfo is None:
        raise ExpressionError(f"{written!r} has no offset; end it with Z or +01:00 (R7)")
    return checked_epoch_ms(epoch_ms(moment))


def _time_column(name: str, columns: ColumnTable, options: TimeOptions) -> Callable[[Row], int | None]:
    kind = columns.kind(name)
    raw = columns.raw(name)
    convert = None if options.timezone is None else zone_converter(options.timezone, options.ambiguous)
    parse = text_parser(options.format, convert)
    from_integer = _integer_time(name, kind, convert, options.unit)

    def read(row: Row) -> int | None:
        value = raw(row)
        if type(value) is int and from_integer is not None:
            return from_integer(value)
        if type(value) is str:
            return parse(value)
        if value is None:
            return None
        raise RefusalError(Reason.BAD_TIME, repr(value))

    return read


def _integer_time(
    name: str,
    kind: ColumnKind,
    convert: Callable[[int], int] | None,
    unit: Literal["ms", "s"] | None,
) -> Callable[[int], int] | None:
    """Give the meaning of integers in a time column; None: they have none."""
    match kind:
        case ColumnKind.ZONED_TIME:
            return checked_epoch_ms
        case ColumnKind.NAIVE_TIME if convert is None:
            raise ExpressionError(
                f"column {name!r} holds times without a zone; state `timezone` under [time], for example "
                f"'Europe/London' (R7)"
            )
        case ColumnKind.NAIVE_TIME:
            return convert
        case ColumnKind.INTEGER if unit is None:
            raise ExpressionError(
                f"column {name!r} holds integers; state `unit` under [time]: 'ms' or 's' since 1970"
            )
        case ColumnKind.NUMBER | ColumnKind.BOOLEAN | ColumnKind.OTHER:
            raise ExpressionError(f"column {name!r} holds {kind.value}, which are no times")
        case _ if unit is None:
            return None
        case _:
            factor = 1_000 if unit == "s" else 1
            return lambda value: checked_epoch_ms(value * factor)


def field_infos(command: type[msgspec.Struct]) -> tuple[FieldInfo, ...]:
    """Give the fields of a command class, in the order of its constructor."""
    info = msgspec.inspect.type_info(command)
    assert isinstance(info, msgspec.inspect.StructType)  # noqa: S101  # narrows the type; true by construction
    return info.fields
