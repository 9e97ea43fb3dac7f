"""Answers of channels read into the few fields that count; what does not fit is counted by field."""

import re
from typing import Any, Final, TypeVar

import msgspec

from inventory_stream.ports.channel import ChannelError, DriftMonitor, Result

# msgspec ends its message with where it was: "... - at `$.update[...].id`"; without it, the whole is wrong.
_WHERE: Final = re.compile(r" - at `\$\.?(.*)`$")
_MISSING: Final = re.compile(r"missing required field `([^`]+)`")

Shape = TypeVar("Shape")


def read_as(document: Any, shape: type[Shape], drift: DriftMonitor, channel: str) -> Shape:  # noqa: ANN401  # JSON
    """Turn a decoded JSON document into a struct; numbers may be text, other fields are passed by.

    Raises:
        ChannelError: AMBIGUOUS with the code `misfit:<field>`: the channel took the request, and its answer
            cannot be read. The drift monitor has counted the field.
    """
    try:
        return msgspec.convert(document, shape, strict=False)
    except msgspec.ValidationError as error:
        field, kind = misfit_of(error)
        drift.misfit(channel, field, kind)
        raise ChannelError(Result.AMBIGUOUS, f"misfit:{field}") from None


def misfit_of(error: msgspec.ValidationError) -> tuple[str, str]:
    """Name the field and what is wrong with it, `missing` or `type`; never a value."""
    text = str(error)
    where = _WHERE.search(text)
    path = where[1] if where else ""
    if missing := _MISSING.search(text):
        return ".".join(part for part in (path, missing[1]) if part), "missing"
    return path or "body", "type"
