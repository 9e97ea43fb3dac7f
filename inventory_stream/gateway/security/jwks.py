"""The keys by which an issuer signs its tokens: read, kept for a while, asked for when one is missing."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec
import structlog
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt import PyJWK
from jwt.exceptions import PyJWTError

from inventory_stream.errors import RetryableError

ALGORITHMS: Final = {("RSA", None): "RS256", ("EC", "P-256"): "ES256", ("OKP", "Ed25519"): "EdDSA"}
"""By type and curve of a key: the one way in which it may sign. Symmetric keys and `none` are not among them,
and a token's own word for its algorithm decides nothing."""

KEYS_MAX: Final = 32
"""Of one issuer: two or three while it changes them."""

JWKS_BYTES_MAX: Final = 65_536
"""32 keys of RSA 4096 take 30 KB."""

FRESH_SECONDS: Final = 600.0
"""After it the keys are asked for again, behind the requests: a withdrawn key counts that long at most,
while the issuer answers."""

KEPT_SECONDS: Final = 86_400.0
"""How long keys count while the issuer does not answer. Without a bound, whoever cuts us off from the issuer
could use a withdrawn key for ever."""

RETRY_SECONDS: Final = 30.0
"""Shortest time between two questions: tokens with made-up key names must not become load on the issuer."""

RETRY_FIRST_SECONDS: Final = 2.0
"""The same while there are no keys at all, and every token waits for them."""

_RSA_BITS_MIN: Final = 2_048

Fetch = Callable[[], Awaitable[bytes]]
"""Gives the key set's document, within a bound of time and size; raises OSError or ValueError."""

_log = structlog.get_logger(__name__)


class KeysUnknownError(RetryableError):
    """The issuer's keys could not be read, so no token can be checked."""


class KeySet:
    """An issuer's keys by their names (kid). `generation` grows when they change."""

    def __init__(self, fetch: Fetch, monotonic_seconds: Callable[[], float] = time.monotonic) -> None:
        """Fetch nothing yet: an issuer that is down must not keep a gateway from starting."""
        self._fetch = fetch
        self._monotonic_seconds = monotonic_seconds
        self._keys: dict[str, PyJWK] = {}
        self._document: bytes | None = None
        self._read_at_seconds: float | None = None
        self._tried_at_seconds: float | None = None
        self._reading: asyncio.Task[None] | None = None
        self.generation = 0

    async def find(self, kid: str) -> PyJWK | None:
        """Give a key by name; None: the issuer has none of it, as far as it may be asked now.

        Raises:
            KeysUnknownError: there are no keys at all, or only too old ones.
        """
        age_seconds = self._age_seconds()
        if kid in self._keys and age_seconds < KEPT_SECONDS:
            if age_seconds >= FRESH_SECONDS and self._may_ask():
                self._ask()  # behind this request, which has what it needs
            return self._keys[kid]
        if self._reading is not None or self._may_ask():
            await asyncio.shield(self._reading or self._ask())
        if self._age_seconds() >= KEPT_SECONDS:
            raise KeysUnknownError("the issuer's keys cannot be read now, so no token can be checked")
        return self._keys.get(kid)

    async def close(self) -> None:
        """End a question that is under way."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)

    def _age_seconds(self) -> float:
        if self._read_at_seconds is None:
            return float("inf")
        return self._monotonic_seconds() - self._read_at_seconds

    def _may_ask(self) -> bool:
        if self._reading is not None:
            return False
        if self._tried_at_seconds is None:
            return True
        pause_seconds = RETRY_FIRST_SECONDS if self._read_at_seconds is None else RETRY_SECONDS
        return self._monotonic_seconds() - self._tried_at_seconds >= pause_seconds

    def _ask(self) -> asyncio.Task[None]:
        self._tried_at_seconds = self._monotonic_seconds()
        self._reading = asyncio.create_task(self._read())
        return self._reading

    async def _read(self) -> None:
        try:
            document = await self._fetch()
            if document != self._document:
                self._keys = parse_key_set(document)
                self._document = document
                self.generation += 1
                _log.info("issuer_keys_read", keys=len(self._keys))
            self._read_at_seconds = self._monotonic_seconds()
        except (OSError, ValueError) as error:
            _log.warning("issuer_keys_not_read", reason=str(error), keys_kept=len(self._keys))
        finally:
            self._reading = None


def parse_key_set(document: bytes) -> dict[str, PyJWK]:
    """Give the keys that may check tokens, by name; those for other uses or too weak are left out.

    Raises:
        ValueError: it is no key set, has too many keys, or none that is of use.
    """
    if len(document) > JWKS_BYTES_MAX:
        raise ValueError(f"a key set of more than {JWKS_BYTES_MAX:,} bytes")
    try:
        content = msgspec.json.decode(document)
    except msgspec.DecodeError as error:
        raise ValueError(f"no JSON: {error}") from None
    entries = content.get("keys") if isinstance(content, dict) else None
    if not isinstance(entries, list) or len(entries) > KEYS_MAX:
        raise ValueError(f"no key set: a list `keys` of at most {KEYS_MAX}")
    keys: dict[str, PyJWK] = {}
    for entry in entries:
        if isinstance(entry, dict) and (key := _usable(entry)) is not None:
            keys.setdefault(str(entry["kid"]), key)
    if not keys:
        raise ValueError("no key in it has a name (kid) and is of RS256 (2048 bits or more), ES256 or EdDSA")
    return keys


def _usable(entry: dict[str, Any]) -> PyJWK | None:
    kind, curve, kid = entry.get("kty"), entry.get("crv"), entry.get("kid")
    algorithm = ALGORITHMS.get((kind, None if kind == "RSA" else curve)) if isinstance(kind, str) else None
    if algorithm is None or not isinstance(kid, str) or entry.get("alg", algorithm) != algorithm:
        return None
    if entry.get("use", "sig") != "sig" or "d" in entry:  # d: somebody published the private half
        return None
    try:
        key = PyJWK(entry, algorithm=algorithm)
    except (PyJWTError, ValueError, TypeError):
        return None
    if isinstance(key.key, RSAPublicKey) and key.key.key_size < _RSA_BITS_MIN:
        return None
    return key
