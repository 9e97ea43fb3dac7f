"""Settings of the server that storefronts read."""

from pydantic import Field

from inventory_stream.settings.section import Section


class RedisSettings(Section):
    """Where storefronts read ATP."""

    url: str = Field(
        "redis://127.0.0.1:6379/0", pattern=r"^(rediss?|unix)://", description="server of the projection"
    )
    timeout_seconds: float = Field(5.0, ge=0.1, le=60.0, description="longest wait for one answer")
