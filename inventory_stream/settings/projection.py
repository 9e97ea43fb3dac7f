"""Settings of the projection."""

from pydantic import Field

from inventory_stream.settings.section import Section


class ProjectionSettings(Section):
    """How the Redis view is written and events are published."""

    heartbeat_expiry_ms: int = Field(
        2_000, ge=200, le=60_000, description="without a heartbeat for this long, Redis is not fresh"
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
