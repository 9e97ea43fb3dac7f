"""What is wrong with settings, in one line each: the setting, its value, where it stands, the way out."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any, Final, NamedTuple, get_args

from pydantic import SecretStr, ValidationError
from pydantic_core import ErrorDetails

from inventory_stream.settings.names import ENV_PREFIX, OTHER_VARIABLES, variable
from inventory_stream.settings.root import Settings
from inventory_stream.settings.shown import without_password

_SHOWN_CHARACTERS_MAX: Final = 200
"""Of a wrong value: enough to know it again."""


class Sources(NamedTuple):
    """Where values came from, the first before the second; the rest is from the TOML file."""

    environment: Mapping[str, str]
    secret_files: Mapping[str, str]
    secrets_dir: str
    file: str | None


def unknown_names(names: Iterable[str], where: str = "") -> list[str]:
    """Give a line for each name with our prefix that sets nothing: its value would be lost in silence."""
    known = [*map(variable, _places()), *OTHER_VARIABLES]
    # Upper case: the library, too, takes a variable in any case.
    unknown = [name for name in names if name.upper().startswith(ENV_PREFIX) and name.upper() not in known]
    return [f"{where}{name}: unknown setting, {_suggestion(name.upper(), known)}" for name in sorted(unknown)]


def explain(error: ValidationError, sources: Sources) -> list[str]:
    """Give a line for each fault."""
    return [_line(fault, sources) for fault in error.errors()]


def _places() -> list[tuple[str, ...]]:
    """Give every setting as section and field; a section alone takes a JSON object."""
    places: list[tuple[str, ...]] = []
    for section, field in Settings.model_fields.items():
        kind: Any = field.annotation
        places += [(section,), *((section, name) for name in kind.model_fields)]
    return places


def _suggestion(name: str, known: list[str]) -> str:
    """Say which name was meant, judged by what follows the prefix that all have."""
    rests = {one.removeprefix(ENV_PREFIX): one for one in known}
    near = get_close_matches(name.removeprefix(ENV_PREFIX), rests, n=1)
    return f"did you mean {rests[near[0]]}?" if near else "and no name is like it; unset it"


def _line(fault: ErrorDetails, sources: Sources) -> str:
    kind, place = fault["type"], [str(part) for part in fault["loc"]]
    name = ".".join(place)
    where = _where(place, sources)
    if kind == "value_error" and len(place) == 1:  # across settings: names each with value and variable
        return str(fault["ctx"]["error"]) + (f" (file: {sources.file})" if sources.file else "")
    if kind == "extra_forbidden":
        return f"{name}: unknown setting{where}, {_suggestion_in_file(name)}"
    value = f"{name} = {_shown(place, fault['input'])}"
    if len(place) == 1:
        return f"{value}{where}: a section, not a setting; write [{name}] and its settings below it"
    message = str(fault["ctx"]["error"]) if kind == "value_error" else fault["msg"]
    return f"{value}{where}: {message} (set it by {variable(place)} or in the file)"


def _where(place: list[str], sources: Sources) -> str:
    """Say in which file a value stands; nothing for the environment, where the variable's name says it."""
    names = [variable(place[:length]) for length in range(1, len(place) + 1)]
    for name in names:
        if name in map(str.upper, sources.environment):
            return ""
    for file in sources.secret_files:
        if file.upper() in names:
            return f" in {sources.secrets_dir}/{file}"
    return "" if sources.file is None else f" in {sources.file}"


def _shown(place: list[str], value: object) -> str:
    """Give a wrong value as it may be shown: no secret, nothing that may hold one, nothing endless."""
    section: Any = Settings.model_fields[place[0]].annotation
    if len(place) == 1:
        return repr(value) if isinstance(value, int | float) else f"<{type(value).__name__}>"
    kind = section.model_fields[place[1]].annotation
    if SecretStr in (kind, *get_args(kind)):
        return "***"
    shown = without_password(repr(value))
    return shown if len(shown) <= _SHOWN_CHARACTERS_MAX else f"{shown[:_SHOWN_CHARACTERS_MAX]}..."


def _suggestion_in_file(name: str) -> str:
    near = get_close_matches(name, [".".join(place) for place in _places()], n=1)
    return f"did you mean {near[0]}?" if near else "and no name is like it; take it out"
