"""Hypothesis profiles: `ci` by default, `HYPOTHESIS_PROFILE=deep` for a long search."""

import os

from hypothesis import HealthCheck, Phase, settings

# No deadline: a shared machine's pauses are not the ledger's fault.
_SLOW_IS_FINE = [HealthCheck.too_slow, HealthCheck.data_too_large]
settings.register_profile("ci", max_examples=120, deadline=None, suppress_health_check=_SLOW_IS_FINE)
settings.register_profile("deep", max_examples=3_000, deadline=None, suppress_health_check=_SLOW_IS_FINE)
# Planting bugs by hand: a failure is enough, its smallest example is not wanted.
settings.register_profile(
    "quick", max_examples=40, deadline=None, suppress_health_check=_SLOW_IS_FINE, phases=[Phase.generate]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))
