"""Input records: bytes <-> commands, in the three wire forms of docs/contracts.md.

`{...}` one command; `[{...}, ...]` a pack; `[["reserve", ...], ...]` a positional pack. One bad
command in a pack costs only itself: the others are decoded one by one.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple, Union

import msgspec

from models.commands import ORDER_COMMANDS, POSITIONAL, STOCK_COMMANDS, Command
from models.ids import has_control_character

PACK_COMMANDS_MAX: Final = 1_000
"""Most commands of one record (docs/contracts.md): bounds what one atomic step has to decide."""
RECORD_BYTES_MAX: Final = 1_048_576
"""Largest record value, 1 MiB (docs/contracts.md)."""

_OPEN: Final = ord("{")
_CLOSE: Final = ord("}")

_encode: Final = msgspec.json.Encoder().encode


class Poison(NamedTuple):
    """Why something in a record cannot be decided; `pack_index` None means the whole record."""

    pack_index: int | None
    reason: str


class CommandDecoder:
    """Decodes the records of one input topic; commands of the other topic are poison here."""

    def __init__(self, commands: Sequence[type[Command]]) -> None:
        objects: Any = Union[tuple(commands)]  # noqa: UP007  # built at run time
        arrays: Any = Union[tuple(POSITIONAL[command] for command in commands)]  # noqa: UP007
        self._object = msgspec.json.Decoder(objects)
        self._objects = msgspec.json.Decoder(list[objects])
        self._arrays = msgspec.json.Decoder(list[arrays])
        self._array = msgspec.json.Decoder(arrays)

    def decode(self, value: bytes | None) -> tuple[Sequence[Command | None], Sequence[Poison]]:
        """Give a record's commands in order, None in the place of each that is poison, and the poison."""
        if not value:
            return (), (Poison(None, "empty record"),)
        if len(value) > RECORD_BYTES_MAX:
            return (), (Poison(None, f"record of {len(value)} bytes, at most {RECORD_BYTES_MAX}"),)
        if value[0] <= 0x20:
            value = value.lstrip(b" \t\r\n")
        commands: list[Command]
        try:
            if value.startswith(b"{"):
                commands = [self._object.decode(value)]
            elif value[:2] == b"[[":
                commands = self._arrays.decode(value)
            else:
                commands = self._objects.decode(value)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return self._one_by_one(value, error)
        if not 0 < len(commands) <= PACK_COMMANDS_MAX:
            return (), (Poison(None, f"pack of {len(commands)} commands, 1 to {PACK_COMMANDS_MAX}"),)
        # JSON can only carry a control character escaped, DEL, or as C1 in UTF-8: one look at the
        # bytes spares a look at every identifier of a pack.
        if b"\\" in value or b"\x7f" in value or not value.isascii():
            return _checked(commands) if is_pack(value) else _checked_alone(commands)
        return commands, ()

    def decode_singles(self, values: Sequence[bytes | None]) -> list[Command] | None:
        """Give the command of each record, where all are sound objects; None: `decode` each.

        0.4 us of processor for a record instead of 1.0 (`decode`). Records are read as lines: each begins
        with a brace and ends with one, and nothing in JSON may stand between a closing brace, a line's end
        and an opening brace. So no value reaches over two records, each holds one at least, and as many
        values as records are one of each.
        """
        for value in values:
            if not value or value[0] != _OPEN or value[-1] != _CLOSE:
                return None
        lines = b"\n".join(values)  # type: ignore[arg-type]  # none of them is None
        if max(map(len, values), default=0) > RECORD_BYTES_MAX:  # type: ignore[arg-type]
            return None
        if b"\\" in lines or b"\x7f" in lines or not lines.isascii():
            return None
        try:
            commands: list[Command] = self._object.decode_lines(lines)
        except (msgspec.DecodeError, RecursionError):
            return None
        return commands if len(commands) == len(values) else None

    def _one_by_one(
        self, value: bytes, error: Exception
    ) -> tuple[Sequence[Command | None], Sequence[Poison]]:
        try:
            parts = msgspec.json.decode(value, type=list[msgspec.Raw])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return (), (Poison(None, str(error)),)
        if not 0 < len(parts) <= PACK_COMMANDS_MAX:
            return (), (Poison(None, f"pack of {len(parts)} commands, 1 to {PACK_COMMANDS_MAX}"),)
        commands: list[Command | None] = []
        poison: list[Poison] = []
        for index, part in enumerate(parts):
            decoder = self._array if bytes(part).lstrip()[:1] == b"[" else self._object
            try:
                commands.append(decoder.decode(part))
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
                commands.append(None)
                poison.append(Poison(index, str(fault)))
        checked, unprintable = _checked(commands)
        return checked, [*poison, *unprintable]


def is_pack(value: bytes) -> bool:
    """Say whether a record holds a pack, whose commands have places, and not one command."""
    return value.lstrip(b" \t\r\n").startswith(b"[")


def elements_of(value: bytes | None) -> Sequence[bytes | None]:
    """Give the bytes of each command of a record, the whole value where it holds no pack.

    Empty for what cannot be split, which a decoder's poison for the whole record says already.
    """
    if value is None or not is_pack(value):
        return (value,)
    try:
        parts = msgspec.json.decode(value, type=list[msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ()
    return [bytes(part) for part in parts]


def _checked(
    commands: Sequence[Command | None],
) -> tuple[Sequence[Command | None], Sequence[Poison]]:
    kept: list[Command | None] = []
    poison: list[Poison] = []
    for index, command in enumerate(commands):
        name = _unprintable_field(command) if command is not None else None
        kept.append(command if name is None else None)
        if name is not None:
            poison.append(Poison(index, f"control character in `{name}`"))
    return kept, poison


def _checked_alone(
    commands: Sequence[Command | None],
) -> tuple[Sequence[Command | None], Sequence[Poison]]:
    """Check a record that is one command: its poison means the whole record."""
    checked, poison = _checked(commands)
    return ((), (Poison(None, poison[0].reason),)) if poison else (checked, ())


def _unprintable_field(command: Command) -> str | None:
    for name in command.__struct_fields__:
        value = getattr(command, name)
        texts = value if isinstance(value, tuple) else (value,)
        for text in texts:
            if isinstance(text, str) and (has_control_character(text) or not _encodable(text)):
                return name
    return None


def _encodable(text: str) -> bool:
    # A lone surrogate decodes from "\ud800" but has no UTF-8, so no row key could hold it.
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


STOCK_DECODER: Final = CommandDecoder(STOCK_COMMANDS)
"""For stock-events."""
ORDER_DECODER: Final = CommandDecoder(ORDER_COMMANDS)
"""For order-events."""


def encode_command(command: Command) -> bytes:
    """Encode one command in its own wire form."""
    return _encode(command)


def encode_pack(commands: Iterable[Command]) -> bytes:
    """Encode a pack; the commands must all be objects or all positional."""
    return _encode(list(commands))


def to_positional(command: Command) -> Command:
    """Give the positional twin of a command."""
    form = POSITIONAL.get(type(command))
    return command if form is None else form(*msgspec.structs.astuple(command))
