"""Which integrations of the registry a gateway listens to."""

from inventory_stream.bootstrap.gateway_webhooks import listening_to
from tests.unit.adapters.channels.inbound.deliveries import integration


def test_those_are_listened_to_whose_deliveries_can_be_proven() -> None:
    """With a secret, whatever the mode; not without one, and not where the channel tells nothing."""
    secret = {"webhook_secret": "env:ANY"}
    entries = [
        integration("shopify", "a", name="with", secrets=secret),
        integration("shopify", "b", name="off", secrets=secret, mode="off"),
        integration("shopify", "c", name="without"),
        integration("shopee", "1", name="by-partner-key", secrets={"partner_key": "env:ANY"}),
        integration("adobe", "d", name="silent", secrets={"access_token": "env:ANY"}),
    ]
    assert list(listening_to(entries)) == ["with", "off", "by-partner-key"]
