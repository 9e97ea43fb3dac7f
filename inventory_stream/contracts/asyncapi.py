"""One AsyncAPI 3 document over all topics, which points to their schemas."""

from collections.abc import Mapping
from importlib.metadata import version
from inspect import cleandoc
from typing import Any, Final, NamedTuple

from inventory_stream.adapters.kafka.topic_rules import DEAD_LETTERS, LEDGER, TopicSpec, topic_specs
from inventory_stream.adapters.redis import keys as redis_keys
from inventory_stream.ports.audit import AUDIT
from inventory_stream.ports.commands import ORDER_EVENTS, STOCK_EVENTS
from inventory_stream.ports.events import EventTopic
from inventory_stream.ports.payments import PAYMENT_EVENTS, PAYMENT_OUTCOMES
from inventory_stream.settings import Settings
from models.channels import CHANNEL_INBOUND, CHANNEL_OUTCOMES
from models.events import CONTENT_TYPE_HEADER

ASYNCAPI: Final = "3.0.0"
"""The version that validators and generators know; 3.1 adds nothing that is needed here."""

CONTRACT_VERSION: Final = "1"

_SCHEMA_FORMAT: Final = "application/schema+json;version=2020-12"
# What Kafka's own tools call a topic's settings, of those that AsyncAPI's binding names, with their type.
_TOPIC_SETTINGS: Final[Mapping[str, type]] = {
    "cleanup.policy": list,
    "retention.ms": int,
    "retention.bytes": int,
    "delete.retention.ms": int,
    "max.message.bytes": int,
}


class Channel(NamedTuple):
    """One topic: who writes it, what its key is, what it is for."""

    topic: str
    action: str
    content_type: str
    key: str
    summary: str
    headers: Mapping[str, str] = {}


_SKU_KEY: Final = (
    "The SKU, or the product that the catalog names for it (R30), as UTF-8; Kafka's default partitioner. "
    "A pack has no key and an explicit partition. A command without a SKU goes to every partition."
)
_EVENT_HEADERS: Final = {CONTENT_TYPE_HEADER[0]: CONTENT_TYPE_HEADER[1].decode()}

CHANNELS: Final = (
    Channel(
        STOCK_EVENTS, "receive", "application/json", _SKU_KEY, "What happened to stock, and how it is kept."
    ),
    Channel(ORDER_EVENTS, "receive", "application/json", _SKU_KEY, "What shoppers and orders ask for."),
    Channel(
        LEDGER,
        "send",
        "application/msgpack",
        "`p/`, `r/`, `c/`, `s/` and `@` keys; `%`, `/`, `{` and `}` inside identifiers are percent-encoded.",
        "The truth: every decision is here, and nowhere before. Compacted; complete for 6 hours. A reader "
        "drops rows whose term is lower than the newest claim before them. A row without a value is gone; "
        "its term is in the header `term`.",
    ),
    Channel(
        EventTopic.AVAILABILITY.value,
        "send",
        "application/cloudevents+json",
        "The SKU. The record lies in the partition of the ledger that the SKU lies in.",
        "What can be sold of each SKU. Compacted: read it from the beginning for all of them. At least once; "
        "readers of committed records (`isolation.level=read_committed`) see a publication once.",
        _EVENT_HEADERS,
    ),
    Channel(
        EventTopic.EXCEPTIONS.value,
        "send",
        "application/cloudevents+json",
        "The SKU; without one the reservation or the command.",
        "What somebody has to look at. Kept for 7 days. Deliveries as on availability-changed; `source` and "
        "`id` name an event however often it comes.",
        _EVENT_HEADERS,
    ),
    Channel(
        DEAD_LETTERS,
        "send",
        "application/json",
        "`topic/partition/offset`, with `/index` for one command of a pack: a letter written again replaces "
        "itself.",
        "Input that cannot be decided, with the reason.",
    ),
    Channel(
        PAYMENT_EVENTS,
        "receive",
        "application/json",
        "The order, so that its events stay together; they may come in any order all the same.",
        "What happened to a payment: docs/http/payments.md. Taken by the gateways.",
    ),
    Channel(
        PAYMENT_OUTCOMES,
        "send",
        "application/json",
        "The order; without one the payment.",
        "What came of a payment event, those of the webhook, too: confirmed, refund required. At least once; "
        "`provider` and `event_id` name it however often it comes.",
    ),
    Channel(
        AUDIT,
        "send",
        "application/json",
        "None: rows are in the order of their acts.",
        "Who changed how the shop sells, through the gateway. Append-only, kept for ever; record time is the "
        "broker's.",
    ),
    Channel(
        CHANNEL_INBOUND,
        "receive",
        "application/json",
        "`<channel>/<account>`, each percent-encoded; its partition is that of Kafka's default partitioner.",
        "What webhooks of channels told, verified, and what operators ask of accounts. Between the gateways, "
        "the command line and the channel workers: no part of what version 1 promises.",
    ),
    Channel(
        CHANNEL_OUTCOMES,
        "send",
        "application/json",
        "`<channel>/<account>/<listing>`, or `@account`, `@status`, `@report` in the listing's place; the "
        "partition is that of `<channel>/<account>`.",
        "What channels acknowledged last, and how each account stands. Compacted. Written by the one worker "
        "that owns the account; no part of what version 1 promises.",
    ),
)


