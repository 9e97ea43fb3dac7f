"""Makes an input record of a letter again, as it was or mended."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, NamedTuple, Protocol

import msgspec
import orjson

from inventory_stream.ports.dead_letters import DeadLetter, Resend, StoredLetter
from inventory_stream.ports.payments import PAYMENT_EVENTS
from models.channels import CHANNEL_INBOUND, Inbound, decode_inbound
from models.codec import ORDER_DECODER, STOCK_DECODER, Poison
from models.commands import POSITIONAL, type_name
from models.ids import partition_of
from models.outcomes import Outcome
from models.payments import PaymentEvent, decode_payment

_FIELDS: Final[dict[str, tuple[str, ...]]] = {
    type_name(command): command.__struct_fields__ for command in POSITIONAL
}
"""Of each type on the wire its fields in the order of a positional command."""


class Mending(NamedTuple):
    """What to change before a letter is sent again: fields by name, or the whole record; or nothing."""

    fields: Mapping[str, Any]
    record: bytes | None = None

    @property
    def is_any(self) -> bool:
        """Whether anything changes."""
        return bool(self.fields) or self.record is not None


AS_IT_WAS: Final = Mending({})


class Decoder(Protocol):
    """Says what a record holds, or why it cannot be."""

    def decode(self, value: bytes | None) -> tuple[Sequence[object | None], Sequence[Poison]]:
        """Give what is in it, and what of it is poison."""


class _PaymentDecoder:
    """Decodes the records of payment-events: one event each."""

    def decode(self, value: bytes | None) -> tuple[Sequence[PaymentEvent], Sequence[Poison]]:
        """See `Decoder`."""
        try:
            return (decode_payment(value),), ()
        except ValueError as error:
            return (), (Poison(None, str(error)),)


class _DeliveryDecoder:
    """Decodes the records of channel-inbound: one delivery each."""

    def decode(self, value: bytes | None) -> tuple[Sequence[Inbound], Sequence[Poison]]:
        """See `Decoder`."""
        try:
            return (decode_inbound(value or b""),), ()
        except ValueError as error:
            return (), (Poison(None, str(error)),)


class Inputs(NamedTuple):
    """The topics by their full names, how many partitions each has, and the catalog (R30).

    `payments` is that of payment events, whose letters the gateways write; `channels` that of deliveries of
    channels, whose letters the channel workers write.
    """

    stock: str
    orders: str
    partitions: int
    products: Mapping[str, str] = MappingProxyType({})
    payments: str = PAYMENT_EVENTS
    channels: str = CHANNEL_INBOUND

    def decoder_of(self, topic: str) -> Decoder | None:
        """Give what decodes the records of a topic, None for one that is none of ours."""
        decoders: dict[str, Decoder] = {
            self.stock: STOCK_DECODER,
            self.orders: ORDER_DECODER,
            self.payments: _PaymentDecoder(),
            self.channels: _DeliveryDecoder(),
        }
        return decoders.get(topic)


class Unmendable(NamedTuple):
    """Why a letter is not sent again."""

    reason: str


def mend(stored: StoredLetter, mending: Mending, inputs: Inputs) -> Resend | Unmendable:
    """Give the record to send: of a pack only the letter's own command.

    What no owner could decode is not sent, nor an id that is bound to other content: it would only
    become another letter. An unchanged record goes to the partition that it was in, with the key that it
    had; one whose SKU was changed goes where the new SKU belongs.
    """
    letter = stored.letter
    decoder = _decoder_of(letter, inputs)
    if isinstance(decoder, Unmendable):
        return decoder
    value = _value_of(stored, mending)
    if isinstance(value, Unmendable):
        return value
    if letter.reason == Outcome.COMMAND_ID_REUSED.name and _is_same_command(letter.value, value, mending):
        return Unmendable(
            f"it would be refused again: {letter.reason}; give it an id of its own (--set id=...), or other "
            "content (--edit FILE)"
        )
    commands, poison = decoder.decode(value)
    if poison:
        return Unmendable(f"it would be refused again: {poison[0].reason}")
    skus = {getattr(command, "sku", None) for command in commands}
    moved = _sku_of(letter.value) not in skus and mending.is_any
    if moved and len(skus) == 1 and (sku := skus.pop()) is not None:
        key = inputs.products.get(sku, sku)
        return Resend(letter.topic, partition_of(key, inputs.partitions), key.encode(), value)
    return Resend(letter.topic, letter.partition, letter.key, value)


def _decoder_of(letter: DeadLetter, inputs: Inputs) -> Decoder | Unmendable:
    decoder = inputs.decoder_of(letter.topic)
    if decoder is None:
        return Unmendable(
            f"{letter.topic} is no input of this environment "
            f"({inputs.stock}, {inputs.orders}, {inputs.payments}, {inputs.channels})"
        )
    if letter.partition >= inputs.partitions:
        return Unmendable(f"{letter.topic} has no partition {letter.partition} any more")
    return decoder


def as_object(value: bytes | None) -> dict[str, Any] | None:
    """Give a command as an object with named fields, whatever its form; None: it is none.

    Positions past the last known field are kept under their numbers.
    """
    try:
        decoded = orjson.loads(value or b"")
    except orjson.JSONDecodeError:
        return None
    if isinstance(decoded, dict):
        return decoded
    if not isinstance(decoded, list) or not decoded or not isinstance(decoded[0], str):
        return None
    names = ("type", *_FIELDS.get(decoded[0], ()))
    return {names[at] if at < len(names) else str(at): part for at, part in enumerate(decoded)}


def _value_of(stored: StoredLetter, mending: Mending) -> bytes | Unmendable:
    if mending.record is not None:
        return mending.record
    if stored.is_cut:
        return Unmendable("the original was too large to be kept whole: send it anew from its source")
    return _with_fields(stored.letter, mending.fields)


def _with_fields(letter: DeadLetter, fields: Mapping[str, Any]) -> bytes | Unmendable:
    value = letter.value
    if value is None:
        return Unmendable("the record was empty: there is nothing to send")
    if not fields:
        # One command of a positional pack is an array, which only a pack may hold.
        is_positional = letter.pack_index is not None and value.lstrip().startswith(b"[")
        return b"[" + value + b"]" if is_positional else value
    command = as_object(value)
    if command is None:
        return Unmendable(
            "it is not one JSON command, so no field can be set: give the whole with --edit FILE"
        )
    return msgspec.json.encode({**command, **fields})


def _is_same_command(before: bytes | None, after: bytes, mending: Mending) -> bool:
    """Say whether a reused id meets the ledger as it did: fields were set, but not the id; or nothing was."""
    was, becomes = as_object(before), as_object(after)
    if mending.record is not None:
        return was is not None and was == becomes
    return "id" not in mending.fields or (was or {}).get("id") == mending.fields["id"]


def _sku_of(value: bytes | None) -> str | None:
    command = as_object(value)
    sku = command.get("sku") if command is not None else None
    return sku if isinstance(sku, str) else None
