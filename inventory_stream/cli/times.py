"""Points in time as operators type them."""

import re
import time
from collections.abc import Callable
from datetime import datetime
from typing import Final

import typer

_UNITS_MS: Final = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_AGO: Final = re.compile(r"(\d{1,9})([smhd])")

WHEN_HELP: Final = "90s, 15m, 6h or 2d ago, or a time such as 2026-11-22T09:00:00Z"


def moment_ms(
    text: str | None, option: str, now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000
) -> int | None:
    """Give ms since the Unix epoch of "6h" (ago) or RFC 3339 text with an offset; None stays None.

    Raises:
        typer.BadParameter: neither of the two; a time without a zone could mean several moments.
    """
    if text is None:
        return None
    ago = _AGO.fullmatch(text)
    if ago is not None:
        return now_ms() - int(ago[1]) * _UNITS_MS[ago[2]]
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no time: {WHEN_HELP}", param_hint=option) from None
    if moment.tzinfo is None:
        raise typer.BadParameter(f"{text!r} has no zone: end it with Z or +01:00", param_hint=option)
    return int(moment.timestamp() * 1_000)
