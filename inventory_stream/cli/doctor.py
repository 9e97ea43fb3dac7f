"""`doctor`: looks at settings, Kafka, topics, clocks and Redis, and says the way out of each fault."""

import asyncio
import time
from typing import Final

import typer

from inventory_stream.adapters.kafka.broker_clock import broker_ahead_ms
from inventory_stream.adapters.kafka.preflight import check_before_start, quiet_client
from inventory_stream.adapters.kafka.topic_rules import Finding, Severity
from inventory_stream.adapters.kafka.topics import check_topics
from inventory_stream.adapters.redis.connection import address_of, connect, reaching
from inventory_stream.cli.findings import has_errors, print_findings
from inventory_stream.errors import RefusedError, TopicsError, UnreachableError
from inventory_stream.settings import Settings, load_settings

app = typer.Typer(add_completion=False)

# A clock further off than this is not a network's delay; freshness (lag_ms_max, 1 s) and the wait
# before an idle partition expires a reservation (clock_skew_ms, 2 s) both assume less.
CLOCK_WARNING_MS: Final = 500.0


@app.command()
def doctor() -> None:
    """Look at everything that a worker needs; exit 1 when something is broken.

    Example: INVENTORY_STREAM_REDIS__URL=redis://cache:6379/0 inventory-stream doctor
    """
    settings = load_settings()  # a wrong setting has said its own line and way out
    with quiet_client():
        findings = asyncio.run(examine(settings))
    kafka, redis = settings.kafka.bootstrap_servers, address_of(settings.redis.url)
    print_findings(findings, f"all is well: settings, Kafka at {kafka}, topics, clocks, Redis at {redis}")
    if has_errors(findings):
        raise typer.Exit(1)


async def examine(settings: Settings) -> list[Finding]:
    """Give what is wrong with servers, topics and clocks."""
    kafka, redis = await asyncio.gather(_examine_kafka(settings), _examine_redis(settings))
    return [*kafka, *redis]


async def _examine_kafka(settings: Settings) -> list[Finding]:
    servers = settings.kafka.bootstrap_servers
    try:
        await check_before_start(settings)
    except TopicsError:
        pass  # in the findings below, with all the others
    except UnreachableError:
        way_out = "start a broker, or name another with INVENTORY_STREAM_KAFKA__BOOTSTRAP_SERVERS"
        return [Finding(Severity.ERROR, f"Kafka {servers}", "no broker answers", way_out)]
    except RefusedError as error:
        return [_refused(f"Kafka {servers}", error)]
    findings = await check_topics(settings)
    try:
        ahead_ms = await broker_ahead_ms(settings)
    except UnreachableError as error:
        way_out = "allow this user to create and delete topics that begin with doctor-, or compare by hand"
        return [*findings, Finding(Severity.WARNING, f"clock of {servers}", str(error), way_out)]
    return [*findings, *_judge_clock(servers, ahead_ms, settings.ledger.clock_skew_ms)]


async def _examine_redis(settings: Settings) -> list[Finding]:
    address = address_of(settings.redis.url)
    client = connect(settings.redis)
    try:
        with reaching(address):
            await client.ping()
            before_ms = time.time() * 1_000
            seconds, microseconds = await client.time()
            after_ms = time.time() * 1_000
    except UnreachableError as error:
        way_out = "start a Redis or Valkey, or name another with INVENTORY_STREAM_REDIS__URL"
        return [Finding(Severity.ERROR, f"Redis {address}", str(error), way_out)]
    except RefusedError as error:
        return [_refused(f"Redis {address}", error)]
    finally:
        await client.aclose()
    ahead_ms = seconds * 1_000 + microseconds / 1_000 - (before_ms + after_ms) / 2
    return _judge_clock(address, ahead_ms, settings.ledger.clock_skew_ms)


def _refused(subject: str, error: RefusedError) -> Finding:
    """Split the line into what is wrong and the way out."""
    problem, _, way_out = str(error).rpartition(": ")
    return Finding(Severity.ERROR, subject, problem, way_out)


def _judge_clock(subject: str, ahead_ms: float, skew_ms_max: int) -> list[Finding]:
    if abs(ahead_ms) <= CLOCK_WARNING_MS:
        return []
    severity = Severity.ERROR if abs(ahead_ms) > skew_ms_max else Severity.WARNING
    problem = f"{abs(ahead_ms) / 1_000:.1f} s {'ahead of' if ahead_ms > 0 else 'behind'} this machine"
    way_out = f"keep all machines on one time service; ledger.clock_skew_ms={skew_ms_max} is the most allowed"
    return [Finding(severity, f"clock of {subject}", problem, way_out)]
