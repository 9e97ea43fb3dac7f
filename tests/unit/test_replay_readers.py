from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from inventory_stream.replay.errors import SourceError
from inventory_stream.replay.mapping_file import CsvOptions
from inventory_stream.replay.readers import csv_lines, json_lines, parquet
from inventory_stream.replay.readers.csv_lines import CsvSource
from inventory_stream.replay.readers.json_lines import JsonLinesSource
from inventory_stream.replay.readers.parquet import ParquetSource
from inventory_stream.replay.rows import Chunk, ColumnKind, Row, RowSource, Unreadable
from inventory_stream.replay.sources import file_hash, open_source


def rows_of(source: RowSource, *names: str, after_row: int = 0) -> dict[int, Row | Unreadable]:
    """Read all rows, by number."""
    return {
        chunk.first_row + index: row
        for chunk in source.chunks(names, after_row)
        for index, row in enumerate(chunk.rows)
    }


def csv_file(tmp_path: Path, content: bytes, options: CsvOptions | None = None) -> CsvSource:
    """Write and open a CSV file."""
    path = tmp_path / "rows.csv"
    path.write_bytes(content)
    return CsvSource(path, options or CsvOptions())


def test_csv_byte_order_mark_is_no_part_of_a_name(tmp_path: Path) -> None:
    """A file saved by a spreadsheet begins with a mark that must not hide its first column."""
    source = csv_file(tmp_path, b"\xef\xbb\xbfcode,units\r\nA,1\r\n")
    assert list(source.columns) == ["code", "units"]
    assert rows_of(source, "units", "code") == {1: ("1", "A")}


def test_csv_bad_lines_are_rows_of_their_own(tmp_path: Path) -> None:
    """A line with too few fields or a stray quote is reported with its place; the next one is read."""
    source = csv_file(tmp_path, b'code,units\nA,1\nB\n"C"x,3\n\n"D\nD",4\nE,5,6\nF,\n')
    rows = rows_of(source, "code", "units")
    assert rows[1] == ("A", "1")
    assert rows[4] == ("D\nD", "4")
    assert rows[6] == ("F", None)
    bad = {number: row for number, row in rows.items() if isinstance(row, Unreadable)}
    assert {number: (row.first_line, row.last_line) for number, row in bad.items()} == {
        2: (3, 3),
        3: (4, 4),
        5: (8, 8),
    }
    assert "1 fields where the header has 2" in bad[2].detail


def test_csv_quote_that_never_closes_does_not_swallow_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An open quote costs a bounded piece of the file, which is reported by its lines."""
    monkeypatch.setattr(csv_lines, "FIELD_CHARACTERS_MAX", 100)
    lines = b"".join(b"L%d,1\n" % number for number in range(100))
    rows = rows_of(csv_file(tmp_path, b'code,units\n"A,1\n' + lines), "code")
    bad = [row for row in rows.values() if isinstance(row, Unreadable)]
    assert len(bad) == 1
    assert bad[0].first_line == 2
    assert bad[0].last_line < 40
    assert rows[max(rows)] == ("L99",)


def test_csv_dialect_is_the_mappings(tmp_path: Path) -> None:
    """Delimiter, quote, encoding and the words for null are as stated."""
    options = CsvOptions(delimiter=";", quote="'", encoding="latin-1", null_values=["", "NULL"])
    source = csv_file(tmp_path, "Stück;name\n'1;2';NULL\n".encode("latin-1"), options)
    assert rows_of(source, "Stück", "name") == {1: ("1;2", None)}


def test_csv_undecodable_bytes_do_not_stop_it(tmp_path: Path) -> None:
    """A byte that is no UTF-8 spoils its own field only."""
    rows = rows_of(csv_file(tmp_path, b"code,units\n\xff,1\nB,2\n"), "code", "units")
    assert rows[1] == ("\udcff", "1")
    assert rows[2] == ("B", "2")


@pytest.mark.parametrize(("content", "words"), [(b"", "empty"), (b"a,a\n1,2\n", "twice")])
def test_csv_header_must_name_the_columns(tmp_path: Path, content: bytes, words: str) -> None:
    """Without a usable header no mapping can name a column: said at start."""
    with pytest.raises(SourceError, match=words):
        csv_file(tmp_path, content)


def test_json_lines_that_are_none_are_rows_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Broken, foreign and overlong lines are reported; absent keys are null; empty lines are no rows."""
    monkeypatch.setattr(json_lines, "LINE_BYTES_MAX", 64)
    path = tmp_path / "rows.jsonl"
    path.write_bytes(
        b'\xef\xbb\xbf{"a":1,"b":"x"}\n{"a":2\n\n[1]\n{"a":"' + b"y" * 300 + b'"}\n{"b":null}\n{"a":5}'
    )
    rows = rows_of(JsonLinesSource(path), "a", "b")
    bad = {number: row.first_line for number, row in rows.items() if isinstance(row, Unreadable)}
    assert bad == {2: 2, 3: 4, 4: 5}
    assert {number: row for number, row in rows.items() if number not in bad} == {
        1: (1, "x"),
        5: (None, None),
        6: (5, None),
    }


