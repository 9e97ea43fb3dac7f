"""`topics create` and `topics check`: the topics of this environment, as P12 demands."""

import asyncio

import typer

from inventory_stream.adapters.kafka.preflight import reaching_kafka
from inventory_stream.adapters.kafka.topics import check_topics, create_topics
from inventory_stream.cli.findings import has_errors, print_findings
from inventory_stream.settings import load_settings

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Create or check the Kafka topics.")


@app.command()
def create() -> None:
    """Create the topics that do not exist yet; those that do are left as they are.

    Example: INVENTORY_STREAM_KAFKA__PARTITIONS=12 inventory-stream topics create
    """
    settings = load_settings()
    with reaching_kafka(settings):
        created = asyncio.run(create_topics(settings))
    for name in created:
        typer.echo(f"created {name}")
    if not created:
        typer.echo("all topics exist; `inventory-stream topics check` says whether they are right")


@app.command()
def check() -> None:
    """Say what about topics and brokers differs from what correctness needs; exit 1 on errors.

    Example: inventory-stream topics check
    """
    settings = load_settings()
    with reaching_kafka(settings):
        findings = asyncio.run(check_topics(settings))
    print_findings(findings, "topics and brokers are as they must be")
    if has_errors(findings):
        raise typer.Exit(1)
