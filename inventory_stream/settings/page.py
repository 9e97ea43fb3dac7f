"""Writes docs/settings.md from the settings' own classes: `python -m inventory_stream.settings.page`."""

import sys
from pathlib import Path
from typing import Any, Final, Literal, get_args, get_origin

import annotated_types
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from inventory_stream.settings.names import FILE_VARIABLE, SECRETS_VARIABLE, variable
from inventory_stream.settings.root import Settings

PAGE: Final = Path("docs/settings.md")

_HEAD: Final = f"""\
# Settings

Generated from `inventory_stream/settings/` by `python -m inventory_stream.settings.page`; change it there.

A value comes from the first of these that has it:
1. the environment: the variable in the table;
2. a file named like the variable in the folder that `{SECRETS_VARIABLE}` names, one value each, as
   Kubernetes mounts a Secret; other files in it are left alone;
3. the TOML file that `{FILE_VARIABLE}` names: a table for each section, as in `[kafka]` with
   `partitions = 12`;
4. the default.

A wrong value, an unknown name or two settings that do not fit end every command with status 2 and one line
for each fault: the setting, its value (never a secret), where it stands, and the way out. Units are in the
names; a rule number (P, R) in brackets says which rule of [protocol.md](protocol.md) or [rules.md](rules.md)
it serves. How to set users and certificates: [security.md](security.md).
"""


def page() -> str:
    """Give the whole page."""
    parts = [_HEAD]
    for section, info in Settings.model_fields.items():
        kind: Any = info.annotation
        summary = (kind.__doc__ or "").strip().splitlines()[0]
        parts.append(f"\n## {section}\n{summary}\n")
        parts.append("| setting, and its variable | takes | default | what it is |")
        parts.append("| --- | --- | --- | --- |")
        parts += [_row(section, name, field) for name, field in kind.model_fields.items()]
    return "\n".join(parts) + "\n"


def _row(section: str, name: str, field: FieldInfo) -> str:
    cells = (
        f"`{section}.{name}`<br>`{variable((section, name))}`",
        _takes(field),
        _default(field.default),
        (field.description or "").replace("|", "\\|"),
    )
    return f"| {' | '.join(cells)} |"


def _takes(field: FieldInfo) -> str:
    """Say in words what a setting may be."""
    annotation = field.annotation
    options = [part for part in get_args(annotation) if part is not type(None)]
    kind: Any = options[0] if type(None) in get_args(annotation) else annotation
    if get_origin(kind) is Literal:
        return ", ".join(f"`{word}`" for word in get_args(kind))
    names = {
        int: "whole number",
        float: "number",
        bool: "`true` or `false`",
        Path: "path",
        SecretStr: "secret",
    }
    bounds = [
        f"{bound.ge:,.10g}" if isinstance(bound, annotated_types.Ge) else f"{bound.le:,.10g}"
        for bound in _numbers(field)
    ]
    return f"{names.get(kind, 'text')} {' to '.join(bounds)}".rstrip()


def _numbers(field: FieldInfo) -> list[Any]:
    kinds = (annotated_types.Ge, annotated_types.Le)
    return [bound for bound in field.metadata if isinstance(bound, kinds)]


def _default(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value}`" if str(value) else "empty"


def main(target: Path = PAGE) -> None:
    """Write the page, seen from the repository's root."""
    target.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"{target} written\n")


if __name__ == "__main__":
    main()
