"""Webhooks of channels, as a part of a gateway: absent without a registry of integrations."""

import asyncio
from collections.abc import Iterable
from typing import Final

import structlog

from inventory_stream.adapters.channel_registry import load_registry
from inventory_stream.adapters.channels.registry import ADAPTERS
from inventory_stream.adapters.channels.secrets import Secrets
from inventory_stream.adapters.kafka.channel_deliveries import KafkaChannelDeliveries
from inventory_stream.bootstrap.gateway_part import Core, Part
from inventory_stream.gateway.routes.webhooks import Listening, WebhookRoutes
from inventory_stream.ports.integrations import Integration
from models.channels import CHANNEL_INBOUND

log = structlog.get_logger(__name__)

WEBHOOK_SECRET: Final = "webhook_secret"  # noqa: S105  # the name of it
"""What most integrations refer to for their deliveries; Shopee signs with a key that it needs anyway."""


def webhooks_part(core: Core) -> Part:
    """Build it for all integrations whose channel tells us anything.

    Raises:
        SettingsError: the registry cannot be used.
    """
    channels = core.settings.channels
    if channels.registry_file is None:
        return Part()
    listening = listening_to(load_registry(channels.registry_file, ADAPTERS))
    deliveries = KafkaChannelDeliveries(core.connection, core.settings.topic(CHANNEL_INBOUND))
    routes = WebhookRoutes(
        listening,
        deliveries,
        core.now_ms,
        base_url=channels.webhooks_url,
        scheme="http" if channels.allow_loopback else "https",
        admit=core.guard.admit_integration,
        monitor=core.webhooks,
    )

    async def connect() -> None:
        await deliveries.open()
        await asyncio.Event().wait()  # until cancelled

    return Part(routes.endpoints(), background=(connect,), close=deliveries.close)


def listening_to(integrations: Iterable[Integration]) -> dict[str, Listening]:
    """Give those that can be listened to, by name: the channel tells something, and a secret proves it.

    Also those whose mode is `off`: what they sell is sold, whether they are told anything or not.
    """
    found = {}
    for integration in integrations:
        spec = ADAPTERS[integration.adapter]
        references = integration.secrets or {}
        if spec.new_listener is None:
            continue
        if WEBHOOK_SECRET in spec.optional_secrets and WEBHOOK_SECRET not in references:
            log.info("not_listened_to", integration=integration.name, why=f"it names no {WEBHOOK_SECRET}")
            continue
        listener = spec.new_listener(integration, Secrets(references))
        found[integration.name] = Listening(integration, listener)
    return found
