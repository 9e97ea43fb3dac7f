"""The listener over TLS: 1.2 and up, the certificate checked, and told to browsers."""

import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import trustme
from aiohttp import web
from aiohttp.test_utils import TestServer

from inventory_stream.gateway.app import new_app
from inventory_stream.gateway.security.guard import Guard
from inventory_stream.settings import GatewaySettings

CA = trustme.CA()


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[TestServer]:
    """Serve an app without endpoints over TLS."""
    CA.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(tmp_path / "both.pem")
    settings = GatewaySettings(tls_cert_file=tmp_path / "both.pem")
    guard = Guard.of(settings)
    app = new_app((), middlewares=[guard.middleware])
    guard.attach(app)
    server = TestServer(app, scheme="https")
    await server.start_server(ssl=settings.tls_context())
    yield server
    await server.close()


async def get(server: TestServer, context: ssl.SSLContext) -> web.Response | aiohttp.ClientResponse:
    """Ask over TLS."""
    url = f"https://127.0.0.1:{server.port}/"
    async with aiohttp.ClientSession() as session, session.get(url, ssl=context) as response:
        return response


def trusting() -> ssl.SSLContext:
    """Give a client's side that trusts the authority."""
    context = ssl.create_default_context()
    CA.configure_trust(context)
    return context


async def test_a_client_that_trusts_the_authority_is_answered(server: TestServer) -> None:
    """And told to come by TLS from now on."""
    response = await get(server, trusting())
    assert response.status == 404
    assert response.headers["Strict-Transport-Security"].startswith("max-age=")


async def test_tls_before_1_2_is_refused(server: TestServer) -> None:
    """Its ciphers are broken."""
    old = trusting()
    old.set_ciphers("ALL:@SECLEVEL=0")
    old.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(aiohttp.ClientConnectorError):
        await get(server, old)


async def test_a_stranger_to_the_authority_does_not_speak(server: TestServer) -> None:
    """The certificate is the one that was set, not any."""
    with pytest.raises(aiohttp.ClientConnectorCertificateError):
        await get(server, ssl.create_default_context())
