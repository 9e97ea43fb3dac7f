"""Says who asks: a key of ours or a token of the issuer, in the header Authorization."""

import hashlib
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, NamedTuple

from inventory_stream.gateway.endpoint import Caller, Scope
from inventory_stream.gateway.problems import Problem
from inventory_stream.gateway.security.jwks import FRESH_SECONDS, RETRY_FIRST_SECONDS, KeysUnknownError
from inventory_stream.gateway.security.key_ring import KeyRing
from inventory_stream.gateway.security.keys import is_key, opens, parse_key
from inventory_stream.gateway.security.tokens import TokenError, TokenReader

CHALLENGE: Final = 'Bearer realm="inventory_stream"'

CREDENTIAL_CHARACTERS_MAX: Final = 4_096
"""A token with an RSA 4096 signature and a page of claims; what is longer is not looked at."""

REMEMBERED_MAX: Final = 20_000
"""Keys and tokens that were proven, 0.5 KB each. Only valid ones get in, so nobody else can push them out."""

_DIGEST_BYTES: Final = 16


class _Remembered(NamedTuple):
    caller: Caller
    until_seconds: float


class Authenticator:
    """Proves a credential once and remembers it by a keyed hash until it ends, is revoked or withdrawn.

    A look into memory takes the same time for any false credential, since its hash is under a key that
    nobody knows; the credential itself is not kept.
    """

    def __init__(
        self,
        keys: KeyRing | None,
        tokens: TokenReader | None,
        now_seconds: Callable[[], float] = time.time,
    ) -> None:
        """Take what callers are held against; None: that kind of credential opens nothing."""
        self._keys = keys
        self._tokens = tokens
        self._now_seconds = now_seconds
        self._hash_key = secrets.token_bytes(32)
        self._remembered: dict[bytes, _Remembered] = {}
        self._generation = self._current_generation()

    def remembered(self, header: str) -> Caller | None:
        """Give whom this header was proven to be before; None: to be proven. 2 us."""
        if self._keys is not None:
            self._keys.refresh()
        generation = self._current_generation()
        if generation != self._generation:
            self._generation = generation
            self._remembered.clear()
        known = self._remembered.get(self._digest(header))
        if known is None or self._now_seconds() >= known.until_seconds:
            return None
        return known.caller

    async def prove(self, header: str) -> Caller:
        """Say whose credential this header holds.

        Raises:
            Problem: `not-authenticated`, with what is wrong; `not-ready` without the issuer's keys.
        """
        scheme, _, credential = header.partition(" ")
        credential = credential.strip()
        if scheme.lower() != "bearer" or not credential:
            raise not_authenticated("send `Authorization: Bearer <key or token>`", is_invalid=False)
        if len(credential) > CREDENTIAL_CHARACTERS_MAX:
            raise not_authenticated(f"a key or token has at most {CREDENTIAL_CHARACTERS_MAX} characters")
        proven = self._of_key(credential) if is_key(credential) else await self._of_token(credential)
        # What a changed file or key set says is looked at on the next request: `remembered` clears first.
        if len(self._remembered) >= REMEMBERED_MAX:
            del self._remembered[next(iter(self._remembered))]
        self._remembered[self._digest(header)] = proven
        return proven.caller

    def _of_key(self, text: str) -> _Remembered:
        presented = parse_key(text)
        if presented is None:
            raise not_authenticated("the key is not whole: copy all of what `keys create` printed")
        stored = None if self._keys is None else self._keys.find(presented.id)
        if stored is None or not opens(stored, presented):
            # One answer for both, so that ids cannot be found out.
            raise not_authenticated("the key is not known here")
        now = datetime.fromtimestamp(self._now_seconds(), UTC)
        if (reason := stored.why_not(now)) is not None:
            raise not_authenticated(reason)
        caller = Caller(
            stored.caller_name,
            frozenset(stored.scopes),
            stored.channel,
            stored.requests_per_second,
            stored.is_public,
        )
        return _Remembered(caller, float("inf") if stored.expires is None else stored.expires.timestamp())

    async def _of_token(self, token: str) -> _Remembered:
        if self._tokens is None:
            raise not_authenticated("the key is not known here, and tokens are not taken (gateway.jwks_url)")
        try:
            caller, until_seconds = await self._tokens.read(token)
        except TokenError as error:
            raise not_authenticated(str(error)) from None
        except KeysUnknownError as error:
            raise Problem(
                "not-ready", str(error), headers={"Retry-After": f"{RETRY_FIRST_SECONDS:.0f}"}
            ) from error
        # Not for longer than keys stay fresh: a look at them is what notices that one was withdrawn.
        return _Remembered(caller, min(until_seconds, self._now_seconds() + FRESH_SECONDS))

    def _digest(self, header: str) -> bytes:
        # Headers are bytes that aiohttp decodes with surrogateescape.
        content = header.encode("utf-8", "surrogateescape")
        return hashlib.blake2b(content, digest_size=_DIGEST_BYTES, key=self._hash_key).digest()

    def _current_generation(self) -> tuple[int, int]:
        return (
            0 if self._keys is None else self._keys.generation,
            0 if self._tokens is None else self._tokens.keys.generation,
        )


def not_authenticated(detail: str, *, is_invalid: bool = True) -> Problem:
    """Build the 401; `is_invalid` False: nothing was sent that could be wrong (RFC 6750)."""
    challenge = f'{CHALLENGE}, error="invalid_token"' if is_invalid else CHALLENGE
    return Problem("not-authenticated", detail, headers={"WWW-Authenticate": challenge})


def require_scope(caller: Caller, scope: Scope) -> None:
    """See that a caller may do what needs this scope.

    Raises:
        Problem: `not-allowed`, naming the scope.
    """
    if scope not in caller.scopes:
        raise Problem(
            "not-allowed",
            f"this needs the scope {scope.value!r}",
            members={"scope": scope.value},
            headers={"WWW-Authenticate": f'{CHALLENGE}, error="insufficient_scope", scope="{scope.value}"'},
        )
