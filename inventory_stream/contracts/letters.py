"""The document of dead letters; a test holds it against letters as they are written."""

from typing import Final

from inventory_stream.adapters.kafka.dead_letters import KEY_BYTES_MAX, SCHEMA, VALUE_BYTES_MAX
from inventory_stream.contracts.schemas import Schema, document

_WHOLE_NUMBER: Final = {"type": "integer", "minimum": 0}


def _original(what: str, bytes_max: int) -> Schema:
    return {
        "description": f"The {what} as it came; null: there was none. Longer ones are cut.",
        "anyOf": [
            {
                "type": "object",
                "required": ["base64", "length_bytes", "cut"],
                "properties": {
                    "base64": {
                        "type": "string",
                        "contentEncoding": "base64",
                        "description": f"The first {bytes_max} bytes.",
                    },
                    "length_bytes": {**_WHOLE_NUMBER, "description": "Of the whole."},
                    "cut": {"type": "boolean"},
                    "sha256": {
                        "type": "string",
                        "pattern": "^[0-9a-f]{64}$",
                        "description": "Of the whole, where it was cut.",
                    },
                },
            },
            {"type": "null"},
        ],
    }


def letters_document(topic: str) -> Schema:
    """Describe dead-letters."""
    return document(
        topic,
        f"Values of {topic}",
        """Input that no ledger can decide, with the reason. Of a pack only the refused command is kept.
        `inventory-stream dead-letters` lists, shows and replays them.""",
        {
            "type": "object",
            "required": [
                *("schema", "topic", "partition", "offset", "pack_index"),
                *("reason", "timestamp_ms", "key", "value"),
            ],
            "properties": {
                "schema": {"const": SCHEMA, "description": "Version of this form."},
                "topic": {"type": "string", "description": "Full name of the input topic."},
                "partition": _WHOLE_NUMBER,
                "offset": _WHOLE_NUMBER,
                "pack_index": {
                    "anyOf": [_WHOLE_NUMBER, {"type": "null"}],
                    "description": "Place of the command in its pack; null: the record as a whole.",
                },
                "reason": {"type": "string", "description": "For people. Its wording may change."},
                "timestamp_ms": {**_WHOLE_NUMBER, "description": "Record time of the input."},
                "key": _original("key", KEY_BYTES_MAX),
                "value": _original("value, or the one command of a pack", VALUE_BYTES_MAX),
            },
        },
    )