def parquet_file(tmp_path: Path) -> Path:
    """Write a file of ten rows with a column of every kind."""
    path = tmp_path / "rows.parquet"
    count = 10
    moment = datetime(2026, 1, 1, 12, 0, 0, 999_999)  # noqa: DTZ001  # naive on purpose
    table = pa.table(
        {
            "code": pa.array([f"c{i}" for i in range(count)]).dictionary_encode(),
            "units": pa.array([None, *range(1, count)], pa.int32()),
            "naive": pa.array([moment] * count, pa.timestamp("us")),
            "zoned": pa.array([moment] * count, pa.timestamp("ns", tz="UTC")),
            "price": pa.array([Decimal("1.50")] * count, pa.decimal128(8, 2)),
            "flag": pa.array([True] * count),
            "blob": pa.array([b"\x00"] * count),
        }
    )
    pq.write_table(table, path, row_group_size=3)
    return path


def test_parquet_columns_have_their_kinds(tmp_path: Path) -> None:
    """Column types decide which uses a mapping may make of them, and times become integers."""
    source = ParquetSource(parquet_file(tmp_path))
    assert list(source.columns.values()) == [
        ColumnKind.TEXT,
        ColumnKind.INTEGER,
        ColumnKind.NAIVE_TIME,
        ColumnKind.ZONED_TIME,
        ColumnKind.NUMBER,
        ColumnKind.BOOLEAN,
        ColumnKind.OTHER,
    ]
    noon = int(datetime(2026, 1, 1, 12, tzinfo=UTC).timestamp()) * 1_000 + 999
    rows = rows_of(source, "zoned", "naive", "units", "code")
    assert rows[1] == (noon, noon, None, "c0")
    assert len(rows) == 10


@pytest.mark.parametrize("after_row", range(11))
def test_reading_goes_on_after_any_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after_row: int
) -> None:
    """Row numbers are the same wherever reading starts: ids are made of them."""
    for reader in (parquet, csv_lines, json_lines):
        monkeypatch.setattr(reader, "CHUNK_ROWS", 4)
    lines = tmp_path / "rows.jsonl"
    lines.write_text("".join(f'{{"code":"c{i}"}}\n' for i in range(10)))
    table = csv_file(tmp_path, b"code\n" + b"".join(b"c%d\n" % i for i in range(10)))
    for source in (ParquetSource(parquet_file(tmp_path)), JsonLinesSource(lines), table):
        rows = rows_of(source, "code", after_row=after_row)
        assert rows == {number: (f"c{number - 1}",) for number in range(after_row + 1, 11)}


def test_whole_row_is_described_for_the_report(tmp_path: Path) -> None:
    """The report gets all columns of the right row as JSON values, also of a part read after a row."""
    chunk: Chunk = next(ParquetSource(parquet_file(tmp_path)).chunks(["units"], 4))
    described = chunk.describe(1)
    assert chunk.first_row == 5
    assert described["code"] == "c5"
    assert described["price"] == "1.50"
    assert described["blob"] == "00"
    assert str(described["naive"]).startswith("2026-01-01T12:00:00")


def test_what_is_no_parquet_is_named(tmp_path: Path) -> None:
    """A broken file is one clear line."""
    path = tmp_path / "x.parquet"
    path.write_bytes(b"nothing")
    with pytest.raises(SourceError, match=r"x\.parquet: not a readable Parquet file"):
        ParquetSource(path)


def test_unknown_ending_asks_for_the_format(tmp_path: Path) -> None:
    """A format is never guessed from content."""
    with pytest.raises(SourceError, match="--format"):
        open_source(tmp_path / "x.dat", CsvOptions(), None)


def test_file_hash_depends_on_content_only(tmp_path: Path) -> None:
    """A renamed file keeps its ids, a changed one gets new ones."""
    a, b = tmp_path / "a", tmp_path / "b"
    a.write_bytes(b"1")
    b.write_bytes(b"1")
    assert file_hash(a) == file_hash(b)
    b.write_bytes(b"2")
    assert file_hash(a) != file_hash(b)
