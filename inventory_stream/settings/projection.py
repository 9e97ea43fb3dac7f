"""Settings of the projection."""

from typing import Final, Self

from pydantic import Field, model_validator

from inventory_stream.settings.names import variable
from inventory_stream.settings.section import Section

HEARTBEAT_INTERVAL_SECONDS: Final = 0.5
"""Between two looks at freshness. Four fit into the heartbeat's expiry (2 s), so one or two may be late
without readers falling back; each costs three small round trips a partition."""

_INTERVALS_LEAST: Final = 2
"""In one expiry: with fewer, each late look tells every shop that the view is old."""


class ProjectionSettings(Section):
    """How the Redis view is written and events are published."""

    heartbeat_expiry_ms: int = Field(
        2_000,
        ge=200,
        le=60_000,
        description="without a heartbeat for this long, Redis is not fresh; at least 1000, as one comes each "
        "500 ms",
    )
    lag_ms_max: int = Field(
        1_000, ge=10, le=60_000, description="a partition further behind sets no heartbeat"
    )
    batch_skus_max: int = Field(1_000, ge=1, le=10_000, description="SKUs written in one Redis round trip")
    events_interval_ms: int = Field(
        100,
        ge=10,
        le=60_000,
        description="between publications; a SKU that changes more often is told once per interval",
    )

    @model_validator(mode="after")
    def _heartbeat_lives_until_the_next(self) -> Self:
        interval_ms = int(HEARTBEAT_INTERVAL_SECONDS * 1_000)
        if self.heartbeat_expiry_ms < _INTERVALS_LEAST * interval_ms:
            raise ValueError(
                f"projection.heartbeat_expiry_ms = {self.heartbeat_expiry_ms} must be at least "
                f"{_INTERVALS_LEAST * interval_ms}, as heartbeats are written each {interval_ms} ms and one "
                f"may be late: raise {variable(('projection', 'heartbeat_expiry_ms'))}"
            )
        return self
