"""The documents of what goes in and of what comes out, one per topic."""

import re
from collections.abc import Sequence
from inspect import cleandoc, getsource
from typing import Final

import inventory_stream.ports.audit
import models.channels
import models.rows
from inventory_stream.contracts.schemas import Schema, components, document
from inventory_stream.ports.audit import AuditRow
from models.channels import AccountRow, CarriedRow, Inbound, ListingRow, MovedRow, ReportRow, StatusRow
from models.codec import PACK_COMMANDS_MAX, RECORD_BYTES_MAX
from models.commands import ORDER_COMMANDS, POSITIONAL, STOCK_COMMANDS, Command, type_name
from models.events import AvailabilityChanged, ExceptionRaised
from models.outcomes import Outcome
from models.payments import PaymentEvent, PaymentOutcome
from models.rows import ROW_FORMS, ROW_KINDS

_COMMENT: Final = re.compile(r"^    (\w+) = \d+  # (.+)$", re.MULTILINE)


def commands_document(topic: str, commands: Sequence[type[Command]]) -> Schema:
    """Describe the values of an input topic: one command, a pack, a positional pack."""
    objects, object_parts = components(commands)
    arrays, array_parts = components([POSITIONAL[command] for command in commands])
    # A twin has its command's name: set apart, and described as the array that it is.
    for command in commands:
        name = command.__name__
        fields = ", ".join(("type", *command.__struct_fields__))
        part = {**array_parts.pop(name), "title": f"{name} (positional)"}
        part["description"] = f"{cleandoc(command.__doc__ or '')}\n\nPlaces: {fields}."
        object_parts[_positional(name)] = part
    positional = [{"$ref": f"{ref['$ref']}Positional"} for ref in arrays]
    words = ", ".join(f"`{type_name(command)}`" for command in commands)
    return document(
        topic,
        f"Values of {topic}",
        f"""One command, or a pack of them (of one partition, up to {RECORD_BYTES_MAX} bytes). In a pack all
        commands are objects, or all are arrays, which are the fastest. Commands here: {words}.""",
        {
            "oneOf": [
                {"$ref": "#/$defs/Command"},
                {
                    "title": "Pack",
                    "type": "array",
                    "minItems": 1,
                    "maxItems": PACK_COMMANDS_MAX,
                    "items": {"anyOf": [{"$ref": "#/$defs/Command"}, {"$ref": "#/$defs/PositionalCommand"}]},
                },
            ],
            "$defs": {
                "Command": {"title": "Command", "oneOf": objects},
                "PositionalCommand": {"title": "Positional command", "oneOf": positional},
                **object_parts,
            },
        },
    )


def _positional(name: str) -> str:
    return f"{name}Positional"


def stock_document(topic: str) -> Schema:
    """Describe stock-events."""
    return commands_document(topic, STOCK_COMMANDS)


def orders_document(topic: str) -> Schema:
    """Describe order-events."""
    return commands_document(topic, ORDER_COMMANDS)


def ledger_document(topic: str) -> Schema:
    """Describe the rows of the ledger as the arrays that they are."""
    refs, parts = components(ROW_FORMS)
    keys = "\n".join(f"- `{prefix.decode()}`: {kind.__name__}" for prefix, kind in ROW_KINDS)
    head = cleandoc(models.rows.__doc__ or "")
    return document(
        topic,
        "Values of ledger rows",
        f"{head}\n\nThe key says which kind a row is. It begins with:\n{keys}\n\n"
        "`r/` has two forms: an array of fewer than 16 elements is a FreshRow, which stands for a "
        "ReservationRow. These schemas describe "
        "the msgpack arrays: an array may be longer than described, by fields of a later release, or "
        "shorter by those that have a default here. Bytes (`contentEncoding`) are msgpack's own type "
        "there, base64 in what `inventory-stream ledger dump` prints.",
        {"anyOf": refs, "$defs": parts},
    )


def outcomes_document() -> Schema:
    """Describe the numbers that answers carry, in the order of their numbers."""
    meanings = outcome_meanings()
    return document(
        "outcomes",
        "Outcome numbers",
        "How a command ended: the number in answers, rows and events. A number keeps its meaning for "
        "ever; new ones may come within version 1, and a reader that does not know one must not take it "
        "for a grant. x-final: a repeat of the command id gets the same. x-refusal: nothing changed. "
        "x-exception: an event on `exceptions` is due.",
        {
            "oneOf": [
                {
                    "const": int(outcome),
                    "title": outcome.name,
                    "description": meanings[outcome.name],
                    "x-final": outcome.is_final,
                    "x-refusal": outcome.is_refusal,
                    "x-exception": outcome.is_exception,
                }
                for outcome in sorted(Outcome)
            ]
        },
    )


def outcome_meanings() -> dict[str, str]:
    """Read what each outcome means from the comment beside its number."""
    return dict(_COMMENT.findall(getsource(Outcome)))


def availability_document(topic: str) -> Schema:
    """Describe availability-changed."""
    return _event_document(topic, AvailabilityChanged)


def exceptions_document(topic: str) -> Schema:
    """Describe exceptions."""
    return _event_document(topic, ExceptionRaised)


def payments_document(topic: str) -> Schema:
    """Describe payment-events."""
    return _payment_document(topic, PaymentEvent)


def payment_outcomes_document(topic: str) -> Schema:
    """Describe payment-outcomes."""
    return _payment_document(topic, PaymentOutcome)


def _payment_document(topic: str, value: type[PaymentEvent | PaymentOutcome]) -> Schema:
    refs, parts = components([value])
    return document(topic, f"Values of {topic}", value.__doc__ or "", {**refs[0], "$defs": parts})


def audit_document(topic: str) -> Schema:
    """Describe audit."""
    refs, parts = components([AuditRow])
    return document(
        topic,
        f"Values of {topic}",
        cleandoc(inventory_stream.ports.audit.__doc__ or ""),
        {**refs[0], "$defs": parts},
    )


def channel_inbound_document(topic: str) -> Schema:
    """Describe channel-inbound."""
    refs, parts = components([Inbound])
    return _channel_document(topic, {**refs[0], "$defs": parts})


def channel_outcomes_document(topic: str) -> Schema:
    """Describe channel-outcomes."""
    refs, parts = components([ListingRow, MovedRow, CarriedRow, AccountRow, StatusRow, ReportRow])
    return _channel_document(topic, {"oneOf": refs, "$defs": parts})


def _channel_document(topic: str, body: Schema) -> Schema:
    return document(topic, f"Values of {topic}", cleandoc(models.channels.__doc__ or ""), body)


def _event_document(topic: str, event: type[AvailabilityChanged | ExceptionRaised]) -> Schema:
    refs, parts = components([event])
    return document(
        topic,
        f"Values of {topic}",
        f"{cleandoc(event.__doc__ or '')}\n\n{cleandoc(models.events.__doc__ or '')}",
        {**refs[0], "$defs": parts},
    )
