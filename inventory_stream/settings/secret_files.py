"""Settings from files: a folder with one file for each, named like its variable.

That is how Kubernetes mounts a Secret, so that no password stands in a pod's environment, where
`kubectl describe` and every child process see it.
"""

import os
from pathlib import Path

from pydantic_settings import NestedSecretsSettingsSource, PydanticBaseSettingsSource

from inventory_stream.errors import SettingsError
from inventory_stream.settings.names import ENV_PREFIX, SECRETS_VARIABLE


def secrets_dir() -> Path | None:
    """Give the folder that the environment names, if any."""
    named = os.environ.get(SECRETS_VARIABLE)
    return Path(named) if named else None


def read_secret_files(folder: Path) -> dict[str, str]:
    """Give the values by file name; files whose names lack our prefix (certificates, say) are others'.

    A line end after the value is no part of it: editors and `echo` write one.

    Raises:
        SettingsError: the folder or one of the files cannot be read.
    """
    try:
        files = sorted(file for file in folder.iterdir() if file.name.upper().startswith(ENV_PREFIX))
    except OSError as error:
        raise SettingsError(
            f"{SECRETS_VARIABLE}={str(folder)!r}: cannot be read ({error.strerror}); name a folder that "
            "holds one file for each secret, or unset it"
        ) from None
    return {file.name: _read(file) for file in files}


def _read(file: Path) -> str:
    way_out = f"let it hold the value in UTF-8, readable, or take it out of {SECRETS_VARIABLE}"
    try:
        return file.read_text(encoding="utf-8").rstrip("\r\n")
    except OSError as error:
        raise SettingsError(f"{file}: cannot be read ({error.strerror}); {way_out}") from None
    except ValueError:  # the fault itself would quote the secret
        raise SettingsError(f"{file}: not UTF-8; {way_out}") from None


class SecretFiles(NestedSecretsSettingsSource):
    """The folder as a source of settings, in sections like the environment."""

    def __init__(self, usual: PydanticBaseSettingsSource, folder: Path) -> None:
        super().__init__(usual, secrets_dir=folder)

    @classmethod
    def load_secrets(cls, path: Path) -> dict[str, str]:
        """Read only our own files; the library would read every one."""
        return read_secret_files(path)
