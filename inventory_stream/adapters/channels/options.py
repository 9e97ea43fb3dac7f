"""Options of an integration, read as a frozen struct: what is unknown or out of bounds is named."""

import re
from collections.abc import Mapping
from typing import Final, TypeVar, get_type_hints

import msgspec
from msgspec import Meta

from inventory_stream.ports.integrations import Integration

# What was written may be a secret in the wrong place: it is not said again.
_INPUT: Final = re.compile(r"value '.*'")

OptionsT = TypeVar("OptionsT", bound=msgspec.Struct)


def options_of(integration: Integration, options: type[OptionsT]) -> OptionsT:
    """Read an entry's options.

    Raises:
        msgspec.ValidationError: an option is unknown, missing, of the wrong type or out of bounds.
    """
    return msgspec.convert(dict(integration.options or {}), options)


def option_mistake(integration: Integration, options: type[OptionsT]) -> str | None:
    """Say what is wrong with an entry's options; None: nothing."""
    try:
        options_of(integration, options)
    except msgspec.ValidationError as error:
        return f"options: {_INPUT.sub('value', str(error))}"
    return None


def described(options: type[msgspec.Struct]) -> Mapping[str, str]:
    """Give each option with its meaning: the description that its type carries."""
    meanings: dict[str, str] = {}
    for name, hint in get_type_hints(options, include_extras=True).items():
        notes = [note for note in getattr(hint, "__metadata__", ()) if isinstance(note, Meta)]
        meanings[name] = next(note.description for note in notes if note.description)
    return meanings