def asyncapi_document() -> dict[str, Any]:
    """Describe all topics, with the settings that `topics create` gives them."""
    specs = {spec.name: spec for spec in topic_specs(Settings())}
    channels = {channel.topic: _channel(channel, specs[channel.topic]) for channel in CHANNELS}
    return {
        "asyncapi": ASYNCAPI,
        "info": {
            "title": "inventory_stream",
            "version": CONTRACT_VERSION,
            "description": f"Contract {CONTRACT_VERSION}, generated by inventory-stream "
            f"{version('inventory-stream')}. What may change within it is in docs/compatibility.md; topic "
            "names carry the environment's prefix. Redis:\n\n" + _indented(redis_keys.__doc__ or ""),
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
            "tags": [{"name": "inventory"}],
        },
        "defaultContentType": "application/json",
        "servers": {
            "kafka": {
                "host": "{bootstrap_servers}",
                "protocol": "kafka",
                "description": "The cluster that kafka.bootstrap_servers names.",
                "variables": {"bootstrap_servers": {"default": "127.0.0.1:9092"}},
            }
        },
        "channels": channels,
        "operations": {
            f"{channel.action}-{channel.topic}": {
                "action": channel.action,
                "channel": {"$ref": f"#/channels/{channel.topic}"},
                "description": channel.summary,
                "messages": [{"$ref": f"#/channels/{channel.topic}/messages/{channel.topic}"}],
            }
            for channel in CHANNELS
        },
    }


def _channel(channel: Channel, spec: TopicSpec) -> dict[str, Any]:
    settings = {
        name: _value(_TOPIC_SETTINGS[name], value)
        for name, value in sorted(spec.config.items())
        if name in _TOPIC_SETTINGS
    }
    message: dict[str, Any] = {
        "name": channel.topic,
        "title": f"A record of {channel.topic}",
        "summary": channel.summary,
        "contentType": channel.content_type,
        "payload": {"schemaFormat": _SCHEMA_FORMAT, "schema": {"$ref": f"./{channel.topic}.json"}},
        "bindings": {"kafka": {"key": {"type": "string", "description": channel.key}}},
    }
    if channel.headers:
        message["headers"] = {
            "type": "object",
            "properties": {
                name: {"type": "string", "const": value} for name, value in channel.headers.items()
            },
        }
    return {
        "address": channel.topic,
        "description": channel.summary,
        "servers": [{"$ref": "#/servers/kafka"}],
        "messages": {channel.topic: message},
        "bindings": {"kafka": {"topic": channel.topic, "topicConfiguration": settings}},
    }


def _value(kind: type, text: str) -> list[str] | int:
    return [text] if kind is list else int(text)


def _indented(text: str) -> str:
    """Make a block of code of a text, so that its columns stay columns."""
    return "\n".join(f"    {line}" if line else "" for line in cleandoc(text).splitlines())
