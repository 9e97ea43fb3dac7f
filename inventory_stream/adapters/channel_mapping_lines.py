"""The lines of a mapping file, each by itself: one that is wrong hides no other."""

import csv
from collections.abc import Iterator
from functools import partial
from typing import Final, TextIO

LINE_CHARACTERS_MAX: Final = 200_000
"""Most of one line: 1,000 locations of the longest names, and the rest of it."""

# Bytes that are no UTF-8 are let in as PEP 383 has it, so that their line can be named with all others.
ERRORS: Final = "surrogateescape"
"""How the file is to be decoded."""

_FIRST_BYTE: Final = 0xDC00
_UNCLOSED: Final = "unexpected end of data"


class WrongLineError(Exception):
    """A line cannot be meant; the text says why."""


def lines_of(file: TextIO) -> Iterator[str]:
    """Yield the lines as they stand, the rest of one that is too long as another."""
    return iter(partial(file.readline, LINE_CHARACTERS_MAX), "")


def fields_of(text: str) -> list[str]:
    """Take one line apart. No field may hold the end of a line, so a quote that is open spoils its own alone.

    Raises:
        WrongLineError: it is no text, no CSV, or too long.
    """
    if len(text) >= LINE_CHARACTERS_MAX:
        raise WrongLineError(f"{LINE_CHARACTERS_MAX:,} characters or more")
    if not text.isascii() and (wrong := next(filter(_is_no_text, text), None)) is not None:
        byte = ord(wrong) - _FIRST_BYTE
        raise WrongLineError(f"byte 0x{byte:02x} after {text.index(wrong):,} characters is no UTF-8")
    if '"' not in text:
        return text.rstrip("\r\n").split(",")
    try:
        return next(csv.reader((text,), strict=True))
    except csv.Error as error:
        why = "a quote is not closed" if str(error) == _UNCLOSED else f"quotes: {error}"
        raise WrongLineError(why) from None


def _is_no_text(mark: str) -> bool:
    return "\udc80" <= mark <= "\udcff"
