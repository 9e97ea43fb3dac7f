"""`sandbox`: fake servers of the channels on this machine."""

import asyncio
from pathlib import Path
from typing import Annotated, Final

import typer

from inventory_stream.sandbox.config import FAKES
from inventory_stream.sandbox.run import Asked, run_sandbox
from inventory_stream.sandbox.specs import DEFAULT_FOLDER

PORT: Final = 8095
FOLDER: Final = Path(".run/sandbox")
SKUS: Final = ("MUG", "CUP", "TEE-M")

LOCATION: Final = "sandbox"

app = typer.Typer(add_completion=False)


@app.command()
def sandbox(
    *,
    channels: Annotated[str, typer.Option(help="Which, by comma.", show_default="all of them")] = "",
    sku: Annotated[
        list[str] | None,
        typer.Option(help="A SKU that each channel lists; repeat it.", show_default=", ".join(SKUS)),
    ] = None,
    location: Annotated[
        str, typer.Option(help="Our location whose stock they show, and their orders take from.")
    ] = LOCATION,
    listings: Annotated[
        Path | None,
        typer.Option(
            help="A mapping file instead, with the channels' names as integrations.", metavar="FILE"
        ),
    ] = None,
    gateway: Annotated[
        str | None,
        typer.Option(
            help="Where a sale on a channel sends its webhook: the gateway's address.", metavar="URL"
        ),
    ] = None,
    write_config: Annotated[
        Path, typer.Option(help="Folder for registry, mapping and secrets.", metavar="DIR")
    ] = FOLDER,
    port: Annotated[int, typer.Option(min=0, max=65_535, help="0: any free one.")] = PORT,
    specs: Annotated[
        Path,
        typer.Option(
            help="Folder of the vendors' specifications; without it, hand-written rules.",
            metavar="DIR",
            envvar="SANDBOX_SPECS",
        ),
    ] = DEFAULT_FOLDER,
) -> None:
    """Try channels without an account: fake shops and marketplaces that behave as theirs do, and misbehave.

    Each keeps its vendor's limits, idempotency keys and forms, and shows what it was told. It writes the
    files that `worker channels` and the gateway need to follow them. While it runs:

    What each shows, and its budget: curl localhost:8095/_sandbox

    One of them, with its newest changes: curl localhost:8095/_sandbox/square

    Break it: curl -d '{"fault":"server-error","seconds":30}' localhost:8095/_sandbox/square/faults

    Mend it: curl -X DELETE localhost:8095/_sandbox/square/faults

    Let it sell: curl -d '{"order_id":"o-1","lines":[{"listing":"...","units":2}]}'
    localhost:8095/_sandbox/square/sell

    And take that back: curl -d '{"order_id":"o-1"}' localhost:8095/_sandbox/square/cancel

    All faults and what they do: docs/channels/sandbox.md.

    Example: inventory-stream sandbox --channels square,woocommerce --gateway http://127.0.0.1:8080
    """
    names = tuple(filter(None, (name.strip() for name in channels.split(",")))) or tuple(sorted(FAKES))
    unknown = [name for name in names if name not in FAKES]
    if unknown:
        raise typer.BadParameter(f"no such channel: {unknown[0]}; there are {', '.join(sorted(FAKES))}")
    asked = Asked(
        tuple(dict.fromkeys(names)),
        port,
        write_config,
        specs,
        gateway,
        tuple(sku or SKUS),
        location,
        listings,
    )
    asyncio.run(run_sandbox(asked, typer.echo))
