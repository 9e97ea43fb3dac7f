"""Small files for the replay tests."""

import os
from pathlib import Path

import pytest

COLUMNS = "code,units,at"

SALE = """
[time]
timezone = "UTC"

[[rules]]
name = "sale"
when = "units > 0"
command = "till_sale"
id = "{file}:{row}"
sku = "{code}"
location = "L1"
units = "units"
effective_at = "at"

[[rules]]
name = "nothing"
when = "units == 0"
command = "skip"
reason = "zero"
"""

OPENING = """
[opening]
on_hand = 100
effective_at = "2026-01-01T00:00:00Z"
"""


def write_mapping(folder: Path, text: str, *, version: str = "version = 1\n") -> Path:
    """Write a mapping file."""
    path = folder / "mapping.toml"
    path.write_text(version + text)
    return path


def write_csv(folder: Path, *lines: str, header: str = COLUMNS) -> Path:
    """Write a CSV file with a header."""
    path = folder / "rows.csv"
    path.write_text("\n".join((header, *lines)) + "\n")
    return path


def sales(count: int) -> list[str]:
    """Make lines of good sales: one unit each of SKU-0, SKU-1, SKU-2 in turn, a second apart."""
    return [
        f"SKU-{number % 3},1,2026-01-02 {number // 3600:02}:{number // 60 % 60:02}:{number % 60:02}"
        for number in range(count)
    ]


def shared_data(name: str) -> Path:
    """Give a data file that is not part of the project, or skip the test."""
    beside = Path(__file__).parents[2].parent / "shared"
    path = Path(os.environ.get("INVENTORY_STREAM_SHARED_DIR", beside)) / "data" / name
    if not path.is_file():
        pytest.skip(f"{name} is not here; set INVENTORY_STREAM_SHARED_DIR to the folder above its data/")
    return path
