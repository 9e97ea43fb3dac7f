"""All sections together, and where their values come from."""

import os
from pathlib import Path

from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from inventory_stream.settings.channels import ChannelSettings
from inventory_stream.settings.gateway import GatewaySettings
from inventory_stream.settings.kafka import KafkaSettings
from inventory_stream.settings.ledger import LedgerSettings
from inventory_stream.settings.names import ENV_PREFIX, FILE_VARIABLE
from inventory_stream.settings.operations import CatalogSettings, LogSettings, MonitoringSettings
from inventory_stream.settings.projection import ProjectionSettings
from inventory_stream.settings.redis import RedisSettings
from inventory_stream.settings.secret_files import SecretFiles, secrets_dir
from inventory_stream.settings.worker import WorkerSettings


def settings_file() -> Path | None:
    """Give the TOML file that the environment names, if any."""
    named = os.environ.get(FILE_VARIABLE)
    return Path(named) if named else None


class Settings(BaseSettings):
    """Everything that can be set, validated at start."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        env_nested_delimiter="__",
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
    )

    kafka: KafkaSettings = KafkaSettings()
    redis: RedisSettings = RedisSettings()
    ledger: LedgerSettings = LedgerSettings()
    worker: WorkerSettings = WorkerSettings()
    projection: ProjectionSettings = ProjectionSettings()
    gateway: GatewaySettings = GatewaySettings()
    channels: ChannelSettings = ChannelSettings()
    catalog: CatalogSettings = CatalogSettings()
    monitoring: MonitoringSettings = MonitoringSettings()
    logs: LogSettings = LogSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  # the library's signature
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment before secret files, these before the TOML file, that before defaults."""
        sources: tuple[PydanticBaseSettingsSource, ...] = (init_settings, env_settings)
        if folder := secrets_dir():
            sources += (SecretFiles(file_secret_settings, folder),)
        if file := settings_file():
            sources += (TomlConfigSettingsSource(settings_cls, toml_file=file),)
        return sources

    def topic(self, name: str) -> str:
        """Give a topic's full name in this environment."""
        return f"{self.kafka.topic_prefix}{name}"
