"""All sections together, and where their values come from."""

import os

from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from inventory_stream.settings.kafka import KafkaSettings
from inventory_stream.settings.ledger import LedgerSettings
from inventory_stream.settings.names import ENV_PREFIX, FILE_VARIABLE
from inventory_stream.settings.projection import ProjectionSettings
from inventory_stream.settings.redis import RedisSettings
from inventory_stream.settings.worker import WorkerSettings


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
