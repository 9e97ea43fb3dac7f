"""Webhooks of channels, as a part of a gateway: absent without a registry of integrations."""

import asyncio

from inventory_stream.adapters.channel_registry import load_registry
from inventory_stream.adapters.channels.registry import ADAPTERS
from inventory_stream.adapters.channels.secrets import Secrets
from inventory_stream.adapters.kafka.channel_deliveries import KafkaChannelDeliveries
from inventory_stream.bootstrap.gateway_part import Core, Part
from inventory_stream.gateway.routes.webhooks import Listening, WebhookRoutes
from inventory_stream.ports.integrations import Integration
from models.channels import CHANNEL_INBOUND


def webhooks_part(core: Core) -> Part:
    """Build it for all integrations whose channel tells us anything.

    Raises:
        SettingsError: the registry cannot be used.
    """
    channels = core.settings.channels
    if channels.registry_file is None:
        return Part()
    found = (_listening(one) for one in load_registry(channels.registry_file, ADAPTERS))
    listening = {one.integration.name: one for one in found if one is not None}
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


def _listening(integration: Integration) -> Listening | None:
    new_listener = ADAPTERS[integration.adapter].new_listener
    if new_listener is None:
        return None
    return Listening(integration, new_listener(integration, Secrets(integration.secrets or {})))
