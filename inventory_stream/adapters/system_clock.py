"""The machine's clock."""

import time


def now_ms() -> int:
    """Milliseconds since the Unix epoch, by the wall clock: what decisions are dated with."""
    return time.time_ns() // 1_000_000
