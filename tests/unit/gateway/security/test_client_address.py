"""Whose address a request comes from: nobody can choose it but a believed proxy."""

import pytest
from aiohttp.test_utils import make_mocked_request

from inventory_stream.gateway.security.client_address import UNKNOWN, ClientAddresses
from inventory_stream.settings import GatewaySettings


class Transport:
    """Tells the address of a peer, as asyncio's transports do."""

    def __init__(self, peer: str) -> None:
        self._peer = (peer, 4_711)

    def get_extra_info(self, name: str, default: object = None) -> object:
        """Give the peer's address."""
        return self._peer if name == "peername" else default


def address(peer: str, forwarded: list[str], proxies: str) -> str:
    """Give what a request from this peer counts as."""
    request = make_mocked_request("GET", "/", transport=Transport(peer))
    request = request.clone(headers=[("X-Forwarded-For", one) for one in forwarded])
    return ClientAddresses(GatewaySettings(trusted_proxies=proxies).proxies).of(request)


@pytest.mark.parametrize(
    ("peer", "forwarded", "proxies", "client"),
    [
        ("8.8.8.8", [], "", "8.8.8.8"),
        ("8.8.8.8", ["1.1.1.1"], "", "8.8.8.8"),
        ("8.8.8.8", ["1.1.1.1"], "10.0.0.0/8", "8.8.8.8"),
        ("10.0.0.1", ["1.1.1.1"], "10.0.0.0/8", "1.1.1.1"),
        ("10.0.0.1", ["9.9.9.9, 1.1.1.1, 10.0.0.2"], "10.0.0.0/8", "1.1.1.1"),
        ("10.0.0.1", ["9.9.9.9", "1.1.1.1, 10.0.0.2"], "10.0.0.0/8", "1.1.1.1"),
        ("10.0.0.1", ["1.1.1.1, rubbish"], "10.0.0.0/8", "10.0.0.1"),
        ("10.0.0.1", [""], "10.0.0.0/8", "10.0.0.1"),
        ("10.0.0.1", ["10.0.0.9, 10.0.0.2"], "10.0.0.0/8", "10.0.0.9"),
        ("10.0.0.1", ["," * 5_000 + "1.1.1.1"], "10.0.0.0/8", "1.1.1.1"),
        ("::ffff:8.8.8.8", [], "", "8.8.8.8"),
        ("2001:db8:1:2:3:4:5:6", [], "", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", [], "", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", [], "", "fe80::/64"),
        ("::1", ["[2001:db8::1]"], "::1/128", "2001:db8::/64"),
        ("", [], "", UNKNOWN),
    ],
)
def test_address(peer: str, forwarded: list[str], proxies: str, client: str) -> None:
    """Read from the right, past believed proxies alone; a whole /64 of IPv6 is one client."""
    assert address(peer, forwarded, proxies) == client
