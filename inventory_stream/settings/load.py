"""Reading the settings: one line for each thing that is wrong."""

import os
import tomllib
from pathlib import Path

from pydantic import ValidationError

from inventory_stream.errors import SettingsError
from inventory_stream.settings.faults import Sources, explain, unknown_names
from inventory_stream.settings.names import FILE_VARIABLE
from inventory_stream.settings.root import Settings, settings_file
from inventory_stream.settings.secret_files import read_secret_files, secrets_dir


def load_settings() -> Settings:
    """Read and check the settings.

    Raises:
        SettingsError: one message for all that is wrong, each naming setting, value and way out.
    """
    file, folder = settings_file(), secrets_dir()
    if file is not None:
        _check_file(file)
    secret_files = {} if folder is None else read_secret_files(folder)
    unknown = [*unknown_names(os.environ), *unknown_names(secret_files, f"{folder}/")]
    if unknown:
        raise SettingsError("\n".join(unknown))
    try:
        return Settings()
    except ValidationError as error:
        sources = Sources(os.environ, secret_files, str(folder), None if file is None else str(file))
        raise SettingsError("\n".join(explain(error, sources))) from None
    except ValueError as error:  # JSON of a whole section in an environment variable
        raise SettingsError(f"settings in the environment cannot be read: {error}") from None


def _check_file(path: Path) -> None:
    named = f"{FILE_VARIABLE}={str(path)!r}"
    if not path.is_file():
        raise SettingsError(f"{named}: no such file; name an existing TOML file or unset it")
    try:
        tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:  # a fault of syntax or of UTF-8 is a ValueError
        raise SettingsError(f"{named}: cannot be read as TOML: {error}") from None
