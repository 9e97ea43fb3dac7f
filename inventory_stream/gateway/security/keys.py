"""API keys: how one is made, stored and recognised. Pure, but for the randomness of a new one."""

import hashlib
import hmac
import secrets
from base64 import b32encode
from datetime import datetime
from typing import Annotated, Final, NamedTuple

from msgspec import Meta, Struct

from inventory_stream.gateway.endpoint import Scope

KEY_MARK: Final = "isk"
"""What begins every key, so that scanners of repositories and logs can find one that leaked."""

_ID_BYTES: Final = 8
"""13 characters of base32: ids are random so that a key file may be merged with another."""

_SECRET_BYTES: Final = 32
"""256 bits: nothing that tries keys gets anywhere. That is also why a fast hash is enough to store them: a
slow one (argon2, bcrypt) protects words that people choose, and would here give whoever sends false keys
a lever on our processor."""

_SALT_BYTES: Final = 16
"""One salt for each key: equal hashes never show, and one table of hashes serves against one key."""

_SECRET_CHARACTERS: Final = 43
"""32 bytes in base64url without padding."""

KEY_CHARACTERS_MAX: Final = 64
"""isk_ + 13 + _ + 43, rounded up: what is longer is no key and is not looked at."""


class ApiKey(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One line of the key file: everything about a key but the key.

    `hash` is SHA-256 over salt and secret, both in hex. `requests_per_second` None: the setting's.
    `is_public`: it stands in pages and apps, where everybody can read it, so each address that uses it is
    limited on its own, too. `revoked` says when; it is never taken back.
    """

    id: Annotated[str, Meta(pattern=r"^[a-z2-7]{1,16}$")]
    salt: Annotated[str, Meta(pattern=r"^[0-9a-f]{32}$")]
    hash: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
    scopes: Annotated[tuple[Scope, ...], Meta(min_length=1, max_length=len(Scope))]
    created: Annotated[datetime, Meta(tz=True)]
    channel: Annotated[str, Meta(min_length=1, max_length=128)] | None = None
    requests_per_second: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    is_public: bool = False
    expires: Annotated[datetime, Meta(tz=True)] | None = None
    revoked: Annotated[datetime, Meta(tz=True)] | None = None

    @property
    def caller_name(self) -> str:
        """Give the name that its calls go under: the key without its secret."""
        return f"{KEY_MARK}_{self.id}"

    def why_not(self, now: datetime) -> str | None:
        """Say why the key opens nothing at this time; None: it does."""
        if self.revoked is not None:
            return f"the key was revoked at {self.revoked.isoformat(timespec='seconds')}"
        if self.expires is not None and now >= self.expires:
            return f"the key expired at {self.expires.isoformat(timespec='seconds')}"
        return None


class Presented(NamedTuple):
    """A key as a request brings it, not yet proven."""

    id: str
    secret: str


class NewKey(NamedTuple):
    """A key just made: the only moment in which its text exists here."""

    text: str
    stored: ApiKey


def create_key(
    *,
    scopes: tuple[Scope, ...],
    created: datetime,
    channel: str | None = None,
    requests_per_second: int | None = None,
    is_public: bool = False,
    expires: datetime | None = None,
) -> NewKey:
    """Make a key and the line that recognises it."""
    key_id = b32encode(secrets.token_bytes(_ID_BYTES)).decode().rstrip("=").lower()
    secret = secrets.token_urlsafe(_SECRET_BYTES)
    salt = secrets.token_bytes(_SALT_BYTES)
    stored = ApiKey(
        id=key_id,
        salt=salt.hex(),
        hash=_hash(salt, secret),
        scopes=scopes,
        created=created,
        channel=channel,
        requests_per_second=requests_per_second,
        is_public=is_public,
        expires=expires,
    )
    return NewKey(f"{KEY_MARK}_{key_id}_{secret}", stored)


def is_key(text: str) -> bool:
    """Say whether a credential means to be a key; tokens never begin so."""
    return text.startswith(f"{KEY_MARK}_")


def parse_key(text: str) -> Presented | None:
    """Take a key apart; None: it is not whole."""
    if len(text) > KEY_CHARACTERS_MAX:
        return None
    mark, _, rest = text.partition("_")
    key_id, _, secret = rest.partition("_")  # the secret may hold "_", the id does not
    if mark != KEY_MARK or not key_id or len(secret) != _SECRET_CHARACTERS or not secret.isascii():
        return None
    return Presented(key_id, secret)


def opens(stored: ApiKey, presented: Presented) -> bool:
    """Say whether this secret is the key's; takes equally long wherever the two differ.

    The secret's text is hashed, not its bytes: base64 has several texts for the same bytes, of which
    only the one that was given out counts.
    """
    return hmac.compare_digest(stored.hash, _hash(bytes.fromhex(stored.salt), presented.secret))


def _hash(salt: bytes, secret: str) -> str:
    return hashlib.sha256(salt + secret.encode()).hexdigest()
