"""Settings of channel workers and of webhooks."""

from pathlib import Path

from pydantic import Field

from inventory_stream.settings.section import Section


class ChannelSettings(Section):
    """Which channels there are, and how a worker serves them."""

    registry_file: Path | None = Field(
        None, description="TOML file of the integrations (docs/channels/registry.md); without it, no channels"
    )
    mapping_file: Path | None = Field(
        None, description="CSV file of which listing shows which SKU and locations; read anew when it changes"
    )
    webhooks_url: str | None = Field(
        None,
        max_length=512,
        pattern=r"^https?://[^\s/?#]+(/[^\s?#]*)?$",
        description="address under which channels reach gateways, as https://hooks.example: what stands "
        "before /v1/webhooks/; Square and Shopee sign it; without it, the Host that they ask for by "
        "https, or by http with allow_loopback",
    )
    allow_loopback: bool = Field(
        False,  # noqa: FBT003  # pydantic takes the default so
        description="let channels be http servers on this machine, as the sandbox is; never in production",
    )
