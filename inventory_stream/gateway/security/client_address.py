"""Whose address a request comes from, past the proxies that are believed."""

import ipaddress
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from aiohttp import web

from inventory_stream.settings.gateway_security import Network

HOPS_MAX: Final = 16
"""Proxies looked past; more than any set-up has, and the header is bounded by aiohttp to 8 KiB."""

_IPV6_PREFIX: Final = 64
"""One household or office has a whole /64; counting its single addresses would limit nobody."""

_REMEMBERED: Final = 8_192
"""Parsing takes 3 us; shoppers come back."""

UNKNOWN: Final = "unknown"
"""Of a connection without an address (a Unix socket): they share one bucket."""


class ClientAddresses:
    """Gives a request's address by the networks whose X-Forwarded-For is believed; none: nobody's."""

    def __init__(self, trusted: Sequence[Network]) -> None:
        self._trusted = tuple(trusted)
        self._of = lru_cache(maxsize=_REMEMBERED)(self._find)

    def of(self, request: web.Request) -> str:
        """Give the address as the name of a bucket."""
        forwarded = request.headers.getall("X-Forwarded-For", ()) if self._trusted else ()
        return self._of(request.remote or "", ",".join(forwarded))

    def _find(self, peer: str, forwarded: str) -> str:
        address = _parsed(peer)
        if address is None:
            return UNKNOWN
        # From the right: each proxy appends whom it heard; what stands left of the first stranger, he wrote.
        for hop in reversed(forwarded.split(",")[-HOPS_MAX:] if forwarded else []):
            if not self._is_trusted(address):
                break
            before = _parsed(hop.strip())
            if before is None:
                break
            address = before
        if isinstance(address, ipaddress.IPv6Address):
            return str(ipaddress.IPv6Network((address, _IPV6_PREFIX), strict=False))
        return str(address)

    def _is_trusted(self, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
        return any(address in network for network in self._trusted)


def _parsed(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text.partition("%")[0].removeprefix("[").removesuffix("]"))
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
