"""The marker of a server's data: `<random id>@<owner>`.

One value, not two: whoever finds the marker finds the owner with it, also right after a flush.
"""

import secrets

from inventory_stream.errors import ForeignViewError
from inventory_stream.ports.projection import ViewOwner
from inventory_stream.settings import RedisSettings, variable, without_password


def new_marker(owner: ViewOwner) -> str:
    """Give a marker that no other data has."""
    return with_owner(secrets.token_hex(8), owner)


def with_owner(identity: str, owner: ViewOwner) -> str:
    """Join an id and its owner; no part of it holds a space."""
    return f"{identity}@{owner}"


def owner_in(marker: str) -> ViewOwner | None:
    """Give the owner, None where the version that wrote the marker named none."""
    _, separator, owner = marker.partition("@")
    return ViewOwner.parse(owner) if separator else None


def refuse_foreign(settings: RedisSettings, marker: str, owner: ViewOwner) -> None:
    """Stop before another environment's view is written over.

    Raises:
        ForeignViewError: the marker names another owner.
    """
    theirs = owner_in(marker)
    if theirs is not None and not theirs.is_same(owner):
        raise ForeignViewError(
            f"redis.url={without_password(settings.url)} holds the view of {theirs}, not of {owner}: name "
            f"another database or server with {variable(('redis', 'url'))}; if that environment is gone, "
            "take its place with inventory-stream worker projection --rebuild --take-over"
        )
