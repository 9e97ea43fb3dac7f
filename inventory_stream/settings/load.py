"""Reading the settings: one line for each thing that is wrong."""

import os
import tomllib
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from inventory_stream.errors import SettingsError
from inventory_stream.settings.names import ENV_PREFIX, FILE_VARIABLE, OTHER_VARIABLES, variable
from inventory_stream.settings.root import Settings
from inventory_stream.settings.shown import without_password


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


def _places() -> list[tuple[str, ...]]:
    """Give every setting as section and field; a section alone takes a JSON object."""
    places: list[tuple[str, ...]] = []
    for section, field in Settings.model_fields.items():
        kind: Any = field.annotation
        places += [(section,), *((section, name) for name in kind.model_fields)]
    return places


def _unknown_variables(names: Iterable[str]) -> list[str]:
    """Give a line for each variable of our prefix that sets nothing: its value would be lost in silence."""
    known = [*map(variable, _places()), *OTHER_VARIABLES]
    # Upper case: the library, too, takes a variable in any case.
    unknown = [name for name in names if name.upper().startswith(ENV_PREFIX) and name.upper() not in known]
    return [f"{name}: unknown setting, {_suggestion(name.upper(), known)}" for name in sorted(unknown)]


def _suggestion(name: str, known: list[str]) -> str:
    """Say which name was meant, judged by what follows the prefix that all have."""
    rests = {one.removeprefix(ENV_PREFIX): one for one in known}
    near = get_close_matches(name.removeprefix(ENV_PREFIX), rests, n=1)
    return f"did you mean {rests[near[0]]}?" if near else "and no name is like it; unset it"


def _explain(error: ValidationError, path: str | None) -> list[str]:
    return [_line(fault, path) for fault in error.errors()]


def _line(fault: ErrorDetails, path: str | None) -> str:
    kind, place = fault["type"], [str(part) for part in fault["loc"]]
    name = ".".join(place)
    in_file = path is not None and not any(
        variable(place[:length]) in map(str.upper, os.environ) for length in range(1, len(place) + 1)
    )
    where = f" in {path}" if in_file else ""
    if kind == "value_error":  # our own, across settings: names each with its value and variable
        return str(fault["ctx"]["error"]) + (f" (file: {path})" if path is not None else "")
    if kind == "extra_forbidden":
        return f"{name}: unknown setting{where}, {_suggestion_in_file(name)}"
    value = f"{name} = {without_password(repr(fault['input']))}"
    if len(place) == 1:
        return f"{value}{where}: a section, not a setting; write [{name}] and its settings below it"
    return f"{value}{where}: {fault['msg']} (set it by {variable(place)} or in the file)"


def _suggestion_in_file(name: str) -> str:
    near = get_close_matches(name, [".".join(place) for place in _places()], n=1)
    return f"did you mean {near[0]}?" if near else "and no name is like it; take it out"
