"""What a worker or a reader looks at before it starts, so that a fault is one line and not a traceback."""

import asyncio
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from inventory_stream.adapters.kafka.topic_rules import LEDGER, Finding, Severity
from inventory_stream.adapters.kafka.topics import check_shape, check_topics
from inventory_stream.adapters.plain_faults import plain_cause
from inventory_stream.errors import TopicsError, UnreachableError
from inventory_stream.settings import Settings

# A broker that listens answers in tens of ms; one that is not there refuses at once.
PREFLIGHT_SECONDS_MAX: Final = 10.0


async def check_before_start(settings: Settings) -> None:
    """See that the broker answers and that no topic or broker would lose or double decisions.

    Raises:
        UnreachableError: no broker of the list answers in time.
        TopicsError: a topic is missing, or differs from P12 in what correctness hangs on.
    """
    with reaching_kafka(settings):
        async with asyncio.timeout(PREFLIGHT_SECONDS_MAX):
            findings = await check_topics(settings)
    _refuse_errors(findings)


async def check_ledger_shape(settings: Settings) -> None:
    """See that the broker answers and that the ledger has the partitions that are set.

    What reads the ledger must not stop at a setting that only writers suffer from.

    Raises:
        UnreachableError: no broker of the list answers in time.
        TopicsError: there is no ledger, or it has another number of partitions.
    """
    await check_topic_shape(settings, LEDGER)


async def check_topic_shape(settings: Settings, topic: str) -> None:
    """See that the broker answers and that a topic, named without prefix, has the partitions that it must.

    Raises:
        UnreachableError: no broker of the list answers in time.
        TopicsError: the topic is missing, or has another number of partitions.
    """
    with reaching_kafka(settings):
        async with asyncio.timeout(PREFLIGHT_SECONDS_MAX):
            findings = await check_shape(settings, topic)
    _refuse_errors(findings)


def _refuse_errors(findings: Sequence[Finding]) -> None:
    errors = [finding for finding in findings if finding.severity is Severity.ERROR]
    if errors:
        first, more = errors[0], len(errors) - 1
        rest = f" (and {more} more: inventory-stream topics check)" if more else ""
        raise TopicsError(f"{first.subject}: {first.problem}; {first.way_out}{rest}")


@contextmanager
def reaching_kafka(settings: Settings) -> Iterator[None]:
    """Turn "no answer" into the one line that names setting, value and way out; a RefusedError has one.

    Raises:
        UnreachableError: no broker of the list answers in time.
    """
    servers = settings.kafka.bootstrap_servers
    try:
        with quiet_client():
            yield
    except (UnreachableError, TimeoutError) as error:
        raise UnreachableError(
            f"no Kafka broker answers at kafka.bootstrap_servers={servers} ({plain_cause(error)}): start "
            "one, or name another with INVENTORY_STREAM_KAFKA__BOOTSTRAP_SERVERS"
        ) from error


@contextmanager
def quiet_client() -> Iterator[None]:
    """Keep aiokafka from logging what the caller is about to say in one line."""
    logger = logging.getLogger("aiokafka")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)
