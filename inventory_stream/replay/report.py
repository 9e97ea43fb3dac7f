"""The report: every row that became no command, as JSON lines, and the totals by reason."""

import json
import math
import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from inventory_stream.replay.errors import ReplayStateError
from inventory_stream.replay.mapper import Remark
from models.commands import Command, type_name


@dataclass(slots=True)
class Totals:
    """What became of the rows so far. `opening` counts syncs, which are no rows."""

    accepted: Counter[str] = field(default_factory=Counter)  # by command
    skipped: Counter[str] = field(default_factory=Counter)  # by reason
    refused: Counter[str] = field(default_factory=Counter)  # by reason code
    opening: int = 0

    @property
    def rows(self) -> int:
        """Rows read: each was accepted, skipped or refused."""
        return self.accepted.total() + self.skipped.total() + self.refused.total()

    def add(self, results: Iterable[Command | Remark]) -> None:
        """Count what the mapper made of some rows."""
        kinds: Counter[type] = Counter()
        for result in results:
            if isinstance(result, Remark):
                (self.skipped if result.skipped else self.refused)[str(result.reason)] += 1
            else:
                kinds[type(result)] += 1
        for kind, rows in kinds.items():
            self.accepted[type_name(kind)] += rows


class ReportFile:
    """The report's file. Cut back to a known length first, so that a resumed replay repeats no line."""

    def __init__(self, path: Path, keep_bytes: int) -> None:
        """Open for writing after the first `keep_bytes` bytes.

        Raises:
            ReplayStateError: the file is shorter than that: somebody changed or removed it.
        """
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        held = path.stat().st_size if path.exists() else 0
        if held < keep_bytes:
            raise ReplayStateError(
                f"{path}: the report of the earlier part is gone or cut; put it back, or start over "
                f"with --restart"
            )
        self._file = path.open("r+b" if path.exists() else "w+b")
        self._file.truncate(keep_bytes)
        self._file.seek(keep_bytes)

    def write(self, results: Iterable[Command | Remark]) -> None:
        """Append a line for each listed remark among the results."""
        for result in results:
            if isinstance(result, Remark) and result.listed:
                self._file.write(_line(result))

    def sync(self) -> int:
        """Make everything durable and give the file's length in bytes."""
        self._file.flush()
        os.fsync(self._file.fileno())
        return self._file.tell()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def _line(remark: Remark) -> bytes:
    entry: dict[str, object] = {
        "row": remark.row,
        "verdict": "skipped" if remark.skipped else "refused",
        "reason": str(remark.reason),
    }
    for name in ("rule", "field", "detail", "lines"):
        value = getattr(remark, name)
        if value:
            entry[name] = value
    if remark.data is not None:
        entry["data"] = {name: _finite(value) for name, value in remark.data.items()}
    # The json module, because it escapes lone surrogates: what was undecodable shows up as such.
    return json.dumps(entry, default=str).encode() + b"\n"


def _finite(value: object) -> object:
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
