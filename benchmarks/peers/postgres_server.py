"""A PostgreSQL of our own for one run: its programs as found here, its data in a folder that goes away."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar, Final

from inventory_stream.devservers.errors import MissingToolError, ServerStartError
from inventory_stream.devservers.lifecycle import DevServer
from inventory_stream.devservers.ports import LOOPBACK
from inventory_stream.devservers.probes import ProbeError

VERSION_MIN: Final = 15
WHERE_DEBIAN_HAS_IT: Final = Path("/usr/lib/postgresql")
OTHER_USERS: Final = ("postgres", "nobody")
"""Who runs it where we are root, which PostgreSQL refuses to be run by: the first that exists here."""
USER: Final = "bench"
"""Owner of the database; everybody on this machine may be it, which is why only loopback is served."""
ASK_SECONDS_MAX: Final = 10.0
"""For a program to say its version or its folder: hundredths of a second."""
INIT_SECONDS_MAX: Final = 120.0
"""For initdb: 1 s here, 10 s on a busy machine."""

# Lines of postmaster.pid, as PostgreSQL's src/include/utils/pidfile.h has them: process and status.
PID_LINE: Final = 0
STATUS_LINE: Final = 7

OPTIONS: Final = {
    # The defaults, said aloud: an answer is on disk before it is sent.
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    # All that a run touches stays in memory, and no checkpoint falls into it: to their advantage.
    "shared_buffers": "512MB",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "1h",
    # Nobody copies the log here; the ledger's one broker has no copies either.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    # Its compiler pays for queries of seconds; these take microseconds.
    "jit": "off",
    "listen_addresses": LOOPBACK,
}


def find_programs() -> Path:
    """Give the folder of initdb and postgres, the newest that is found.

    Raises:
        MissingToolError: there is none of this age, or nothing to run it as another user than root.
    """
    folders = [*WHERE_DEBIAN_HAS_IT.glob("*/bin")]
    if on_path := shutil.which("postgres"):
        folders.append(Path(on_path).parent)
    if pg_config := shutil.which("pg_config"):
        folders.append(Path(_said_by([pg_config, "--bindir"])))
    found = [(version_of(folder), folder) for folder in folders if (folder / "initdb").exists()]
    version, folder = max(found, default=(0, Path()))
    if version < VERSION_MIN:
        raise MissingToolError(
            f"there is no initdb and postgres >= {VERSION_MIN} on PATH, where pg_config says, or under "
            f"{WHERE_DEBIAN_HAS_IT} (Debian: `apt install postgresql`)"
        )
    if os.geteuid() == 0 and shutil.which("setpriv") is None:
        raise MissingToolError(
            "root needs setpriv to run PostgreSQL as another user (`apt install util-linux`)"
        )
    return folder


def version_of(folder: Path) -> int:
    """Ask a postgres for its major version; 0: it does not run."""
    # postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)
    words = _said_by([str(folder / "postgres"), "--version"]).split()
    return int(words[2].split(".")[0]) if len(words) > 2 and words[2][:1].isdigit() else 0


class PostgresServer(DevServer):
    """One PostgreSQL on loopback that lets everybody in; ends with us, as the other servers do."""

    name: ClassVar[str] = "postgres"
    port_count: ClassVar[int] = 1
    # 0.1 s here; it has nothing to recover.
    start_seconds_max: ClassVar[float] = 30.0

    @property
    def url(self) -> str:
        """Address for clients."""
        return f"postgresql://{USER}@{LOOPBACK}:{self.port}/postgres"

    @property
    def _data(self) -> Path:
        return self.data_dir / "data"

    def _prepare(self) -> None:
        if user := other_user():
            shutil.chown(self.data_dir, user)
        options = ["--pgdata", str(self._data), "--username", USER, "--auth", "trust", "--encoding", "UTF8"]
        done = subprocess.run(  # noqa: S603  # a program that was looked up, with our own arguments
            [*_as_user(), str(find_programs() / "initdb"), *options, "--locale", "C", "--no-sync"],
            cwd=self.data_dir,
            capture_output=True,
            text=True,
            timeout=INIT_SECONDS_MAX,
            check=False,
        )
        if done.returncode:
            raise ServerStartError(f"initdb failed: {done.stdout}{done.stderr}")

    def _command(self, server_ports: tuple[int, ...]) -> list[str]:
        options = {**OPTIONS, "port": str(server_ports[0]), "unix_socket_directories": ""}
        return [
            *_as_user(),
            str(find_programs() / "postgres"),
            *("-D", str(self._data)),
            *(part for name, value in options.items() for part in ("-c", f"{name}={value}")),
        ]

    def _check_answer(self, server_ports: tuple[int, ...], process_id: int | None) -> None:  # noqa: ARG002
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError as error:
            raise ProbeError("it has written no postmaster.pid") from error
        status = lines[STATUS_LINE].strip() if len(lines) > STATUS_LINE else "starting"
        if status != "ready" or lines[PID_LINE] != str(process_id):
            raise ProbeError(f"process {lines[:1]} is {status}, ours is {process_id}")


@contextmanager
def running(prefix: str) -> Iterator[PostgresServer]:
    """Run an empty server until the end of the block.

    Its folder is where the system has such: another user, whom root runs it as, must be able to get there.
    """
    with (
        tempfile.TemporaryDirectory(prefix=prefix) as folder,
        PostgresServer(Path(folder), None) as server,
    ):
        yield server


def other_user() -> str | None:
    """Give who is to run it instead of us; None: we may."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in OTHER_USERS if name in known)


def _as_user() -> list[str]:
    user = other_user()
    if user is None:
        return []
    group = str(pwd.getpwnam(user).pw_gid)
    # The kernel forgets to end it with its guardian when it changes users: told again afterwards.
    changed = ["--reuid", user, "--regid", group, "--clear-groups", "--pdeathsig", "KILL"]
    return ["setpriv", *changed, "--"]


def _said_by(command: list[str]) -> str:
    try:
        done = subprocess.run(  # noqa: S603  # programs that were looked up
            command, capture_output=True, text=True, timeout=ASK_SECONDS_MAX, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
