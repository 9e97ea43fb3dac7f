"""Writes README's figures from the newest committed result: `python -m benchmarks.readme`.

Nobody types a figure there: a test fails when what stands between the markers is not what this writes.
"""

import sys
import textwrap
from pathlib import Path
from typing import Final

from benchmarks.document import RESULTS, Document, newest_result, read_result
from benchmarks.headline import absent_lines, headline_table, peers_table
from benchmarks.report import markdown_table, oversold_line

README: Final = Path(__file__).parents[1] / "README.md"
BEGIN: Final = "<!-- figures: written by `python -m benchmarks.readme` -->"
END: Final = "<!-- end of figures -->"
COLUMNS: Final = 120
"""Of a line of README."""

_COMMANDS: Final = {"headline": "`make bench`", "full": "`inventory-stream bench --full`"}


def figures(document: Document, name: str) -> str:
    """Give the part of README between the markers.

    Args:
        document: A whole result.
        name: Its file name without suffix, to link its page.
    """
    machine, setup = document["machine"], document["setup"]
    command = _COMMANDS[setup.get("selection", "headline")]
    runs = "one run of each" if setup["runs"] == 1 else f"medians of up to {setup['runs']} runs"
    linux = machine["kernel"].partition("-")[0]
    text = (
        f"Printed by {command} on {machine['cores']} cores ({machine['cpu']}, {machine['memory_gib']} GiB, "
        f"Linux {linux}, Python {machine['python']}) with broker, worker and load on the same machine, "
        f"{runs}, revision {document['revision']['commit'][:12]}; every decision read back and checked "
        f"([the whole result](benchmarks/results/{name}.md))."
    )
    lines = [
        *textwrap.wrap(text, COLUMNS, break_long_words=False, break_on_hyphens=False),
        "",
        *markdown_table(headline_table(document)),
        "",
        f"All scenarios: {oversold_line(document['scenarios'])}.",
    ]
    if len(beside := peers_table(document)) > 1:
        lines += ["", *markdown_table(beside), ""]
        lines += [f"- {line}" for line in absent_lines(document)]
    return "\n".join(lines).rstrip() + "\n"


def rewritten(readme: str, folder: Path = RESULTS) -> str:
    """Give README with the figures of the newest whole result between its markers.

    Raises:
        ValueError: the markers are not there.
        ResultFileError: there is no result, or one that cannot be read.
    """
    newest = newest_result(folder)
    begin, end = readme.index(BEGIN) + len(BEGIN), readme.index(END)
    return f"{readme[:begin]}\n{figures(read_result(newest), newest.stem)}{readme[end:]}"


def main() -> int:
    """Rewrite README; give the exit status."""
    README.write_text(rewritten(README.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
