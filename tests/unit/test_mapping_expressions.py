from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory_stream.replay.columns import ColumnTable
from inventory_stream.replay.expressions import ExpressionError, compile_condition, compile_quantity
from inventory_stream.replay.refusals import Reason, RefusalError
from inventory_stream.replay.rows import ColumnKind, Row
from tests.fakes.rows import FakeRows


def columns(kind: ColumnKind = ColumnKind.ANY) -> ColumnTable:
    """Give a file of one column `q`, at place 0, and one with a blank in its name."""
    table = ColumnTable(FakeRows({"q": kind, "Unit Count": kind}, []))
    table.raw("q")
    return table


def quantity(text: str, kind: ColumnKind = ColumnKind.ANY) -> Callable[[Row], int | None]:
    """Compile a quantity over column `q`."""
    return compile_quantity(text, columns(kind))


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [
        ("q", 7, 7),
        ("-q", 7, -7),
        ("q * 12", 2, 24),
        ("-q * 12", 2, -24),
        ("q / 10", 70, 7),
        ("q / 10", -70, -7),
        ("q * 3 / 2", 4, 6),
        ("5", 7, 5),
        ("q", 3.0, 3),
        ("q * 10", 0.3, 3),  # in floating point 3.0000000000000004 would be refused
        ("q", "12", 12),
        ("q", " -12 ", -12),
        ("q", "6.00", 6),
        ("q", None, None),
        ("q", float("nan"), None),
        ("-q / 10", None, None),
    ],
)
def test_quantity_is_exact(text: str, value: object, expected: int | None) -> None:
    """A quantity is computed exactly, from whatever form a file gives numbers in."""
    assert quantity(text)((value,)) == expected


@pytest.mark.parametrize(
    ("text", "value", "reason"),
    [
        ("q / 10", 7, Reason.FRACTIONAL),
        ("q", 1.5, Reason.FRACTIONAL),
        ("q", "1.5", Reason.FRACTIONAL),
        ("q * 3 / 10", 1, Reason.FRACTIONAL),
        ("q", "1,000", Reason.NOT_A_NUMBER),
        ("q", "", Reason.NOT_A_NUMBER),
        ("q", "1e5", Reason.NOT_A_NUMBER),
        ("q", "9" * 40, Reason.NOT_A_NUMBER),
        ("q", True, Reason.NOT_A_NUMBER),
        ("q", float("inf"), Reason.NOT_A_NUMBER),
        ("q", [1], Reason.NOT_A_NUMBER),
    ],
)
def test_quantity_refuses_what_is_no_whole_number(text: str, value: object, reason: Reason) -> None:
    """A remainder or a word is a refusal with its reason: nothing is rounded or guessed."""
    with pytest.raises(RefusalError) as raised:
        quantity(text)((value,))
    assert raised.value.reason is reason


@given(st.integers(-(10**12), 10**12), st.integers(1, 1_000), st.integers(1, 1_000))
def test_scaling_never_rounds(value: int, factor: int, divisor: int) -> None:
    """For any numbers the result equals the exact fraction, or the row is refused."""
    read = quantity(f"q * {factor} / {divisor}")
    exact = Fraction(value * factor, divisor)
    if exact.denominator == 1:
        assert read((value,)) == exact
    else:
        with pytest.raises(RefusalError):
            read((value,))


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [
        ("q > 0", 1, True),
        ("q > 0", 0, False),
        ("q > 0", None, False),
        ("not q > 0", None, True),
        ("0 < q <= 5", 5, True),
        ("0 < q <= 5", 6, False),
        ("q == 'A'", "A", True),
        ("q == 'A'", "a", False),
        ("'A' != q", "B", True),
        ("q in ('A', 'B')", "B", True),
        ("q not in ('A', 'B')", "C", True),
        ("q not in ('A', 'B')", None, False),
        ("q in (1, 2)", 2, True),
        ("q is None", None, True),
        ("q is not None", None, False),
        ("starts_with(q, 'C')", "C1", True),
        ("ends_with(q, '1') and starts_with(q, 'C')", "D1", False),
        ("q == 1 or q == 2 or q == 3", 3, True),
        ("q == 1 and q > 0 and q < 2", 1, True),
        ("True", 1, True),
    ],
)
def test_condition_says_what_it_reads_like(text: str, value: object, expected: bool) -> None:  # noqa: FBT001  # a table's column
    """Conditions mean what they mean in Python, except that a comparison with null is false."""
    assert compile_condition(text, columns())((value,)) is expected


@pytest.mark.parametrize(
    "text",
    [
        "q.__class__",
        "().__class__.__bases__[0]",
        "print(q)",
        "lambda: q",
        "[x for x in q]",
        "q if q else q",
        "q > (lambda: 1)()",
        "starts_with(q)",
        "col(q) > 1",
        "q is 1",
        "q in q",
        "q in (1, 'A')",
        "f'{q}' == 'a'",
        "x > 1" * 400,
        "(" * 500,
    ],
)
def test_nothing_but_the_language_is_accepted(text: str) -> None:
    """A mapping file cannot make the program run anything: other syntax is an error, not code."""
    with pytest.raises(ExpressionError):
        compile_condition(text, columns())


def test_column_with_blanks_is_named_by_col() -> None:
    """Any column can be used, also one whose name is no word."""
    table = columns()
    read = compile_quantity('col("Unit Count") * 2', table)
    assert table.wanted == ("q", "Unit Count")
    assert read((0, 4)) == 8


def test_text_column_is_no_quantity_when_times() -> None:
    """A column of times used as a quantity is found before the first row."""
    with pytest.raises(ExpressionError, match="times without a zone"):
        quantity("q", ColumnKind.NAIVE_TIME)
