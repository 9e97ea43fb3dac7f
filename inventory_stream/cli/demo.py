"""`demo`: everything at once on this machine, with two kills in the middle, the audit, and a shop to try."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from inventory_stream.demo.history import ROWS_DEFAULT, SEED_DEFAULT
from inventory_stream.demo.journey import JOURNEY_ROWS
from inventory_stream.demo.run import Options, run_demo
from inventory_stream.demo.script import Script

STOCK_UNITS: Final = 500
DEMAND_FACTOR: Final = 20
SALE_SECONDS: Final = 25.0
"""Long enough to see the shelf empty, a worker and a gateway die and come back. With it and 20 times the
stock, customers come at 270 a second on average: what two cores carry beside everything else."""

ORDERS: Final = 2_400
"""Whose whole life is played on the SKUs of the till data: about 6,000 commands in 6 s."""

SMALL_ROWS: Final = 2_000
SMALL_ORDERS: Final = 240
SMALL_STOCK_UNITS: Final = 100
SMALL_SALE_SECONDS: Final = 4.0

CHANNELS_SECONDS: Final = 12.0
SMALL_CHANNELS_SECONDS: Final = 4.0
"""How long shoppers buy what channels list; the worker that tells channels dies in the middle of it."""

PIPE_COLUMNS: Final = 160
"""A pipe has no width of its own, and rich would fold the table, whose longest row has 150, to 80 columns."""

app = typer.Typer(add_completion=False)


@app.command()
def demo(
    *,
    seed: Annotated[int, typer.Option(help="Of everything that is generated.")] = SEED_DEFAULT,
    till_rows: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=JOURNEY_ROWS,
            help="Rows of the till data, from its beginning.",
            show_default=str(ROWS_DEFAULT),
        ),
    ] = None,
    orders: Annotated[
        int | None,
        typer.Option(
            min=40, max=100_000, help="Orders whose whole life is played.", show_default=str(ORDERS)
        ),
    ] = None,
    sale_stock: Annotated[
        int | None, typer.Option(min=10, help="Units on sale.", show_default=str(STOCK_UNITS))
    ] = None,
    demand_factor: Annotated[
        int, typer.Option(min=2, max=1_000, help="Units wanted for each unit on sale.")
    ] = DEMAND_FACTOR,
    is_small: Annotated[bool, typer.Option("--small", help="Few rows and a short sale: for CI.")] = False,
    keep: Annotated[
        bool | None,
        typer.Option(
            help="Leave everything running until Ctrl-C, with the shop's page to try.",
            show_default="--keep on a terminal, --no-keep in a pipe or CI",
        ),
    ] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option(help="Folder for data and logs, kept.", show_default="a temporary one"),
    ] = None,
) -> None:
    """See it work: real till sales, whole lives of orders, a flash sale, a killed worker, nothing oversold.

    Starts Kafka and Valkey, two ledger workers, the projection and two gateways on this machine, replays
    real till sales, plays orders from their reservation to their return, and sells out one SKU over HTTP to
    twenty times too many customers while a worker and a gateway are killed. Three channels of the sandbox
    then follow the ledger while one of them breaks and their worker is killed. It checks every answer: exit
    1 when anything that must hold does not. On a terminal it then leaves a shop open, whose page sells its
    last unit to one of two browsers.

    Example: inventory-stream demo
    """
    rows, lives, stock, seconds = (
        (SMALL_ROWS, SMALL_ORDERS, SMALL_STOCK_UNITS, SMALL_SALE_SECONDS)
        if is_small
        else (ROWS_DEFAULT, ORDERS, STOCK_UNITS, SALE_SECONDS)
    )
    script = Script(
        seed=seed,
        till_rows=rows if till_rows is None else till_rows,
        orders=lives if orders is None else orders,
        sale_stock_units=stock if sale_stock is None else sale_stock,
        demand_factor=demand_factor,
        sale_seconds=seconds,
        channels_seconds=SMALL_CHANNELS_SECONDS if is_small else CHANNELS_SECONDS,
    )
    console = Console()
    if not console.is_terminal:
        console.width = PIPE_COLUMNS
    options = Options(script, data_dir, stays_open(os.environ, asked=keep, is_terminal=console.is_terminal))
    status = run_demo(options, console, Console(stderr=True))
    raise typer.Exit(status)


def stays_open(environment: Mapping[str, str], *, asked: bool | None, is_terminal: bool) -> bool:
    """Say whether everything runs on at the end: where nobody asked, if somebody is there to end it."""
    return is_terminal and not environment.get("CI") if asked is None else asked
