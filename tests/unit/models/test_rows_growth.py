"""What this version does with rows of a later one: longer rows are read, unknown ones stop it."""

from typing import Any

import msgspec
import pytest

from models.rows import Row, decode_row, encode_row, term_of
from tests.unit.models.test_rows_samples import SAMPLES


def as_list(value: bytes) -> list[Any]:
    """Give a row as the array that it is."""
    found: list[Any] = msgspec.msgpack.decode(value)
    return found


@pytest.mark.parametrize(("key", "value", "row"), SAMPLES, ids=lambda part: type(part).__name__)
def test_row_with_fields_of_a_later_release_is_read(key: bytes, value: bytes, row: Row) -> None:
    """Fields come at the end only, so a reader that does not know them passes over them."""
    assert len(as_list(value)) <= len(
        as_list(encode_row(row))
    )  # some samples lack this version's last fields
    longer = msgspec.msgpack.encode([*as_list(encode_row(row)), "new", {"nested": [1]}])
    assert decode_row(key, longer) == row
    assert term_of(longer) == row.term


@pytest.mark.parametrize(("key", "value", "row"), SAMPLES, ids=lambda part: type(part).__name__)
def test_row_of_another_schema_version_is_refused(key: bytes, value: bytes, row: Row) -> None:
    """Version 2 means that old code cannot read it: nobody guesses."""
    second = msgspec.msgpack.encode([2, *as_list(value)[1:]])
    with pytest.raises(ValueError, match="2"):
        decode_row(key, second)
    with pytest.raises(ValueError, match="2"):
        term_of(second)
    assert row is not None


def test_row_of_an_unknown_kind_is_refused() -> None:
    """A kind of row that came later cannot be passed over by an owner: its state would lack it."""
    with pytest.raises(ValueError, match="unknown kind"):
        decode_row(b"s/bundle/x", msgspec.msgpack.encode([1, 5, "x"]))
