"""Settings: every one with its unit in its name, its default, and its reason.

Read from the environment (`INVENTORY_STREAM_KAFKA__BOOTSTRAP_SERVERS=...`) and from a TOML file
named by `INVENTORY_STREAM_SETTINGS_FILE`; the environment wins. Wrong settings end the process
with one line that names the setting, its value and the way out.
"""

import os
import re
import tomllib
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from inventory_stream.errors import SettingsError

ENV_PREFIX: Final = "INVENTORY_STREAM_"
FILE_VARIABLE: Final = "INVENTORY_STREAM_SETTINGS_FILE"

# Variables of the prefix that are no settings: this file's, the folder of `devservers` for jars, and
# the folder of data that tests read.
OTHER_VARIABLES: Final = (FILE_VARIABLE, "INVENTORY_STREAM_DEV_CACHE_DIR", "INVENTORY_STREAM_SHARED_DIR")

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
                f"worker.alive_interval_seconds = {self.alive_interval_seconds} must be at most half of "
                f"worker.lease_seconds = {self.lease_seconds}, as one missed row must not end the lease: "
                f"lower {ENV_PREFIX}WORKER__ALIVE_INTERVAL_SECONDS or raise {ENV_PREFIX}WORKER__LEASE_SECONDS"
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
    path = os.environ.get(FILE_VARIABLE) or None
    if path is not None:
        _check_file(path)
    unknown = _unknown_variables(os.environ)
    if unknown:
        raise SettingsError("\n".join(unknown))
    try:
        return Settings()
    except ValidationError as error:
        raise SettingsError("\n".join(_explain(error, path))) from None
    except ValueError as error:  # JSON of a whole section in an environment variable
        raise SettingsError(f"settings in the environment cannot be read: {error}") from None


def _check_file(path: str) -> None:
    if not Path(path).is_file():
        raise SettingsError(f"{FILE_VARIABLE}={path!r}: no such file; name an existing TOML file or unset it")
    try:
        tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:  # a fault of syntax or of UTF-8 is a ValueError
        raise SettingsError(f"{FILE_VARIABLE}={path!r}: cannot be read as TOML: {error}") from None


def _variable(place: Iterable[str]) -> str:
    return ENV_PREFIX + "__".join(place).upper()


def _places() -> list[tuple[str, ...]]:
    """Give every setting as section and field; a section alone takes a JSON object."""
    places: list[tuple[str, ...]] = []
    for section, field in Settings.model_fields.items():
        kind: Any = field.annotation
        places += [(section,), *((section, name) for name in kind.model_fields)]
    return places


def _unknown_variables(names: Iterable[str]) -> list[str]:
    """Give a line for each variable of our prefix that sets nothing: its value would be lost in silence."""
    known = [*map(_variable, _places()), *OTHER_VARIABLES]
    # Upper case: the library, too, takes a variable in any case.
    unknown = [name for name in names if name.upper().startswith(ENV_PREFIX) and name.upper() not in known]
    return [f"{name}: unknown setting, {_suggestion(name.upper(), known)}" for name in sorted(unknown)]


def _suggestion(name: str, known: list[str]) -> str:
    """Say which name was meant, judged by what follows the prefix that all have."""
    rests = {one.removeprefix(ENV_PREFIX): one for one in known}
    near = get_close_matches(name.removeprefix(ENV_PREFIX), rests, n=1)
    return f"did you mean {rests[near[0]]}?" if near else "and no name is like it; unset it"


def without_password(url: str) -> str:
    """Give a URL as it may be shown."""
    return _PASSWORD.sub(lambda found: "***" if found[1] is None else f"{found[1]}:***@", url)


def _explain(error: ValidationError, path: str | None) -> list[str]:
    return [_line(fault, path) for fault in error.errors()]


def _line(fault: ErrorDetails, path: str | None) -> str:
    kind, place = fault["type"], [str(part) for part in fault["loc"]]
    name = ".".join(place)
    in_file = path is not None and not any(
        _variable(place[:length]) in map(str.upper, os.environ) for length in range(1, len(place) + 1)
    )
    where = f" in {path}" if in_file else ""
    if kind == "value_error":  # our own, across settings: names each with its value and variable
        return str(fault["ctx"]["error"]) + (f" (file: {path})" if path is not None else "")
    if kind == "extra_forbidden":
        return f"{name}: unknown setting{where}, {_suggestion_in_file(name)}"
    value = f"{name} = {without_password(repr(fault['input']))}"
    if len(place) == 1:
        return f"{value}{where}: a section, not a setting; write [{name}] and its settings below it"
    return f"{value}{where}: {fault['msg']} (set it by {_variable(place)} or in the file)"


def _suggestion_in_file(name: str) -> str:
    near = get_close_matches(name, [".".join(place) for place in _places()], n=1)
    return f"did you mean {near[0]}?" if near else "and no name is like it; take it out"
