"""What a worker looks at before it starts, so that a fault is one line and not a traceback."""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from inventory_stream.adapters.kafka.topic_rules import Severity
from inventory_stream.adapters.kafka.topics import check_topics
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
    servers = settings.kafka.bootstrap_servers
    try:
        with quiet_client():
            async with asyncio.timeout(PREFLIGHT_SECONDS_MAX):
                findings = await check_topics(settings)
    except (UnreachableError, TimeoutError) as error:
        raise UnreachableError(
            f"no Kafka broker answers at {servers}: start one, or name another with "
            "INVENTORY_STREAM_KAFKA__BOOTSTRAP_SERVERS"
        ) from error
    errors = [finding for finding in findings if finding.severity is Severity.ERROR]
    if errors:
        first, more = errors[0], len(errors) - 1
        rest = f" (and {more} more: inventory-stream topics check)" if more else ""
        raise TopicsError(f"{first.subject}: {first.problem}; {first.way_out}{rest}")


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
