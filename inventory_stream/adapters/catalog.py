"""The catalog file: which SKUs are sizes of one product, and so share a partition (R30).

Every producer and every worker must be given the same file: whoever keys by another product sends a
command to a partition that answers WRONG_PARTITION.
"""

import csv
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Final, TextIO

import structlog

from inventory_stream.errors import SettingsError
from models.ids import ID_CHARACTERS_MAX, has_control_character

SKUS_MAX: Final = 10_000_000
"""Most SKUs of a catalog: about 2 GB of memory in each process; more is a wrong file."""
_COLUMNS: Final = ["sku", "product"]

log = structlog.get_logger(__name__)


def load_catalog(path: Path | None) -> Mapping[str, str]:
    """Read SKU -> product; empty without a file. SKUs that it does not name are their own product.

    Raises:
        SettingsError: no such file, or a line that cannot be meant, with its number.
    """
    if path is None:
        return {}
    products: dict[str, str] = {}
    try:
        with path.open(encoding="utf-8", newline="") as file:
            for number, sku, product in _entries(path, file):
                if products.setdefault(sku, product) != product:
                    raise _wrong(path, number, f"{sku!r} has a second product, {product!r}")
                if len(products) > SKUS_MAX:
                    raise _wrong(path, number, f"more than {SKUS_MAX} SKUs")
    except (OSError, UnicodeError, csv.Error) as error:
        raise SettingsError(f"catalog.file = {str(path)!r} cannot be read: {error}") from None
    digest = blake2b(digest_size=8)
    for sku in sorted(products):
        digest.update(f"{sku},{products[sku]}\n".encode())
    # The same in the log of every process, or their catalogs differ.
    log.info("catalog", skus=len(products), fingerprint=digest.hexdigest())
    return products


def _entries(path: Path, file: TextIO) -> Iterator[tuple[int, str, str]]:
    """Read (line number, SKU, product) of each line that is not blank."""
    lines = csv.reader(file, strict=True)
    if next(lines, None) != _COLUMNS:
        raise _wrong(path, 1, "the first line must be: sku,product")
    for fields in lines:
        if not fields:
            continue
        if len(fields) != len(_COLUMNS):
            raise _wrong(path, lines.line_num, f"{len(fields)} fields instead of sku,product")
        for name in fields:
            if not 0 < len(name) <= ID_CHARACTERS_MAX or has_control_character(name):
                raise _wrong(path, lines.line_num, f"{name[:40]!r} is no identifier of 1-128 characters")
        yield lines.line_num, fields[0], fields[1]


def _wrong(path: Path, line: int, why: str) -> SettingsError:
    return SettingsError(f"catalog.file = {str(path)!r}, line {line}: {why}")
