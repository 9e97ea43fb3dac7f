"""Writes docs/cli.md from the commands' own help: `python -m inventory_stream.cli.page`."""

from pathlib import Path
from typing import Final

import typer
from typer.cli import get_docs_for_click

from inventory_stream.cli import Commands, app
from inventory_stream.cli.lazy import load

PAGE: Final = Path("docs/cli.md")

_HEAD: Final = """\
# The command line

Written from the commands' own help by `python -m inventory_stream.cli.page`; a test fails when this page
is not what the commands say. Exit status: 0 done, 1 failed or something found, 2 wrong settings or usage,
70 a worker that must not go on: its supervisor starts it again.

"""


def page() -> str:
    """Give the page: each command with its words, arguments, options and example."""
    context = typer.Context(typer.main.get_command(app), info_name="inventory-stream")
    parts = [
        get_docs_for_click(
            obj=load(name, entry), ctx=context, indent=1, name=name, call_prefix="inventory-stream"
        ).strip()
        for name, entry in sorted(Commands.entries.items())
    ]
    # Help of an option ends in a line break of its own in some places; none of the page does.
    lines = "\n\n".join(parts).splitlines()
    return _HEAD + "\n".join(line.rstrip() for line in lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
