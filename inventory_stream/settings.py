"""Settings: every one with its unit in its name, its default, and its reason.

Read from the environment (`INVENTORY_STREAM_KAFKA__BOOTSTRAP_SERVERS=...`) and from a TOML file
named by `INVENTORY_STREAM_SETTINGS_FILE`; the environment wins. Wrong settings end the process
with one line that names the setting, its value and the way out.
"""

import os
import re
from pathlib import Path
from typing import Final, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from inventory_stream.errors import SettingsError

ENV_PREFIX: Final = "INVENTORY_STREAM_"
FILE_VARIABLE: Final = "INVENTORY_STREAM_SETTINGS_FILE"

DAY_SECONDS: Final = 86_400

_PASSWORD: Final = re.compile(r"(?<=//)([^:@/]*):.*@|(?<=[?&]password=)[^&]*")


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class KafkaSettings(_Section):
    """The broker and the topics."""

    bootstrap_servers: str = Field(
        "127.0.0.1:9092", min_length=1, description="host:port of one or more brokers, comma-separated"
    )
    topic_prefix: str = Field(
        "",
        max_length=64,
        pattern=r"^[a-zA-Z0-9._-]*$",
        description="before every topic name: environments share a cluster",
    )
    partitions: int = Field(
        4, ge=1, le=1_000, description="of both inputs and the ledger; fixed for life (P10)"
    )
    replication_factor: int = Field(
        1,
        ge=1,
        le=9,
        description="of every topic; 1 is for development: a power loss may lose decisions (P12)",
    )
    session_timeout_seconds: float = Field(
        6.0, ge=2.0, le=300.0, description="a worker silent for this long loses its partitions"
    )
    request_timeout_seconds: float = Field(
        30.0, ge=1.0, le=120.0, description="longest wait for one answer of the broker"
    )


class RedisSettings(_Section):
    """Where storefronts read ATP."""

    url: str = Field(
        "redis://127.0.0.1:6379/0", pattern=r"^(rediss?|unix)://", description="server of the projection"
    )
    timeout_seconds: float = Field(5.0, ge=0.1, le=60.0, description="longest wait for one answer")


class LedgerSettings(_Section):
    """Windows and limits of the rules (semantics R7-R29). Longer windows cost memory and recovery time."""

    clock_ahead_ms: int = Field(
        5_000, ge=0, le=3_600_000, description="an effective_at further ahead is clamped to arrival (R7)"
    )
    clock_skew_ms: int = Field(
        2_000, ge=0, le=60_000, description="wait after a deadline before an idle partition expires it (R18)"
    )
    movement_window_seconds: int = Field(
        DAY_SECONDS, ge=60, le=7 * DAY_SECONDS, description="how far back a late count can be computed (R8)"
    )
    movements_max: int = Field(10_000, ge=1, le=1_000_000, description="movements kept per position (R8)")
    reservation_seconds_max: int = Field(
        3_600, ge=1, le=30 * DAY_SECONDS, description="total life that extends can reach (R19)"
    )
    receipt_window_seconds: int = Field(
        2 * DAY_SECONDS,
        ge=1,
        le=30 * DAY_SECONDS,
        description="how long a repeat gets its first answer (R29)",
    )
    return_window_seconds: int = Field(
        100 * DAY_SECONDS,
        ge=1,
        le=400 * DAY_SECONDS,
        description="how long ended reservations are kept (R29)",
    )
    receipts_max: int = Field(
        2_000_000, ge=1_000, le=100_000_000, description="receipts kept per partition (R29)"
    )
    ended_reservations_max: int = Field(
        2_000_000, ge=1_000, le=100_000_000, description="ended reservations kept per partition (R29)"
    )
    revoke_on_shortfall: bool = Field(
        default=True, description="a fact that leaves less than nothing revokes soft reservations (R11)"
    )


