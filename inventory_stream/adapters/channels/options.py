"""Options of an integration, read as a frozen struct: what is unknown or out of bounds is named."""

from collections.abc import Mapping
from typing import TypeVar, get_type_hints

import msgspec
from msgspec import Meta

from inventory_stream.ports.integrations import Integration

OptionsT = TypeVar("OptionsT", bound=msgspec.Struct)


def read_options(options: type[OptionsT], integration: Integration) -> OptionsT:
    """Read an entry's options.

    Raises:
        msgspec.ValidationError: an option is unknown, missing, of the wrong type or out of bounds.
    """
    return msgspec.convert(dict(integration.options or {}), options)


def wrong_options(options: type[OptionsT], integration: Integration) -> str | None:
    """Say what is wrong with an entry's options; None: nothing."""
    try:
        read_options(options, integration)
    except msgspec.ValidationError as error:
        return f"options: {error}"
    return None


def described(options: type[msgspec.Struct]) -> Mapping[str, str]:
    """Give each option with its meaning: the description that its type carries."""
    meanings: dict[str, str] = {}
    for name, hint in get_type_hints(options, include_extras=True).items():
        notes = [note for note in getattr(hint, "__metadata__", ()) if isinstance(note, Meta)]
        meanings[name] = next(note.description for note in notes if note.description)
    return meanings
