import asyncio
from pathlib import Path

from pydantic import SecretStr

from inventory_stream.bootstrap.gateway import gateway_parts
from inventory_stream.settings import GatewaySettings, Settings
from inventory_stream.settings.channels import ChannelSettings
from tests.contract.fake_gateway import FakeGateway


async def test_what_is_described_is_what_a_gateway_serves(tmp_path: Path) -> None:
    """The endpoints of the document are those of the real composition, none more and none less."""
    registry = tmp_path / "registry.toml"
    registry.touch()  # without one there are no webhooks
    settings = Settings(
        gateway=GatewaySettings(customer_key=SecretStr("c" * 64)),
        channels=ChannelSettings(registry_file=registry),
    )
    gateway = gateway_parts(settings)
    try:
        real = {(one.method, one.path) for part in gateway.parts for one in part.endpoints}
    finally:
        async with asyncio.timeout(10):
            await gateway.close()
    assert {(one.method, one.path) for one in FakeGateway().endpoints} == real
