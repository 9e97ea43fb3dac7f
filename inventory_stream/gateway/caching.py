"""What lets a cache before the gateway take the load of reads (RFC 9110, 9111, 5861)."""

from collections.abc import Mapping
from hashlib import blake2b

from inventory_stream.gateway.endpoint import Call, Reply

UNCACHED: Mapping[str, str] = {"Cache-Control": "no-store"}
"""For an answer that must not be older than its request."""


def etag_of(*parts: str) -> str:
    """Make a weak tag: equal parts say that the answers mean the same."""
    return f'W/"{blake2b("|".join(parts).encode(), digest_size=12).hexdigest()}"'


def is_known(call: Call, etag: str) -> bool:
    """Say whether the caller has the answer with this tag already; weak comparison (RFC 9110, 8.8.3.2)."""
    given = call.headers.get("If-None-Match")
    if given is None:
        return False
    return given.strip() == "*" or etag.removeprefix("W/") in (
        one.strip().removeprefix("W/") for one in given.split(",")
    )


def unchanged(headers: Mapping[str, str]) -> Reply:
    """Answer that what the caller has still stands."""
    return Reply(304, None, headers)