class WorkerSettings(_Section):
    """How a ledger worker hosts its partitions."""

    data_dir: Path = Field(
        Path(".run"), description="scratch folder: how far replays came; nothing in it is truth"
    )
    batch_records_max: int = Field(
        2_000, ge=1, le=50_000, description="Kafka records handed over at once; bounds the latency of a batch"
    )
    inbox_batches_max: int = Field(
        16,
        ge=1,
        le=1_000,
        description="fetched batches waiting per partition and input before fetching pauses",
    )
    lease_seconds: float = Field(
        300.0, ge=5.0, le=3_600.0, description="no acknowledged append for this long ends the process (P3)"
    )
    alive_interval_seconds: float = Field(
        60.0, ge=1.0, le=3_600.0, description="between @alive rows; keeps the broker's producer state (P2)"
    )
    reclaim_interval_seconds: float = Field(
        float(DAY_SECONDS), ge=60.0, le=7.0 * DAY_SECONDS, description="between claims of one owner (P2)"
    )
    instance_id: str | None = Field(
        None, description="static group membership: a quick restart keeps its partitions"
    )

    @model_validator(mode="after")
    def _alive_within_lease(self) -> Self:
        if self.alive_interval_seconds * 2 > self.lease_seconds:
            raise ValueError(
                f"worker.alive_interval_seconds={self.alive_interval_seconds} must be at most half of "
                f"worker.lease_seconds={self.lease_seconds}: one missed row must not end the lease"
            )
        return self


class ProjectionSettings(_Section):
    """How the Redis view is written."""

    heartbeat_expiry_ms: int = Field(
        2_000, ge=200, le=60_000, description="without a heartbeat for this long, Redis is not fresh"
    )
    lag_ms_max: int = Field(
        1_000, ge=10, le=60_000, description="a partition further behind sets no heartbeat"
    )
    batch_skus_max: int = Field(1_000, ge=1, le=10_000, description="SKUs written in one Redis round trip")


class Settings(BaseSettings):
    """Everything that can be set, validated at start."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, env_nested_delimiter="__", frozen=True, extra="forbid"
    )

    kafka: KafkaSettings = KafkaSettings()
    redis: RedisSettings = RedisSettings()
    ledger: LedgerSettings = LedgerSettings()
    worker: WorkerSettings = WorkerSettings()
    projection: ProjectionSettings = ProjectionSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  # the library's signature
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003  # the library's signature
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment before file, file before defaults."""
        sources: tuple[PydanticBaseSettingsSource, ...] = (init_settings, env_settings)
        path = os.environ.get(FILE_VARIABLE)
        if path:
            sources += (TomlConfigSettingsSource(settings_cls, toml_file=path),)
        return sources

    def topic(self, name: str) -> str:
        """Give a topic's full name in this environment."""
        return f"{self.kafka.topic_prefix}{name}"


def load_settings() -> Settings:
    """Read and check the settings.

    Raises:
        SettingsError: one message for all that is wrong, each naming setting, value and way out.
    """
    path = os.environ.get(FILE_VARIABLE)
    if path and not Path(path).is_file():
        raise SettingsError(f"{FILE_VARIABLE}={path!r}: no such file; name an existing TOML file or unset it")
    try:
        return Settings()
    except ValidationError as error:
        raise SettingsError("\n".join(_explain(error))) from None
    except ValueError as error:  # TOML syntax, or JSON in an environment variable
        raise SettingsError(f"settings cannot be read: {error}") from None


def without_password(url: str) -> str:
    """Give a URL as it may be shown."""
    return _PASSWORD.sub(lambda found: "***" if found[1] is None else f"{found[1]}:***@", url)


def _explain(error: ValidationError) -> list[str]:
    lines = []
    for fault in error.errors():
        place = [str(part) for part in fault["loc"]]
        variable = ENV_PREFIX + "__".join(place).upper()
        value = "" if fault["type"] in {"missing", "value_error"} else f" = {fault['input']!r}"
        lines.append(
            f"{'.'.join(place) or 'settings'}{value}: {fault['msg']} (set it by {variable} or in the file)"
        )
    return lines
