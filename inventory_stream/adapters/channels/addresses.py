"""Where a channel may be: public servers over https, so that no entry can make us ask our own network.

The address is looked at when the socket is made, after the name was resolved and for every connection, so a
name that changes what it points to (DNS rebinding) gains nothing.
"""

import socket
from collections.abc import Callable, Collection
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

from aiohttp.connector import AddrInfoType
from yarl import URL

PORTS: Final = frozenset({443, 8443})
"""Ports that an entry may name; another one is stated in code, by the adapter that needs it."""

# All that the internet routes is in here (IANA's registry); it leaves out what carries IPv4 within IPv6:
# NAT64 64:ff9b::/96 and 64:ff9b:1::/48, ::a.b.c.d, ::ffff:a.b.c.d, and multicast. `is_global` of Python 3.11
# lets most of them pass.
_GLOBAL_V6: Final = IPv6Network("2000::/3")
_NOT_HOSTS_V6: Final = (
    IPv6Network("2001::/23"),  # Teredo 2001::/32 and other protocol assignments
    IPv6Network("2001:db8::/32"),  # documentation
    IPv6Network("2002::/16"),  # 6to4: carries any IPv4 address
    IPv6Network("3fff::/20"),  # documentation, newer than Python 3.11
)
_NOT_HOSTS_V4: Final = (
    IPv4Network("192.0.0.0/24"),  # protocol assignments; Python 3.11 knows a part of them
    IPv4Network("192.88.99.0/24"),  # relays of 6to4
)

_OURS: Final = (".localhost", ".local", ".internal", ".home.arpa")
"""Ends of names that are in nobody's public DNS (RFC 6761, 6762, 8375, and ICANN's `.internal`)."""


class AddressRefusedError(OSError):
    """A name points to where no channel may be."""


def is_public(address: str) -> bool:
    """Say whether an address is one that a channel may have. Text that is no address: it is not."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, IPv6Address):
        return parsed in _GLOBAL_V6 and parsed.is_global and not any(parsed in net for net in _NOT_HOSTS_V6)
    return parsed.is_global and not parsed.is_multicast and not any(parsed in net for net in _NOT_HOSTS_V4)


def why_refused(url: str, *, allow_loopback: bool, ports: Collection[int] = PORTS) -> str | None:
    """Say why no channel may have this URL; None: it may, as far as can be told before its name is resolved.

    Args:
        url: Of an entry in the registry, or the origin of one that a channel gave us.
        allow_loopback: Let `http://127.0.0.1:<any port>` in (`channels.allow_loopback`).
        ports: Those allowed.
    """
    try:
        parsed = URL(url)
        host, port = parsed.host, parsed.port
    except ValueError:
        return "is no URL"
    if host is None:
        return "is no absolute URL"
    host = host.rstrip(".")
    is_ours = allow_loopback and _is_loopback(host)
    is_here = allow_loopback and host == "localhost"
    is_private = f".{host}".endswith(_OURS) or (_is_address(host) and not is_public(host))
    whys = (
        (parsed.user is not None or parsed.password is not None, "must not hold a user or a password"),
        (bool(parsed.query_string or parsed.fragment), "must end with its path"),
        (parsed.scheme != "https" and not (is_ours and parsed.scheme == "http"), "must be https"),
        (not is_ours and port not in ports, f"must be on port {' or '.join(map(str, sorted(ports)))}"),
        (not is_ours and not is_here and is_private, "is in a private or reserved network"),
        (_is_odd_address(host), "is an address in an odd form: a name, or four numbers with dots"),
    )
    return next((why for is_wrong, why in whys if is_wrong), None)


def checked_socket(*, allow_loopback: bool) -> Callable[[AddrInfoType], socket.socket]:
    """Give what makes sockets for aiohttp's connector: to public addresses only.

    It raises `AddressRefusedError` for another one, before anything is sent to it.
    """

    def new_socket(info: AddrInfoType) -> socket.socket:
        family, kind, protocol, _, place = info
        address = str(place[0])
        if not is_public(address) and not (allow_loopback and _is_loopback(address)):
            raise AddressRefusedError("the name points into a private or reserved network")
        return socket.socket(family, kind, protocol)

    return new_socket


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _is_odd_address(host: str) -> bool:
    """Say whether it is no name, and resolved all the same: `2130706433`, `127.1`, `0x7f.0.0.1`."""
    if _is_address(host):
        return False
    try:
        socket.inet_aton(host)
    except (OSError, UnicodeError):
        return False
    return True


def _is_loopback(host: str) -> bool:
    return _is_address(host) and ip_address(host).is_loopback
