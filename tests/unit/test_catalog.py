"""R30: the catalog file names the product whose partition a SKU shares."""

from pathlib import Path

import pytest

from inventory_stream.adapters.catalog import load_catalog
from inventory_stream.errors import SettingsError


def test_catalog_names_products(tmp_path: Path) -> None:
    """Two columns, quoted as CSV is; blank lines say nothing; no file, no products."""
    path = tmp_path / "catalog.csv"
    path.write_text('sku,product\nS-1,shirt\n\n"S,2",shirt\nS-1,shirt\n', encoding="utf-8")
    assert load_catalog(path) == {"S-1": "shirt", "S,2": "shirt"}
    assert load_catalog(None) == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "line 1"),
        ("product,sku\n", "line 1"),
        ("sku,product\na\n", "line 2: 1 fields"),
        ("sku,product\na,b,c\n", "line 2: 3 fields"),
        ("sku,product\na,b\na,c\n", "line 3: 'a' has a second product, 'c'"),
        ("sku,product\n,b\n", "no identifier"),
        (f"sku,product\na,{'x' * 129}\n", "no identifier"),
        ('sku,product\na,"b\n', "cannot be read"),
    ],
)
def test_wrong_catalog_is_one_line_that_names_file_and_line(tmp_path: Path, text: str, said: str) -> None:
    """A wrong catalog would scatter a SKU over partitions: nothing starts with it."""
    path = tmp_path / "catalog.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as raised:
        load_catalog(path)
    assert said in str(raised.value)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_missing_catalog_is_one_line(tmp_path: Path) -> None:
    """Named but not there is a wrong setting, not an empty catalog."""
    with pytest.raises(SettingsError, match=r"catalog\.file"):
        load_catalog(tmp_path / "none.csv")
