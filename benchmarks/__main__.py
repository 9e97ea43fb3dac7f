"""`python -m benchmarks`: the same as `inventory-stream bench`, which has the options."""

import sys
from collections.abc import Sequence

import typer

from inventory_stream.cli.bench import app
from inventory_stream.errors import InventoryStreamError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; give the exit status."""
    command = typer.main.get_command(app)
    try:
        command.main(None if arguments is None else list(arguments), prog_name="python -m benchmarks")
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0
    except InventoryStreamError as error:
        typer.echo(str(error), err=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
