"""The mapping file: TOML that says which command each row of a file becomes.

This module reads it and checks its form; `compile.py` checks it against the commands and the
columns of the file at hand. docs/replay.md is the reference.
"""

import hashlib
import re
import tomllib
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from inventory_stream.replay.errors import MappingError
from models.commands import UNITS_MAX

SKIP: Final = "skip"
"""The word that stands for a command where rows are left out on purpose."""

# Rules are tried one after the other for every row; more than this is a program, not a mapping.
RULES_MAX: Final = 100

Scalar = str | int | bool
Character = Annotated[str, StringConstraints(min_length=1, max_length=1)]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class CsvOptions(_Section):
    """The dialect of a CSV file."""

    delimiter: Character = ","
    quote: Character = '"'
    escape: Character | None = None
    encoding: Literal["utf-8", "latin-1", "cp1252", "utf-16"] = "utf-8"
    null_values: list[str] = [""]


class TimeOptions(_Section):
    """How times in the file are read."""

    timezone: str | None = None
    ambiguous: Literal["earlier", "later"] = "earlier"
    format: str | None = None
    unit: Literal["ms", "s"] | None = None

    @model_validator(mode="after")
    def _known_zone(self) -> Self:
        if self.timezone is not None:
            try:
                ZoneInfo(self.timezone)
            except (ValueError, OSError, LookupError):
                raise ValueError(
                    f"timezone {self.timezone!r} is not known here; use an IANA name such as 'Europe/London'"
                ) from None
        return self


class Opening(_Section):
    """The opening-stock rule: one sync per SKU and location, before every row."""

    on_hand: Annotated[int, Field(ge=0, le=UNITS_MAX)]
    effective_at: Annotated[datetime, Field(strict=False)]
    source: Annotated[str, StringConstraints(min_length=1, max_length=128)] | None = None

    @model_validator(mode="after")
    def _has_zone(self) -> Self:
        if self.effective_at.tzinfo is None:
            raise ValueError("effective_at needs an offset, such as 2010-12-01T00:00:00Z (R7)")
        return self


class FieldTable(_Section):
    """The long form of a field: what to do when a column in it is null."""

    value: Scalar
    when_null: Literal["omit", "refuse"] = "refuse"


class Rule(BaseModel):
    """One rule: condition, command, and the command's fields as further keys."""

    model_config = ConfigDict(frozen=True, extra="allow", strict=True)
    __pydantic_extra__: dict[str, Scalar | list[str] | FieldTable]

    name: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    command: str
    when: str | None = None
    list_rows: bool = True

    @property
    def fields(self) -> dict[str, Scalar | list[str] | FieldTable]:
        """The command's fields (or a skip's reason) as written."""
        return self.__pydantic_extra__


class Mapping(_Section):
    """A whole mapping file."""

    version: Literal[1]
    description: str = ""
    csv: CsvOptions = CsvOptions()
    time: TimeOptions = TimeOptions()
    opening: Opening | None = None
    defaults: dict[str, Scalar | list[str] | FieldTable] = {}
    rules: Annotated[list[Rule], Field(min_length=1, max_length=RULES_MAX)]

    @model_validator(mode="after")
    def _distinct_names(self) -> Self:
        names = [rule.name for rule in self.rules]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two rules are named {twice[0]!r}; the report needs to tell them apart")
        return self


class MappingSource:
    """A mapping with the file it came from, so that later faults can name their line."""

    def __init__(self, path: Path, text: str, mapping: Mapping) -> None:
        """Keep what `load_mapping` read."""
        self.path = path
        self.mapping = mapping
        self.content_hash = hashlib.sha256(text.encode()).hexdigest()
        self._text = text

    def error(self, message: str, *, rule: str | None = None, field: str | None = None) -> MappingError:
        """Make an error that names file, line, rule and field."""
        return MappingError(_place(self.path, self._text, rule=rule, field=field) + message)


def load_mapping(path: Path) -> MappingSource:
    """Read a mapping file and check its form.

    Raises:
        MappingError: one line for each fault, naming file, line, rule and field.
    """
    try:
        text = path.read_bytes().decode()
        raw = tomllib.loads(text)
    except OSError as error:
        raise MappingError(f"{path}: mapping file not readable ({error.strerror})") from None
    except UnicodeDecodeError:
        raise MappingError(f"{path}: mapping file is not UTF-8; save it as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise MappingError(f"{path}: not valid TOML: {error}") from None
    try:
        return MappingSource(path, text, Mapping.model_validate(raw))
    except ValidationError as error:
        raise MappingError("\n".join(_explain(path, text, raw, error))) from None


def _explain(path: Path, text: str, raw: dict[str, object], error: ValidationError) -> list[str]:
    # A value that may be one of several types gives one fault per type: the first of each place says enough.
    lines: dict[str, None] = {}
    for fault in error.errors():
        place = [part for part in fault["loc"] if not (isinstance(part, str) and part.endswith("]"))]
        rule = field = None
        if place[:1] == ["rules"] and len(place) > 1:
            rules = raw.get("rules")
            index = place[1]
            if isinstance(rules, list) and isinstance(index, int) and isinstance(rules[index], dict):
                rule = str(rules[index].get("name", f"number {index + 1}"))
            field = str(place[2]) if len(place) > 2 else None
        elif place:
            field = ".".join(str(part) for part in place[:2])
        value = "" if fault["type"] in {"missing", "value_error"} else f" (it is {fault['input']!r})"
        message = fault["msg"].removeprefix("Value error, ")
        lines.setdefault(_place(path, text, rule=rule, field=field) + f"{message}{value}")
    seen: dict[str, str] = {}
    for line in lines:
        seen.setdefault(line.split(": ", 1)[0], line)
    return list(seen.values())


def _place(path: Path, text: str, *, rule: str | None, field: str | None) -> str:
    line = _line_of(text, rule, field)
    where = f"{path}, line {line}" if line else str(path)
    parts = [f"rule {rule!r}"] if rule is not None else []
    if field is not None:
        parts.append(f"field {field!r}")
    return f"{where}{', ' if parts else ''}{', '.join(parts)}: "


def _line_of(text: str, rule: str | None, field: str | None) -> int | None:
    """Find the line of a field, or of its rule; tomllib keeps no positions, so by the text's shape."""
    lines = text.splitlines()
    begin, end = 0, len(lines)
    found: int | None = None
    if rule is not None:
        heads = [at for at, line in enumerate(lines) if line.strip().startswith("[[rules]]")]
        for at, following in zip(heads, [*heads[1:], len(lines)], strict=True):
            named = re.compile(rf"""\s*name\s*=\s*(["']){re.escape(rule)}\1""")
            if any(named.match(line) for line in lines[at:following]):
                begin, end, found = at, following, at + 1
                break
        else:
            return None
    elif field is not None and "." in field:
        section, field = field.split(".", 1)
        heads = [at for at, line in enumerate(lines) if line.strip() == f"[{section}]"]
        if not heads:
            return None
        begin, found = heads[0], heads[0] + 1
    if field is None:
        return found
    key = re.compile(rf"\s*{re.escape(field)}\s*=")
    return next((at + 1 for at in range(begin, end) if key.match(lines[at])), found)
