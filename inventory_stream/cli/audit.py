"""`audit list`: who changed how the shop sells."""

import sys
from collections import deque
from typing import Annotated, Any, Final

import msgspec
import orjson
import typer
import uvloop
from rich.console import Console

from inventory_stream.adapters.kafka.audit_topic import KafkaAuditReader
from inventory_stream.adapters.kafka.connection import KafkaConnection
from inventory_stream.adapters.kafka.preflight import check_topic_shape, quiet_client
from inventory_stream.cli.reading import say
from inventory_stream.cli.times import WHEN_HELP, moment_ms
from inventory_stream.flows.explain_words import utc
from inventory_stream.ports.audit import AUDIT, StoredAuditRow
from inventory_stream.settings import load_settings

LISTED_MAX: Final = 20
"""Rows listed by default, the newest: a screen full."""

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Show who changed how the shop sells, through the gateway.",
)


@app.callback()
def _group() -> None:
    """Stand here so that `list` has to be named: typer takes an app of one command for that command."""


@app.command("list")
def list_rows(
    *,
    since: Annotated[
        str | None, typer.Option(help=f"Only written from then on: {WHEN_HELP}.", show_default=False)
    ] = None,
    caller: Annotated[
        str | None, typer.Option(help="Only of this key or subject.", show_default=False)
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000_000, help="Rows listed, the newest.")] = LISTED_MAX,
    is_json: Annotated[
        bool, typer.Option("--json", help="One JSON object per row and line, all of them.")
    ] = False,
) -> None:
    """List the rows of admin acts, oldest first: time of the broker, caller, act, address, outcome, request.

    Each act has two: `asked` before it was done, and its outcome. Where the second is missing the gateway
    ended in between, and the ledger knows whether it was done.

    Example: inventory-stream audit list --since 2d
    """
    settings = load_settings()
    since_ms = moment_ms(since, "--since") or 0
    newest: deque[StoredAuditRow] = deque(maxlen=limit)

    async def run() -> None:
        await check_topic_shape(settings, AUDIT)
        reader = KafkaAuditReader(KafkaConnection.of(settings.kafka), settings.topic(AUDIT))
        with quiet_client():
            async for stored in reader.rows():
                if stored.written_ms < since_ms or caller not in {None, stored.row.caller}:
                    continue
                if is_json:
                    sys.stdout.buffer.write(orjson.dumps(_as_json(stored)) + b"\n")
                else:
                    newest.append(stored)

    uvloop.run(run())
    console = Console()
    for written_ms, row in ((stored.written_ms, stored.row) for stored in newest):
        say(
            console,
            f"{utc(written_ms)}  {row.caller}  {row.act}  {row.subject}  {row.outcome}  {row.request_id}",
        )


def _as_json(stored: StoredAuditRow) -> dict[str, Any]:
    row: dict[str, Any] = msgspec.to_builtins(stored.row)
    return {"offset": stored.offset, "written_ms": stored.written_ms, **row}
