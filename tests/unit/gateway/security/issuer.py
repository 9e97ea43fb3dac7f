"""An issuer of tokens, with keys of its own, for tests."""

import json
import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

Claim = str | int | float | list[str] | None
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

ISSUER = "https://issuer.example"
AUDIENCE = "inventory"

RSA_KEY = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
ED_KEY = ed25519.Ed25519PrivateKey.generate()
STRANGER = ed25519.Ed25519PrivateKey.generate()

KEYS: dict[str, PrivateKey] = {"RS256": RSA_KEY, "ES256": EC_KEY, "EdDSA": ED_KEY}


def public(algorithm: str, key: PrivateKey | None = None) -> dict[str, Any]:
    """Give the public half of a key as an entry of a key set; its name is the algorithm's."""
    kinds: dict[str, Any] = {"RS256": RSAAlgorithm, "ES256": ECAlgorithm, "EdDSA": OKPAlgorithm}
    entry: dict[str, Any] = kinds[algorithm].to_jwk(
        (KEYS[algorithm] if key is None else key).public_key(), as_dict=True
    )
    return {**entry, "kid": algorithm, "use": "sig"}


def key_set(*entries: dict[str, Any]) -> bytes:
    """Give a key set's document; without entries, one of each algorithm."""
    return json.dumps({"keys": list(entries) or [public(algorithm) for algorithm in KEYS]}).encode()


def claims(**changes: Claim) -> dict[str, Claim]:
    """Give claims that hold for ten minutes, but for `changes`; None takes one out."""
    now = int(time.time())
    stated: dict[str, Claim] = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "shop-1",
        "iat": now,
        "nbf": now,
        "exp": now + 600,
        "scope": "storefront other",
        **changes,
    }
    return {name: value for name, value in stated.items() if value is not None}


def token(algorithm: str = "EdDSA", **changes: Claim) -> str:
    """Give a token of the issuer with these claims changed."""
    return signed(algorithm, KEYS[algorithm], algorithm, changes)


def signed(
    algorithm: str, key: PrivateKey, kid: str, changes: Mapping[str, Claim] = MappingProxyType({})
) -> str:
    """Give a token that names one key, and is signed by perhaps another."""
    return jwt.encode(claims(**changes), key, algorithm=algorithm, headers={"kid": kid})
