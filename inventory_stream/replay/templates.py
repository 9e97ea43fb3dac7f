"""Templates of identifiers: `"{file}:{row}"`, `"{StockCode}"`, `"DC1"`."""

import re
from collections.abc import Callable
from typing import Final

from inventory_stream.replay.expressions import Columns, ExpressionError
from inventory_stream.replay.refusals import Reason, RefusalError
from inventory_stream.replay.rows import Row
from inventory_stream.replay.values import TextReader
from models.ids import ID_CHARACTERS_MAX, has_control_character

Identifier = Callable[[Row, int], str | None]
"""(row, row number) -> identifier, None where a column in it is null."""

_PART: Final = re.compile(r"\{\{|\}\}|\{([^{}]+)\}|[{}]")


def compile_template(text: str, columns: Columns, file_id: str) -> Identifier:
    """Compile a template. `{file}` and `{row}` are the file's hash and the row's number.

    The closure raises RefusalError: ID_EMPTY, ID_TOO_LONG, CONTROL_CHARACTER, BAD_TEXT.

    Raises:
        ExpressionError: a brace is left open, or a column is unknown or cannot be text.
    """
    parts = _parts(text, file_id)
    names = [name for name, _ in parts if name is not None]
    if not names:
        constant = checked_identifier("".join(literal for _, literal in parts))
        return lambda _row, _number: constant
    if names == ["row"]:
        before, after = _around(parts)
        checked_identifier(f"{before}{10**18}{after}")
        return lambda _row, number: f"{before}{number}{after}"
    if len(names) == 1:
        before, after = _around(parts)
        read = columns.text(names[0])
        if not before and not after:
            return lambda row, _number: None if (text := read(row)) is None else checked_identifier(text)
        return lambda row, _number: (
            None if (text := read(row)) is None else checked_identifier(f"{before}{text}{after}")
        )
    return _joined(parts, columns)


def checked_identifier(text: str) -> str:
    """Give the text back if it can be an identifier.

    Raises:
        RefusalError: ID_EMPTY, ID_TOO_LONG, CONTROL_CHARACTER, BAD_TEXT.
    """
    if len(text) > ID_CHARACTERS_MAX:
        raise RefusalError(Reason.ID_TOO_LONG, f"{len(text)} characters: {text[:64]!r}...")
    if text.isascii() and text.isprintable() and text:
        return text
    if not text:
        raise RefusalError(Reason.ID_EMPTY)
    if has_control_character(text):
        raise RefusalError(Reason.CONTROL_CHARACTER, repr(text))
    try:
        text.encode()
    except UnicodeEncodeError:
        raise RefusalError(Reason.BAD_TEXT, repr(text)) from None
    return text


def _parts(text: str, file_id: str) -> list[tuple[str | None, str]]:
    """Split into (column name, "") and (None, literal)."""
    parts: list[tuple[str | None, str]] = []
    at = 0
    for match in _PART.finditer(text):
        parts.append((None, text[at : match.start()]))
        at = match.end()
        token, name = match[0], match[1]
        if name == "file":
            parts.append((None, file_id))
        elif name is not None:
            parts.append((name, ""))
        elif len(token) == 2:
            parts.append((None, token[0]))
        else:
            raise ExpressionError(f"{text!r} has a single {token!r}; write it twice to mean the character")
    parts.append((None, text[at:]))
    return parts


def _around(parts: list[tuple[str | None, str]]) -> tuple[str, str]:
    at = next(index for index, (name, _) in enumerate(parts) if name is not None)
    return "".join(text for _, text in parts[:at]), "".join(text for _, text in parts[at:])


def _column(read: TextReader) -> Identifier:
    return lambda row, _number: read(row)


def _literal(text: str) -> Identifier:
    return lambda _row, _number: text


def _joined(parts: list[tuple[str | None, str]], columns: Columns) -> Identifier:
    readers: list[Identifier] = []
    for name, literal in parts:
        if name == "row":
            readers.append(lambda _row, number: str(number))
        elif name is not None:
            readers.append(_column(columns.text(name)))
        elif literal:
            readers.append(_literal(literal))

    def join(row: Row, number: int) -> str | None:
        texts = []
        for read in readers:
            text = read(row, number)
            if text is None:
                return None
            texts.append(text)
        return checked_identifier("".join(texts))

    return join
