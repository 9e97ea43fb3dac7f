"""The file of API keys: JSON lines, one key each, read by gateways and changed by `inventory-stream keys`."""

import fcntl
import os
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from inventory_stream.errors import InventoryStreamError
from inventory_stream.gateway.security.keys import ApiKey

KEY_FILE_BYTES_MAX: Final = 4 * 1024 * 1024
"""Some 10,000 keys; reading that takes 30 ms, in which the gateway answers nobody."""

_FORBIDDEN_MODE: Final = 0o037
"""Whoever may write the file may let anybody in, and its hashes are nobody else's business. The group may
read it, because that is how Kubernetes hands a Secret to a process that is not root (fsGroup)."""

_NEW_FILE_MODE: Final = 0o600


class KeyFileError(InventoryStreamError):
    """The key file cannot be used. One line with the file and the way out."""


def read_keys(file: Path) -> dict[str, ApiKey]:
    """Give the keys by id.

    Raises:
        KeyFileError: it cannot be read, is open to others, too large, or a line is not a key.
    """
    try:
        with file.open("rb") as opened:
            _check_mode(file, os.fstat(opened.fileno()).st_mode)
            content = opened.read(KEY_FILE_BYTES_MAX + 1)
    except OSError as error:
        raise KeyFileError(
            f"{file}: the key file cannot be read ({error.strerror}); make one with "
            f"`inventory-stream keys create --scope storefront --file {file}`"
        ) from None
    if len(content) > KEY_FILE_BYTES_MAX:
        raise KeyFileError(f"{file}: larger than {KEY_FILE_BYTES_MAX:,} bytes; take out keys that expired")
    keys: dict[str, ApiKey] = {}
    for number, line in enumerate(content.splitlines(), start=1):
        if not line.strip():
            continue
        key = _decoded(file, number, line)
        if key.id in keys:
            raise KeyFileError(f"{file}, line {number}: the id {key.id} stands there twice; take one out")
        keys[key.id] = key
    return keys


def _check_mode(file: Path, mode: int) -> None:
    if stat.S_IMODE(mode) & _FORBIDDEN_MODE:
        raise KeyFileError(
            f"{file}: its mode {stat.S_IMODE(mode):04o} lets others read it or change who is let in: "
            f"chmod 600 {file}"
        )


def _decoded(file: Path, number: int, line: bytes) -> ApiKey:
    try:
        return msgspec.json.decode(line, type=ApiKey)
    except (msgspec.MsgspecError, ValueError) as error:
        raise KeyFileError(
            f"{file}, line {number}: not a key ({error}); take the line out, or put back what "
            "`inventory-stream keys create` wrote"
        ) from None


@contextmanager
def changing_keys(file: Path) -> Iterator[dict[str, ApiKey]]:
    """Give the keys to change, and write them back whole; a file that is not there yet has none.

    Gateways see either the old file or the new one, and two commands at once do not undo each other.

    Raises:
        KeyFileError: as `read_keys`, or it cannot be written. Nothing was changed then.
    """
    try:
        folder = os.open(file.parent, os.O_RDONLY)
    except OSError as error:
        raise KeyFileError(f"{file.parent}: no folder for the key file ({error.strerror})") from None
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)  # let go of by close
        keys = read_keys(file) if file.exists() else {}
        yield keys
        _write(file, keys)
    finally:
        os.close(folder)


def _write(file: Path, keys: Mapping[str, ApiKey]) -> None:
    temporary: str | None = None
    try:
        handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
        with os.fdopen(handle, "wb") as opened:
            for key in keys.values():
                opened.write(msgspec.json.encode(key) + b"\n")
            opened.flush()
            os.fchmod(opened.fileno(), _NEW_FILE_MODE)
            os.fsync(opened.fileno())
        Path(temporary).replace(file)
    except OSError as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        raise KeyFileError(f"{file}: the key file cannot be written ({error.strerror})") from None
