"""Every command line that a page or a message names is one that exists, options included."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from inventory_stream.cli import Commands
from inventory_stream.cli.lazy import load

ROOT: Final = Path(__file__).parents[2]
PROGRAM: Final = "inventory-stream"

FENCE: Final = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)
SPAN: Final = re.compile(rf"`{PROGRAM} ([^`]+)`")
LINE: Final = re.compile(rf"^(?:[^#\n`]*?(?:\$ |\$\(|&& |-- |; ))? *{PROGRAM} ([^\n]+)", re.MULTILINE)
IN_CODE: Final = re.compile(rf"(?:`|[Ee]xample: |: |\"){PROGRAM} ([a-z][^`\"\n]*)")
END: Final = re.compile(r" (?:[&<>#]|2>)| *[|;)]|\\$")
"""Where the words of a command end: at what is the shell's."""

COMMANDS: Final = {name: load(name, entry) for name, entry in Commands.entries.items()}


def pages() -> Iterator[Path]:
    """Give the pages that people write; docs/cli.md is generated."""
    yield from ROOT.glob("*.md")
    yield from (page for page in (ROOT / "docs").rglob("*.md") if page.name != "cli.md")


def named(text: str) -> Iterator[str]:
    """Give what follows the program's name in a page, once for each place."""
    blocks = FENCE.findall(text)
    for block in blocks:
        yield from LINE.findall(block)
    for words in SPAN.findall(FENCE.sub("", text)):
        yield " ".join(words.split())


def wrong(words: str) -> str | None:
    """Say what of a command line does not exist; None: all of it does."""
    given = shlex.split(END.split(words.replace("...", ""))[0], comments=True)
    command: Any = None
    commands: dict[str, Any] = COMMANDS
    while given and not given[0].startswith("-") and commands:
        command = commands.get(given[0])
        if command is None:
            return f"no command {given[0]!r}"
        commands = getattr(command, "commands", {})
        given = given[1:]
    parameters = getattr(command, "params", ())
    options = {word for one in parameters for word in (*one.opts, *one.secondary_opts)} | {"--help"}
    takes = any(one.param_type_name == "argument" for one in parameters)
    for option in (word.partition("=")[0] for word in given if word.startswith("--")):
        if command is not None and option not in options:
            return f"no option {option}"
    if command is not None and given and not given[0].startswith("-") and not takes:
        return f"takes no {given[0]!r}"
    return None


@pytest.mark.parametrize("page", sorted(pages()), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_of_a_page_exists(page: Path) -> None:
    """A reader can type what a page says: the command, what is below it, and its options are there."""
    text = page.read_text(encoding="utf-8")
    assert not {words: why for words in named(text) if (why := wrong(words))}


def test_every_command_of_a_message_exists() -> None:
    """The way out that a message names is a command that there is."""
    found = {
        words: why
        for path in (ROOT / "inventory_stream").rglob("*.py")
        for words in IN_CODE.findall(path.read_text(encoding="utf-8"))
        if (why := wrong(re.split(r"[{'(,:]|\. |\.$| and | or ", words)[0]))
    }
    assert not found


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("audit list --since 2d", None),
        ("audit --since 2d", "no option --since"),
        ("audit liste", "no command 'liste'"),
        ("worker shelf", "no command 'shelf'"),
        ("worker ledger twice", "takes no 'twice'"),
        ("ledger verify --fast | tail", "no option --fast"),
    ],
)
def test_what_does_not_exist_is_told(words: str, why: str | None) -> None:
    """The look at the pages can fail, at each level of a command line."""
    assert wrong(words) == why
