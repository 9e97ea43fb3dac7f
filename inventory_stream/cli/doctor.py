"""`doctor`: looks at settings, Kafka, topics, groups, ledger, clocks and Redis; the way out of each fault."""

import asyncio
import sys
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console

from inventory_stream.adapters.kafka.preflight import quiet_client
from inventory_stream.cli.doctor_probes import examine
from inventory_stream.cli.findings import print_checks
from inventory_stream.cli.reading import say
from inventory_stream.flows.doctor import Check, Level, worst
from inventory_stream.settings import Settings, load_settings, without_password

app = typer.Typer(add_completion=False)


@app.command()
def doctor(
    *,
    is_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    is_deep: Annotated[
        bool, typer.Option("--deep", help="Read the whole ledger too: how full the windows are (R29).")
    ] = False,
) -> None:
    """Look at everything that this environment runs on; exit 1 when something is broken.

    What is installed here and whether its ledger is compiled, settings, brokers and topics (P12),
    consumer groups, who owns each partition of the ledger and how far it is (P2, P9), dead letters,
    Redis and whether it shows what the ledger says, all clocks. What cannot be looked at hides nothing
    else. Warnings alone are exit 0.

    Example: INVENTORY_STREAM_REDIS__URL=redis://cache:6379/0 inventory-stream doctor
    """
    settings = load_settings()  # a wrong setting has said its own line and way out
    with quiet_client():
        checks = asyncio.run(examine(settings, is_deep=is_deep))
    if is_json:
        sys.stdout.buffer.write(orjson.dumps(as_json(settings, checks), option=orjson.OPT_INDENT_2) + b"\n")
    else:
        print_checks(checks)
        for line in changed_settings(settings):
            say(Console(), f"set: {line}", "dim")
    if worst(checks) is Level.FAIL:
        raise typer.Exit(1)


def as_json(settings: Settings, checks: list[Check]) -> dict[str, Any]:
    """Give all checks, and the settings without what must stay secret."""
    return {
        "level": worst(checks).value,
        "checks": [{**check._asdict(), "level": check.level.value} for check in checks],
        "settings": shown_settings(settings),
    }


def shown_settings(settings: Settings) -> dict[str, Any]:
    """Give every setting by section, secrets as stars."""
    shown: dict[str, Any] = settings.model_dump(mode="json")
    shown["redis"]["url"] = without_password(settings.redis.url)
    return shown


def changed_settings(settings: Settings) -> list[str]:
    """Name the settings that differ from their defaults, secrets as stars."""
    shown = shown_settings(settings)
    defaults = shown_settings(type(settings).model_construct())
    return [
        f"{section}.{name} = {value}"
        for section, values in shown.items()
        for name, value in values.items()
        if value != defaults[section][name]
    ]
