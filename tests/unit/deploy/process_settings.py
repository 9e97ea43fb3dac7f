"""Reads settings as a process in a container would, with the files that its Secrets bring."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from inventory_stream.settings import ENV_PREFIX, Settings, load_settings
from tests.unit.deploy.manifests import Manifest, Manifests, name_of, secret_names

ACCESS_FOLDER: Final = "/etc/inventory-stream/access"
"""Where the component `secured` mounts the Secrets."""

KAFKA_ACCESS: Final = {
    "INVENTORY_STREAM_KAFKA__SASL_USERNAME": "somebody",
    "INVENTORY_STREAM_KAFKA__SASL_PASSWORD": "placeholder",
    "kafka-ca.crt": None,
}
REDIS_ACCESS: Final = {
    "INVENTORY_STREAM_REDIS__USERNAME": "somebody",
    "INVENTORY_STREAM_REDIS__PASSWORD": "placeholder",
    "redis-ca.crt": None,
}
SECRETS: Final[dict[str, dict[str, str | None]]] = {
    "kafka-access-topics": KAFKA_ACCESS,
    "kafka-access-ledger": KAFKA_ACCESS,
    "kafka-access-projection": KAFKA_ACCESS,
    "kafka-access-gateway": KAFKA_ACCESS,
    "kafka-access-channels": KAFKA_ACCESS,
    "channel-access": {"shop-nl-token": "placeholder"},
    "redis-access": REDIS_ACCESS,
    "redis-access-gateway": REDIS_ACCESS,
    "gateway-access": {
        "INVENTORY_STREAM_GATEWAY__CUSTOMER_KEY": "placeholder of thirty-two letters",
        "INVENTORY_STREAM_GATEWAY__TOKEN_KEY": "placeholder of thirty-two letters",
        "keys.jsonl": "",
    },
}
"""The Secrets as docs/deployment.md has them created; None: the certificate below."""

AUTHORITY: Final = Path(__file__).with_name("authority.crt")
"""A self-signed certificate, made for this: its key was thrown away."""


def write_secrets(folder: Path, names: list[str]) -> None:
    """Write the files of the named Secrets into one folder, as a projected volume does."""
    folder.mkdir(exist_ok=True)
    for name in names:
        for key, value in SECRETS[name].items():
            (folder / key).write_text(AUTHORITY.read_text() if value is None else value)


def settings_of(
    environment: Mapping[str, str], access: Path | None, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    """Load the settings from these variables alone; unknown names and wrong values raise.

    Args:
        environment: Of the container.
        access: Stands for the folder of the Secrets; None: the container has none.
        monkeypatch: Restores the environment.
    """
    with monkeypatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(ENV_PREFIX):
                patch.delenv(name)
        for name, value in environment.items():
            patch.setenv(name, value if access is None else value.replace(ACCESS_FOLDER, str(access)))
        return load_settings()


def load(overlay: Manifests, workload: Manifest, folder: Path, patch: pytest.MonkeyPatch) -> Settings:
    """Load the settings that a workload's pods would have."""
    secrets = secret_names(workload)
    access = folder / name_of(workload) if secrets else None
    if access is not None:
        write_secrets(access, secrets)
    return settings_of(overlay.environment(workload), access, patch)
