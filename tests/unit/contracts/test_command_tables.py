"""docs/contracts.md's tables of commands, held to the commands themselves."""

import re
from pathlib import Path
from typing import Final

import msgspec
import pytest

from models.commands import ORDER_COMMANDS, STOCK_COMMANDS, Command, type_name

PAGE: Final = (Path(__file__).parents[3] / "docs" / "contracts.md").read_text(encoding="utf-8")
_ROW: Final = re.compile(r"^\| `(\w+)` \| (.+) \|$", re.MULTILINE)


@pytest.mark.parametrize("command", [*STOCK_COMMANDS, *ORDER_COMMANDS], ids=type_name)
def test_table_names_every_field_in_its_place(command: type[Command]) -> None:
    """Producers of positional packs count on the order; a `?` says what may be left out."""
    cells = dict(_ROW.findall(PAGE))[type_name(command)].split("; goes to every")[0]
    told = [part.split()[0] for part in re.sub(r"\([^)]*\)", "", cells).split(",")]
    fields = msgspec.structs.fields(command)[1:]
    assert told == [field.name + ("" if field.required else "?") for field in fields]
