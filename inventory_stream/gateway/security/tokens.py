"""Tokens (JWT) of an issuer: whose they are, what they allow, until when."""

from dataclasses import replace
from typing import Any, Final, NamedTuple

import jwt

from inventory_stream.gateway.endpoint import Caller, Scope
from inventory_stream.gateway.security.jwks import ALGORITHMS, KeySet
from inventory_stream.gateway.security.keys import is_key
from models.ids import ID_CHARACTERS_MAX, has_control_character

CLAIMS: Final = ("exp", "iss", "aud", "sub")
"""What every token must state. `nbf` counts where it stands; many issuers write none, and RFC 9068 asks for
none."""

_ALLOWED: Final = frozenset(ALGORITHMS.values())
_WORDS: Final = {scope.value: scope for scope in Scope}


class TokenError(Exception):
    """A token opens nothing. The text may be shown to whoever sent it."""


class Read(NamedTuple):
    """A token that holds, and the moment at which it ends, in seconds since the Unix epoch."""

    caller: Caller
    until_seconds: float


class TokenReader:
    """Checks tokens of one issuer for one audience."""

    def __init__(
        self,
        keys: KeySet,
        *,
        issuer: str,
        audience: str,
        leeway_seconds: float,
        is_of_shoppers: bool = False,
    ) -> None:
        """Take what tokens are held against; see `GatewaySecuritySettings`."""
        self._is_of_shoppers = is_of_shoppers
        self.keys = keys
        self._issuer = issuer
        self._audience = audience
        self._leeway_seconds = leeway_seconds

    async def read(self, token: str) -> Read:
        """Check signature, times, issuer and audience: 160 to 190 us, which is why they are remembered.

        Raises:
            TokenError: it does not hold.
            KeysUnknownError: the issuer's keys cannot be read.
        """
        try:
            header = jwt.get_unverified_header(token)
        except jwt.PyJWTError:
            raise TokenError("it is neither a key of this gateway nor a token (JWT)") from None
        kid = header.get("kid")
        if header.get("alg") not in _ALLOWED:
            raise TokenError(f"the token is not signed by one of {', '.join(sorted(_ALLOWED))}")
        if not isinstance(kid, str):
            raise TokenError("the token does not name its key (kid)")
        key = await self.keys.find(kid)
        if key is None:
            raise TokenError("the token's key (kid) is not one of its issuer's")
        try:
            claims = jwt.decode(
                token,
                key,
                algorithms=[key.algorithm_name],  # the key's, so that a token cannot choose
                audience=self._audience,
                issuer=self._issuer,
                leeway=self._leeway_seconds,
                options={"require": list(CLAIMS)},
            )
        except (jwt.PyJWTError, OverflowError) as error:  # OverflowError: a time beyond all calendars
            raise TokenError(f"the token does not hold: {error}") from None
        caller = _caller(claims)
        if self._is_of_shoppers:
            caller = replace(caller, is_public=True, customer=caller.name)
        return Read(caller, float(claims["exp"]) + self._leeway_seconds)


def _caller(claims: dict[str, Any]) -> Caller:
    subject, channel, scope = claims["sub"], claims.get("channel"), claims.get("scope", "")
    if not _is_name(subject) or is_key(subject):
        raise TokenError(f"sub must have 1 to {ID_CHARACTERS_MAX} characters, and not begin as our keys do")
    if channel is not None and not _is_name(channel):
        raise TokenError(f"channel must have 1 to {ID_CHARACTERS_MAX} characters")
    if not isinstance(scope, str):
        raise TokenError("scope must be words with blanks between")
    scopes = frozenset(_WORDS[word] for word in scope.split() if word in _WORDS)
    return Caller(subject, scopes, channel)


def _is_name(value: object) -> bool:
    return (
        isinstance(value, str) and 1 <= len(value) <= ID_CHARACTERS_MAX and not has_control_character(value)
    )
