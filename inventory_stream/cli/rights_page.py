"""Writes the table of rights into docs/security.md: `python -m inventory_stream.cli.rights_page`."""

import sys
from pathlib import Path
from typing import Final

from inventory_stream.cli.rights import ROLES, Right, rights_of

PAGE: Final = Path("docs/security.md")

BEGIN: Final = "<!-- rights: written by python -m inventory_stream.cli.rights_page -->"
END: Final = "<!-- end of rights -->"


def table() -> str:
    """Give the rights of every process, with names before the topic prefix."""
    lines = ["| process | resource | operations |", "| --- | --- | --- |"]
    for role in ROLES:
        shown = f"`{role}`"
        for operations, resources in _by_operations(rights_of(role, lambda name: name)).items():
            lines.append(f"| {shown} | {', '.join(resources)} | {operations} |")
            shown = ""
    return "\n".join(lines)


def _by_operations(rights: list[Right]) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for right in rights:
        operations = ", ".join(operation.name.title().replace("_", "") for operation in right.operations)
        name = f"{right.name}*" if right.is_prefix else right.name
        kind = right.resource.value[0].removeprefix("--")
        grouped.setdefault(operations, []).append(f"{kind} `{name}`")
    return grouped


def with_table(text: str) -> str:
    """Give the page's text with the table as it is now.

    Raises:
        ValueError: the marks around the table are gone.
    """
    before, after = text.index(BEGIN) + len(BEGIN), text.index(END)
    return f"{text[:before]}\n{table()}\n{text[after:]}"


def main(target: Path = PAGE) -> None:
    """Write the table, seen from the repository's root."""
    target.write_text(with_table(target.read_text(encoding="utf-8")), encoding="utf-8")
    sys.stdout.write(f"{target} written\n")


if __name__ == "__main__":
    main()
