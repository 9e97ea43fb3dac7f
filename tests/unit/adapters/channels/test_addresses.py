import socket

import pytest

from inventory_stream.adapters.channels.addresses import (
    AddressRefusedError,
    checked_socket,
    is_public,
    why_refused,
)


@pytest.mark.parametrize("address", ["93.184.216.34", "1.1.1.1", "2606:2800:220:1::1", "2a00:1450:4001::8"])
def test_a_public_address_is_let_in(address: str) -> None:
    """What the internet routes to one host may be a channel."""
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",  # noqa: S104  # the point
        "0.1.2.3",
        "10.1.2.3",
        "100.64.0.1",
        "127.0.0.1",
        "127.255.255.254",
        "169.254.169.254",
        "172.16.0.1",
        "192.0.0.8",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.0.1",
        "198.18.0.1",
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::10.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:93.184.216.34",
        "64:ff9b::a00:1",
        "64:ff9b:1::a00:1",
        "100::1",
        "2001::1",
        "2001:db8::1",
        "2002:a00:1::",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fd12:3456::1",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
        "metadata.internal",
        "",
    ],
)
def test_any_other_address_is_refused(address: str) -> None:
    """Private, reserved, multicast, and IPv6 that carries IPv4: none may be reached by an entry."""
    assert not is_public(address)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("https://shop.example", None),
        ("https://shop.example:8443/base", None),
        ("http://shop.example", "must be https"),
        ("ftp://shop.example", "must be https"),
        ("https://shop.example:22", "must be on port 443 or 8443"),
        ("https://user:word@shop.example", "must not hold a user or a password"),
        ("https://shop.example/?a=b", "must end with its path"),
        ("https://shop.example/#a", "must end with its path"),
        ("https://10.0.0.1", "is in a private or reserved network"),
        ("https://[::1]", "is in a private or reserved network"),
        ("https://[64:ff9b::a00:1]/", "is in a private or reserved network"),
        ("https://127.0.0.1.", "is in a private or reserved network"),
        ("https://localhost", "is in a private or reserved network"),
        ("https://shop.localhost.", "is in a private or reserved network"),
        ("https://till.local", "is in a private or reserved network"),
        ("https://till.internal", "is in a private or reserved network"),
        ("https://local.example", None),
        ("https://2130706433", "is an address in an odd form: a name, or four numbers with dots"),
        ("https://127.1", "is an address in an odd form: a name, or four numbers with dots"),
        ("https://0x7f.0.0.1", "is an address in an odd form: a name, or four numbers with dots"),
        ("http://127.0.0.1:8080", "must be https"),
        ("/relative", "is no absolute URL"),
        ("https://[::1", "is no URL"),
        ("https://shop.example:port", "is no URL"),
    ],
)
def test_a_url_is_refused_for_a_named_reason(url: str, why: str | None) -> None:
    """An entry whose URL cannot be a channel's is refused at start, with what is wrong."""
    assert why_refused(url, allow_loopback=False) == why


def test_the_sandbox_is_let_in_alone_by_its_setting() -> None:
    """`channels.allow_loopback` opens loopback, by http and on any port, and nothing else."""
    assert why_refused("http://127.0.0.1:8080/shopify", allow_loopback=True) is None
    assert why_refused("http://10.0.0.1:8080", allow_loopback=True) is not None
    assert why_refused("http://shop.example", allow_loopback=True) == "must be https"


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "169.254.169.254"])
def test_no_socket_is_made_to_a_private_address(address: str) -> None:
    """The address itself is looked at before a connection, whatever its name was."""
    info = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, 443))
    with pytest.raises(AddressRefusedError):
        checked_socket(allow_loopback=False)(info)
