"""IANA time zones, from the `tzdata` package alone: the same on every machine, whatever its system has."""

from functools import cache
from importlib.resources import files
from typing import Final
from zoneinfo import ZoneInfo

UTC_NAME: Final = "UTC"
"""The zone of a location that nobody named one for."""

_PACKAGE: Final = "tzdata"


def is_zone(name: str) -> bool:
    """Say whether a name is one of the IANA time zones."""
    return name in _names()


@cache
def zone(name: str) -> ZoneInfo:
    """Give a time zone.

    Raises:
        ValueError: no such zone.
    """
    if not is_zone(name):
        raise ValueError(f"{name!r} is no IANA time zone")
    with files(_PACKAGE).joinpath("zoneinfo", *name.split("/")).open("rb") as stored:
        return ZoneInfo.from_file(stored, name)


@cache
def _names() -> frozenset[str]:
    # About 600: every zone of the package, one a line.
    return frozenset(files(_PACKAGE).joinpath("zones").read_text("ascii").split())
