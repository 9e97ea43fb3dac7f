"""How long things took: plain sorted lists, because a demo has thousands of samples, not millions."""

import math
from collections.abc import Sequence


def quantile(samples: Sequence[float], share: float) -> float | None:
    """Give the smallest sample that at least `share` of all do not exceed; None without samples."""
    if not samples:
        return None
    return sorted(samples)[max(0, math.ceil(share * len(samples)) - 1)]
