"""Settings of what operators look at, and of the catalog."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from inventory_stream.settings.section import Section


class MonitoringSettings(Section):
    """Where a process says how it is: GET /metrics, /live and /ready."""

    host: str = Field(
        "127.0.0.1", min_length=1, description="address to listen on; 0.0.0.0 lets other machines in"
    )
    port: int = Field(0, ge=0, le=65_535, description="port to listen on; 0: none")


class LogSettings(Section):
    """What a process writes to stderr."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="least weight of a line of ours; libraries' lines come from warning on"
    )
    format: Literal["auto", "console", "json"] = Field(
        "auto", description="json: one object a line; auto: console on a terminal, json elsewhere"
    )


class CatalogSettings(Section):
    """Which SKUs belong to one product (R30)."""

    file: Path | None = Field(None, description="CSV file with the columns sku and product")
