"""What `doctor` finds: one check after the other, each with what, why and the way out."""

import asyncio
from collections.abc import Awaitable, Iterable, Sequence
from enum import Enum
from typing import Final, NamedTuple

from inventory_stream.errors import InventoryStreamError

PROBE_SECONDS_MAX: Final = 30.0
"""Longest look at one thing; each takes well under a second when all is well. A broker that is dead
must not hide what Redis says, nor a partition without a leader what the others say."""


class Level(Enum):
    """FAIL: something is lost, doubled, wrong or standing still. WARN: works, at a price or for now."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


class Check(NamedTuple):
    """One look at one thing. `why` says what it would cost, `way_out` what to do; both empty when OK."""

    level: Level
    subject: str
    what: str
    why: str = ""
    way_out: str = ""


async def look(subject: str, why: str, probe: Awaitable[Sequence[Check]]) -> list[Check]:
    """Give what a probe finds, within `PROBE_SECONDS_MAX`; one that fails is a finding itself.

    Args:
        subject: What is looked at.
        why: What it costs not to know.
        probe: The look.
    """
    try:
        async with asyncio.timeout(PROBE_SECONDS_MAX):
            return list(await probe)
    except TimeoutError:
        problem, way_out = f"no answer within {PROBE_SECONDS_MAX:g} s", "see the server's own log"
    except InventoryStreamError as error:
        # Our faults are one line: what is wrong, then the way out.
        problem, _, way_out = str(error).rpartition(": ")
        problem, way_out = (problem, way_out) if problem else (way_out, "see the server's own log")
    return [Check(Level.WARN, subject, f"cannot be looked at: {problem}", why, way_out)]


def not_looked_at(subject: str, why: str, because: str) -> list[Check]:
    """Say that a look would only have waited for its bound, and what has to be mended first."""
    return [Check(Level.WARN, subject, f"not looked at: {because}", why, "mend that, then look again")]


def counted(number: int, what: str) -> str:
    """Give a number with its noun: "1 broker", "3 brokers"."""
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def worst(checks: Iterable[Check]) -> Level:
    """Give the worst level of all."""
    levels = {check.level for check in checks}
    return next((level for level in (Level.FAIL, Level.WARN) if level in levels), Level.OK)


def in_order(checks: Iterable[Check]) -> list[Check]:
    """Give the worst first; within a level, as they were found."""
    order = (Level.FAIL, Level.WARN, Level.OK)
    return sorted(checks, key=lambda check: order.index(check.level))
