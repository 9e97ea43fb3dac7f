"""Which reader a file needs, and the hash that names it."""

import hashlib
from pathlib import Path
from typing import Final, Literal

from inventory_stream.replay.errors import SourceError
from inventory_stream.replay.mapping_file import CsvOptions
from inventory_stream.replay.readers.csv_lines import CsvSource
from inventory_stream.replay.readers.json_lines import JsonLinesSource
from inventory_stream.replay.readers.parquet import ParquetSource
from inventory_stream.replay.rows import RowSource

Format = Literal["parquet", "csv", "jsonl"]

FORMAT_OF_ENDING: Final[dict[str, Format]] = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".csv": "csv",
    ".tsv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
}
"""File endings that say the format."""

# Of the SHA-256 of a file: 64 bits tell a billion files apart, and leave room in an id of 128 characters.
FILE_ID_CHARACTERS: Final = 16


def file_hash(path: Path) -> str:
    """Give the SHA-256 of a file's bytes, as 64 hexadecimal digits (about 1 s per GB).

    Raises:
        SourceError: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise SourceError(f"{path}: not readable ({error.strerror}); name an existing file") from None


def open_source(path: Path, csv_options: CsvOptions, stated_format: Format | None) -> RowSource:
    """Open a file of rows.

    Args:
        path: The file.
        csv_options: The dialect, used for CSV only.
        stated_format: None: judged by the file's ending.

    Raises:
        SourceError: the format is unknown, or the file is not of it.
    """
    match stated_format or FORMAT_OF_ENDING.get(path.suffix.lower()):
        case "parquet":
            return ParquetSource(path)
        case "csv":
            return CsvSource(path, csv_options)
        case "jsonl":
            return JsonLinesSource(path)
        case _:
            raise SourceError(
                f"{path}: cannot tell the format by the ending; say --format parquet, csv or jsonl"
            )
