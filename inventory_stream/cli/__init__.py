"""The command line `inventory-stream`: one module per command or group of commands."""

import sys
from typing import Annotated, Final

import typer

from inventory_stream.cli.lazy import Entry, LazyGroup
from inventory_stream.errors import InventoryStreamError, SettingsError

EXIT_FAILED: Final = 1
EXIT_SETTINGS: Final = 2


class Commands(LazyGroup):
    """Every command: one line each."""

    entries = {  # noqa: RUF012  # typer builds the class itself; ClassVar stands in the base
        "topics": Entry("inventory_stream.cli.topics", "Create or check the Kafka topics: topics create"),
        "replay": Entry("inventory_stream.cli.replay", "Send history from a file: replay FILE --mapping MAP"),
        "worker": Entry("inventory_stream.cli.worker", "Run a worker until SIGTERM: worker ledger"),
        "gateway": Entry("inventory_stream.cli.gateway", "Answer over HTTP until SIGTERM: gateway"),
        "demo": Entry(
            "inventory_stream.cli.demo", "See it work: real till sales, a flash sale, a killed worker: demo"
        ),
        "sandbox": Entry(
            "inventory_stream.cli.sandbox", "Try channels without an account: fake shops that fail: sandbox"
        ),
        "atp": Entry("inventory_stream.cli.atp", "Show what can be sold, as storefronts see it: atp get SKU"),
        "ledger": Entry("inventory_stream.cli.ledger", "Show the ledger, or prove it right: ledger verify"),
        "dead-letters": Entry(
            "inventory_stream.cli.dead_letters",
            "Show what could not be decided, and send it again: dead-letters list",
        ),
        "channels": Entry(
            "inventory_stream.cli.channels",
            "Watch and steer marketplaces, shops and tills: channels status",
        ),
        "keys": Entry(
            "inventory_stream.cli.keys", "Say who may call the gateway: keys create --scope storefront"
        ),
        "audit": Entry("inventory_stream.cli.audit", "Show who changed how the shop sells: audit list"),
        "contracts": Entry(
            "inventory_stream.cli.contracts", "Write the schemas that others build on: contracts write"
        ),
        "bench": Entry(
            "inventory_stream.cli.bench", "Measure it on this machine, beside other systems: bench --full"
        ),
        "doctor": Entry(
            "inventory_stream.cli.doctor", "Say what is wrong with a set-up, and the way out: doctor"
        ),
    }


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help=(
        "Keep stock and reservations so that no unit is ever sold twice.\n\n"
        "A first run: `topics create`, then `worker ledger` and `worker projection` in two terminals. "
        "Settings come from variables such as INVENTORY_STREAM_KAFKA__BOOTSTRAP_SERVERS=host:9092, or from a "
        "TOML file named by INVENTORY_STREAM_SETTINGS_FILE."
    ),
)


def _show_version(value: bool) -> None:  # noqa: FBT001  # typer's callback
    if value:
        from inventory_stream.adapters.compiled import installed  # noqa: PLC0415  # few commands need it

        typer.echo(installed())
        raise typer.Exit


@app.callback()
def _options(
    *,
    is_version_asked: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_show_version,
            is_eager=True,
            help="Show the version, and whether the ledger is compiled.",
        ),
    ] = False,
) -> None:
    del is_version_asked


def main() -> None:
    """Run the command line; what a user can mend is one line on stderr.

    Exit status: 0 done, 1 failed, 2 wrong settings or usage, 70 a worker that must not go on (P7).
    """
    try:
        app()
    except SettingsError as error:
        typer.echo(str(error), err=True)
        sys.exit(EXIT_SETTINGS)
    except InventoryStreamError as error:
        typer.echo(str(error), err=True)
        sys.exit(EXIT_FAILED)
