"""Genuine deliveries of each channel, signed as it signs, and what reads them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from inventory_stream.adapters.channels.inbound import signing
from inventory_stream.adapters.channels.secrets import Secrets
from inventory_stream.ports.channel import Delivery
from inventory_stream.ports.integrations import Integration

Body = Mapping[str, Any] | bytes

KEY = "test-secret-1"
WHSEC = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"
NOW_MS = 1_700_000_000_000
SAMPLES = Path(__file__).parents[6] / "shared" / "webhooks"
"""Bodies that the vendors publish; beside the project, not in it."""


def sample(path: str) -> dict[str, Any]:
    """Read a vendor's sample body."""
    file = SAMPLES / path
    if not file.is_file():
        pytest.skip(f"the vendors' samples are not beside the project: {path}")
    body: dict[str, Any] = json.loads(file.read_bytes())
    return body


def integration(adapter: str, account: str, **changes: object) -> Integration:
    """Give an entry of the registry."""
    fields: dict[str, Any] = {
        "name": f"{adapter}-1",
        "adapter": adapter,
        "channel": adapter,
        "account": account,
        "owner": "tests",
        "escalation": "nobody",
        "freshness_seconds": 10.0,
        "error_budget": 0.01,
        "mode": "on",
    }
    return Integration(**fields | changes)


def secrets(monkeypatch: pytest.MonkeyPatch, value: str = KEY) -> Secrets:
    """Give the secrets of an integration; both names that listeners use refer to one value."""
    monkeypatch.setenv("INBOUND_TEST_SECRET", value)
    return Secrets(dict.fromkeys(("webhook_secret", "partner_key"), "env:INBOUND_TEST_SECRET"))


def raw_of(body: Body) -> bytes:
    """Give a body's bytes."""
    return body if isinstance(body, bytes) else json.dumps(body).encode()


def shopify(topic: str, body: Body, *, shop: str = "shop.example", event: str = "e1") -> Delivery:
    """Send as Shopify does."""
    raw = raw_of(body)
    headers = {
        "x-shopify-hmac-sha256": signing.base64_hmac(KEY, raw),
        "x-shopify-topic": topic,
        "x-shopify-shop-domain": shop,
        "x-shopify-event-id": event,
        "x-shopify-triggered-at": "2025-07-02T16:30:00.123Z",
    }
    return Delivery(headers, raw, "https://h.example/v1/webhooks/shopify-1")


def woocommerce(topic: str, body: Body, delivery_id: str = "d1") -> Delivery:
    """Send as WooCommerce does."""
    raw = raw_of(body)
    headers = {
        "x-wc-webhook-signature": signing.woocommerce_signature(KEY, raw),
        "x-wc-webhook-topic": topic,
        "x-wc-webhook-delivery-id": delivery_id,
    }
    return Delivery(headers, raw, "https://h.example/v1/webhooks/woocommerce-1")


def square(body: Body) -> Delivery:
    """Send as Square does."""
    raw, url = raw_of(body), "https://h.example/v1/webhooks/square-1"
    headers = {"x-square-hmacsha256-signature": signing.square_signature(KEY, url, raw)}
    return Delivery(headers, raw, url)


def shopee(body: Body) -> Delivery:
    """Push as Shopee does."""
    raw, url = raw_of(body), "https://h.example/v1/webhooks/shopee-1"
    return Delivery({"authorization": signing.shopee_push_signature(KEY, url, raw)}, raw, url)


def standard(body: Body, message_id: str = "msg_1", at_ms: int = NOW_MS) -> Delivery:
    """Send with a Standard Webhooks signature."""
    raw = raw_of(body)
    headers = {
        "webhook-id": message_id,
        "webhook-timestamp": str(at_ms // 1_000),
        "webhook-signature": signing.standard_signature(WHSEC, message_id, at_ms // 1_000, raw),
    }
    return Delivery(headers, raw, "https://h.example/v1/webhooks/webhook-1")


def cloud_event(kind: str, data: Mapping[str, Any], source: str = "partner-1") -> dict[str, Any]:
    """Give one of our CloudEvents."""
    return {
        "specversion": "1.0",
        "id": "1",
        "source": source,
        "type": f"inventory_stream.channel.{kind}.v1",
        "datacontenttype": "application/json",
        "data": data,
    }
