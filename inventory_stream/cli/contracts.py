"""`contracts write|check`: what outside teams build on, as files generated from the code."""

from pathlib import Path
from typing import Annotated

import typer

from inventory_stream.contracts.documents import outdated
from inventory_stream.contracts.documents import write as write_documents

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Write or check the JSON Schemas and the AsyncAPI document.",
)

Folder = Annotated[Path, typer.Argument(help="Where the files lie.", metavar="[DIR]")]
FOLDER = Path("docs/contracts")


@app.command()
def write(folder: Folder = FOLDER) -> None:
    """Write the files that are missing or out of date; refuse when a promise of version 1 is broken.

    Example: inventory-stream contracts write docs/contracts
    """
    for name in write_documents(folder):
        typer.echo(f"wrote {folder / name}")


@app.command()
def check(folder: Folder = FOLDER) -> None:
    """Name the files that are out of date, or the promises that are broken; exit 1 on any.

    Example: inventory-stream contracts check docs/contracts
    """
    names = outdated(folder)
    for name in names:
        typer.echo(f"{folder / name} is out of date: inventory-stream contracts write {folder}", err=True)
    if names:
        raise typer.Exit(1)
    typer.echo("all contracts are current")
