"""How long things took: plain sorted lists, because a demo has thousands of samples, not millions."""

import math
from collections.abc import Sequence


def quantile(samples: Sequence[float], share: float) -> float | None:
    """Give the smallest sample that at least `share` of all do not exceed; None without samples."""
    if not samples:
        return None
    return sorted(samples)[max(0, math.ceil(share * len(samples)) - 1)]


def p50_p99(samples: Sequence[float]) -> str:
    """Give median and 99th percentile of seconds in words."""
    median, high = quantile(samples, 0.5), quantile(samples, 0.99)
    if median is None or high is None:
        return "-"
    return f"{median * 1_000:,.1f} / {high * 1_000:,.1f} ms"
