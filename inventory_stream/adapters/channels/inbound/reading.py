"""What all listeners read with: typed JSON, identifiers, times. Fields that are not declared are not kept."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import msgspec

from inventory_stream.adapters.channels.answers import misfit_of
from inventory_stream.ports.channel import MalformedError
from models.channels import (
    INBOUND_LINES_MAX,
    ChangedLine,
    ChannelEvent,
    LinesCancelled,
    OrderTaken,
    SoldLine,
)
from models.commands import EPOCH_MS_MAX, UNITS_MAX
from models.ids import ID_CHARACTERS_MAX, has_control_character

T = TypeVar("T")

RESERVATION: Final = "inventory_stream_reservation"
"""The name under which a shop carries our reservation id through its order: of a line's property, or of an
attribute of an order of one line."""

KIND_CHARACTERS_MAX: Final = 40
"""Longest name of an unknown kind that is counted."""

_NOT_OF_KINDS: Final = re.compile(r"[^a-z0-9_./:-]+")
_DECODERS: Final[dict[Any, msgspec.json.Decoder[Any]]] = {}


def decoded(raw: bytes, kind: type[T]) -> T:
    """Read JSON as a type.

    Raises:
        MalformedError: it does not fit; the text names the field, and nothing of its content.
    """
    decoder = _DECODERS.get(kind)
    if decoder is None:
        decoder = _DECODERS[kind] = msgspec.json.Decoder(kind)
    try:
        value: T = decoder.decode(raw)
    except msgspec.ValidationError as error:
        raise MalformedError(_without_input(str(error)), misfit_of(str(error))[0]) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise MalformedError("the body is no JSON") from None
    return value


def identifier(value: object, field: str) -> str:
    """Give an id of the channel as one of ours.

    Raises:
        MalformedError: it is empty, too long, or has what no id may have.
    """
    text = str(value)
    if not _is_identifier(text):
        raise MalformedError(f"{field} is no identifier of 1 to {ID_CHARACTERS_MAX} characters", field)
    return text


def carried(value: object) -> str | None:
    """Give the reservation id that a line carries; None: it is none.

    It came through a shopper's browser, so that anything may stand there: no reason to refuse the order.
    """
    return value if isinstance(value, str) and _is_identifier(value) else None


def named(headers: Mapping[str, str], header: str) -> str:
    """Give a header that must be there, as an identifier.

    Raises:
        MalformedError: it is missing or no identifier.
    """
    return identifier(headers.get(header, ""), f"the header {header}")


def ms_of(when: datetime, field: str) -> int:
    """Give a time in ms; one without a zone is UTC, as WooCommerce writes its `_gmt` fields.

    Raises:
        MalformedError: it is before 1970.
    """
    aware = when if when.tzinfo is not None else when.replace(tzinfo=UTC)
    at_ms = int(aware.timestamp() * 1_000)
    if not 0 <= at_ms <= EPOCH_MS_MAX:
        raise MalformedError(f"{field} is no time after 1970", field)
    return at_ms


def ms_of_seconds(seconds: int, field: str) -> int:
    """Give Unix seconds in ms.

    Raises:
        MalformedError: they are no time.
    """
    if not 0 <= seconds <= EPOCH_MS_MAX // 1_000:
        raise MalformedError(f"{field} is no time in Unix seconds", field)
    return seconds * 1_000


def units_of(value: int, field: str) -> int:
    """Give the units of a line.

    Raises:
        MalformedError: below 1 or above R6's bound.
    """
    if not 1 <= value <= UNITS_MAX:
        raise MalformedError(f"{field} is no number of units", field)
    return value


def check_lines(lines: Sequence[object]) -> None:
    """See that an order is not too large.

    Raises:
        MalformedError: it is; it is refused whole, as half an order would be a false one.
    """
    if len(lines) > INBOUND_LINES_MAX:
        raise MalformedError(f"an order may have {INBOUND_LINES_MAX} lines", "lines")


def kind_of(text: object) -> str:
    """Make a name of a kind that can be counted: short, of few characters."""
    return _NOT_OF_KINDS.sub("-", str(text).lower())[:KIND_CHARACTERS_MAX] or "unnamed"


def id_of_body(raw: bytes) -> str:
    """Name a delivery whose channel does not: a repeat has the same bytes."""
    return hashlib.sha256(raw).hexdigest()


def called_off(
    order_id: str,
    change_id: str,
    at_ms: int,
    placed_ms: int,
    lines: Sequence[SoldLine],
    *,
    as_of_ms: int = 0,
    may_return: bool = False,
) -> tuple[ChannelEvent, ...]:
    """Say that a whole order is off, so that it ends alike whether its taking came before or comes later.

    It is cancelled first and then taken: the ledger answers RELEASED_EARLY, no unit moves, and nothing is
    left to wait for an order that was never told. `may_return`: told as of a later time, it is on again.
    """
    if not lines:
        return ()
    off = tuple(
        ChangedLine(line.line_id, listing=line.listing, sku=line.sku, reservation_id=line.reservation_id)
        for line in lines
    )
    cancelled = LinesCancelled(order_id, change_id, at_ms, off, as_of_ms if may_return else 0)
    return cancelled, OrderTaken(order_id, placed_ms, tuple(lines), as_of_ms=as_of_ms)


def _is_identifier(text: str) -> bool:
    return 1 <= len(text) <= ID_CHARACTERS_MAX and not has_control_character(text) and not _has_half(text)


def _has_half(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # a lone surrogate
        return True
    return False


# "Invalid value '...'" and "Invalid enum value '...'" of msgspec repeat what was sent.
_INPUT: Final = re.compile(r"value '.*'")


def _without_input(text: str) -> str:
    return _INPUT.sub("value", text)[:200]
