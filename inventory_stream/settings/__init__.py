"""Settings: every one with its unit in its name, its default, and its reason.

Read from the environment (`INVENTORY_STREAM_KAFKA__BOOTSTRAP_SERVERS=...`), from files named like
the variables in the folder that `INVENTORY_STREAM_SECRETS_DIR` names, and from a TOML file named by
`INVENTORY_STREAM_SETTINGS_FILE`; the first of them wins. Wrong settings end the process with one line
that names the setting, its value and the way out; no secret is ever shown.
"""

from inventory_stream.settings.gateway import GatewaySettings
from inventory_stream.settings.kafka import KafkaSettings
from inventory_stream.settings.ledger import LedgerSettings
from inventory_stream.settings.load import load_settings
from inventory_stream.settings.names import (
    ENV_PREFIX,
    FILE_VARIABLE,
    OTHER_VARIABLES,
    SECRETS_VARIABLE,
    variable,
)
from inventory_stream.settings.operations import CatalogSettings, LogSettings, MonitoringSettings
from inventory_stream.settings.projection import HEARTBEAT_INTERVAL_SECONDS, ProjectionSettings
from inventory_stream.settings.redis import RedisSettings
from inventory_stream.settings.root import Settings
from inventory_stream.settings.section import DAY_SECONDS
from inventory_stream.settings.shown import without_password
from inventory_stream.settings.worker import WorkerSettings

__all__ = [
    "DAY_SECONDS",
    "ENV_PREFIX",
    "FILE_VARIABLE",
    "HEARTBEAT_INTERVAL_SECONDS",
    "OTHER_VARIABLES",
    "SECRETS_VARIABLE",
    "CatalogSettings",
    "GatewaySettings",
    "KafkaSettings",
    "LedgerSettings",
    "LogSettings",
    "MonitoringSettings",
    "ProjectionSettings",
    "RedisSettings",
    "Settings",
    "WorkerSettings",
    "load_settings",
    "variable",
    "without_password",
]
