"""The little language of mapping files: quantities such as `-Quantity` and conditions.

Python's own parser reads the text; only the node types below are accepted and compiled into
closures, nothing is ever evaluated as Python. So there are no calls, no attributes, no powers.
"""

import ast
import operator
from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import Any, Final, Protocol

from inventory_stream.replay.refusals import Reason, RefusalError
from inventory_stream.replay.rows import Row
from inventory_stream.replay.values import Number, NumberReader, TextReader

Condition = Callable[[Row], bool]

# Longest expression: bounds the parser's recursion. No real one comes near it.
EXPRESSION_CHARACTERS_MAX: Final = 1_000

_Comparison = Callable[[Any, Any], bool]  # of two numbers or two texts, never a mixture

_COMPARISONS: Final[dict[type[ast.cmpop], _Comparison]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_TEXT_CALLS: Final[dict[str, Callable[[str, str], bool]]] = {
    "starts_with": str.startswith,
    "ends_with": str.endswith,
}
_QUANTITY_FORM: Final = "a column, a whole number, `-x`, `x * 12` or `x / 10`"
_CONDITION_FORM: Final = (
    'comparisons of a column with a number or text, `is None`, `in (...)`, starts_with(column, "x"), '
    "joined by and, or, not"
)


class ExpressionError(Exception):
    """The text is outside of the language. The message says where and what is allowed."""


class Columns(Protocol):
    """What an expression may ask about the columns of the file."""

    def number(self, name: str) -> NumberReader:
        """Give the reader of a numeric column.

        Raises:
            ExpressionError: no such column, or none that can hold numbers.
        """

    def text(self, name: str) -> TextReader:
        """Give the reader of a text column.

        Raises:
            ExpressionError: no such column, or none that can be text.
        """

    def raw(self, name: str) -> Callable[[Row], object]:
        """Give the reader of any column.

        Raises:
            ExpressionError: no such column.
        """


def compile_quantity(text: str, columns: Columns) -> Callable[[Row], int | None]:
    """Compile a quantity: None where a column in it is null.

    The closure raises RefusalError: FRACTIONAL where the exact result is no whole number,
    NOT_A_NUMBER where a text is none.

    Raises:
        ExpressionError: the text is no quantity, or names an unknown column.
    """
    read = _quantity(_parse(text), columns)

    def whole(row: Row) -> int | None:
        value = read(row)
        if isinstance(value, Fraction):
            raise RefusalError(Reason.FRACTIONAL, f"{text} is {float(value):g}")
        return value

    return whole


def compile_condition(text: str, columns: Columns) -> Condition:
    """Compile a condition. A comparison with null is false.

    Raises:
        ExpressionError: the text is no condition, or names an unknown column.
    """
    return _condition(_parse(text), columns)


def _parse(text: str) -> ast.expr:
    if len(text) > EXPRESSION_CHARACTERS_MAX:
        raise ExpressionError(f"longer than {EXPRESSION_CHARACTERS_MAX} characters")
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else str(error)
        raise ExpressionError(f"{text!r} cannot be read: {reason}") from None


def _column_name(node: ast.expr) -> str | None:
    """Give the column that a node names: `Quantity`, or `col("Unit Count")` for any other name."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Call(func=ast.Name(id="col"), args=[ast.Constant(value=str(name))], keywords=[]):
            return name
        case _:
            return None


def _quantity(node: ast.expr, columns: Columns) -> NumberReader:
    if (name := _column_name(node)) is not None:
        return columns.number(name)
    match node:
        case ast.Constant(value=int(constant)) if not isinstance(constant, bool):
            return lambda _row: constant
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            read = _quantity(inner, columns)
            return lambda row: None if (value := read(row)) is None else -value
        case ast.BinOp(left=inner, op=ast.Mult() | ast.Div() as op, right=ast.Constant(value=int(by))) if (
            not isinstance(by, bool) and by > 0
        ):
            factor = Fraction(by) if isinstance(op, ast.Mult) else Fraction(1, by)
            return _scaled(_quantity(inner, columns), factor)
        case _:
            raise ExpressionError(f"{ast.unparse(node)!r} is no quantity; allowed is {_QUANTITY_FORM}")


def _scaled(read: NumberReader, factor: Fraction) -> NumberReader:
    by, divisor = factor.numerator, factor.denominator

    def scaled(row: Row) -> Number | None:
        value = read(row)
        if value is None:
            return None
        if type(value) is int:
            whole, remainder = divmod(value * by, divisor)
            return Fraction(value * by, divisor) if remainder else whole
        product = value * factor
        return product.numerator if product.denominator == 1 else product

    return scaled


def _condition(node: ast.expr, columns: Columns) -> Condition:
    match node:
        case ast.Constant(value=bool(constant)):
            return lambda _row: constant
        case ast.BoolOp(op=op, values=values):
            return _joined([_condition(value, columns) for value in values], isinstance(op, ast.And))
        case ast.UnaryOp(op=ast.Not(), operand=inner):
            test = _condition(inner, columns)
            return lambda row: not test(row)
        case ast.Compare(left=left, ops=ops, comparators=comparators):
            sides = [left, *comparators]
            pairs = zip(sides, ops, sides[1:], strict=False)
            return _joined([_comparison(a, op, b, columns) for a, op, b in pairs], all_of=True)
        case ast.Call(
            func=ast.Name(id=called), args=[column, ast.Constant(value=str(part))], keywords=[]
        ) if called in _TEXT_CALLS and (name := _column_name(column)) is not None:
            read, call = columns.text(name), _TEXT_CALLS[called]
            return lambda row: (value := read(row)) is not None and call(value, part)
        case _:
            raise ExpressionError(f"{ast.unparse(node)!r} is no condition; allowed are {_CONDITION_FORM}")


def _joined(tests: list[Condition], all_of: bool) -> Condition:  # noqa: FBT001  # two callers, both here
    if len(tests) == 1:
        return tests[0]
    if len(tests) == 2:
        first, second = tests
        if all_of:
            return lambda row: first(row) and second(row)
        return lambda row: first(row) or second(row)
    join: Callable[[Iterable[object]], bool] = all if all_of else any
    return lambda row: join(test(row) for test in tests)


def _comparison(left: ast.expr, op: ast.cmpop, right: ast.expr, columns: Columns) -> Condition:
    match op, right:
        case ast.Is() | ast.IsNot(), ast.Constant(value=None) if (name := _column_name(left)) is not None:
            raw = columns.raw(name)
            if isinstance(op, ast.Is):
                return lambda row: raw(row) is None
            return lambda row: raw(row) is not None
        case ast.In() | ast.NotIn(), ast.Tuple(elts=elements) | ast.List(elts=elements):
            return _membership(left, elements, isinstance(op, ast.In), columns)
        case _, _ if type(op) in _COMPARISONS:
            return _order(left, _COMPARISONS[type(op)], right, columns)
        case _:
            raise ExpressionError(
                f"{ast.unparse(left)!r} is compared in a way that is not allowed; allowed are "
                f"{_CONDITION_FORM}"
            )


def _membership(left: ast.expr, elements: list[ast.expr], wanted: bool, columns: Columns) -> Condition:  # noqa: FBT001  # one caller, here
    values = [element.value for element in elements if isinstance(element, ast.Constant)]
    name = _column_name(left)
    if name is None or len(values) != len(elements):
        raise ExpressionError("`in` takes a column and a list of constants")
    read: Callable[[Row], object]
    if all(isinstance(value, str) for value in values):
        read = columns.text(name)
    elif all(type(value) is int for value in values):
        read = columns.number(name)
    else:
        raise ExpressionError("the list after `in` holds either texts or whole numbers")
    members = frozenset(values)
    return lambda row: (value := read(row)) is not None and (value in members) is wanted


def _order(left: ast.expr, compare: _Comparison, right: ast.expr, columns: Columns) -> Condition:
    for column, constant in ((left, right), (right, left)):
        name = _column_name(column)
        if name is not None and isinstance(constant, ast.Constant) and isinstance(constant.value, str):
            text = columns.text(name)
            expected = constant.value
            if column is left:
                return lambda row: (value := text(row)) is not None and compare(value, expected)
            return lambda row: (value := text(row)) is not None and compare(expected, value)
    first, second = _quantity(left, columns), _quantity(right, columns)
    return lambda row: (a := first(row)) is not None and (b := second(row)) is not None and compare(a, b)
