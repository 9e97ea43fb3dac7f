"""Tokens of an issuer: every way of forging or bending one is refused, and keys are asked for with bounds."""

import asyncio
import base64
import hashlib
import hmac
import json
import time

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import OKPAlgorithm

from inventory_stream.gateway.endpoint import Scope
from inventory_stream.gateway.security.jwks import (
    FRESH_SECONDS,
    JWKS_BYTES_MAX,
    KEPT_SECONDS,
    RETRY_FIRST_SECONDS,
    RETRY_SECONDS,
    KeySet,
    KeysUnknownError,
    parse_key_set,
)
from inventory_stream.gateway.security.tokens import TokenError, TokenReader
from tests.unit.gateway.security.clock import Seconds
from tests.unit.gateway.security.issuer import (
    AUDIENCE,
    ED_KEY,
    ISSUER,
    KEYS,
    RSA_KEY,
    STRANGER,
    Claim,
    claims,
    key_set,
    public,
    signed,
    token,
)


class Issuer:
    """Gives a document, or fails; counts how often it was asked."""

    def __init__(self, document: bytes | None) -> None:
        self.document = document
        self.asked = 0

    async def __call__(self) -> bytes:
        """Give the document."""
        self.asked += 1
        await asyncio.sleep(0)
        if self.document is None:
            raise OSError("down")
        return self.document


def reader(issuer: Issuer | None = None) -> TokenReader:
    """Build a reader for the issuer."""
    keys = KeySet(issuer or Issuer(key_set()))
    return TokenReader(keys, issuer=ISSUER, audience=AUDIENCE, leeway_seconds=5)


def unsigned(header: dict[str, str], signature: bytes = b"") -> str:
    """Give a token with any header and signature."""

    def part(content: bytes) -> str:
        return base64.urlsafe_b64encode(content).rstrip(b"=").decode()

    return ".".join((part(json.dumps(header).encode()), part(json.dumps(claims()).encode()), part(signature)))


@pytest.mark.parametrize("algorithm", list(KEYS))
async def test_a_token_of_the_issuer_tells_who_may_do_what_until_when(algorithm: str) -> None:
    """Subject, channel and scopes come from the claims; words that are no scope of ours give nothing."""
    caller, until_seconds = await reader().read(token(algorithm, channel="web", exp=int(time.time()) + 60))
    assert (caller.name, caller.channel, caller.scopes) == ("shop-1", "web", frozenset({Scope.STOREFRONT}))
    assert until_seconds == pytest.approx(time.time() + 65, abs=2)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"exp": 1}, "expired"),
        ({"exp": None}, "exp"),
        ({"exp": float("inf")}, "does not hold"),
        ({"nbf": 9_999_999_999}, "not yet valid"),
        ({"aud": "another"}, "[Aa]udience"),
        ({"aud": None}, "aud"),
        ({"iss": "https://evil.example"}, "[Ii]ssuer"),
        ({"iss": None}, "iss"),
        ({"sub": None}, "sub"),
        ({"sub": ""}, "sub must"),
        ({"sub": "x" * 129}, "sub must"),
        ({"sub": "a\nb"}, "sub must"),
        ({"sub": "isk_abc"}, "sub must"),
        ({"scope": ["admin"]}, "scope must"),
        ({"channel": ""}, "channel must"),
    ],
)
async def test_a_token_with_other_claims_does_not_hold(changes: dict[str, Claim], reason: str) -> None:
    """Expired, too early, for another audience, of another issuer, without a claim, or named as our keys."""
    with pytest.raises(TokenError, match=reason):
        await reader().read(signed("EdDSA", KEYS["EdDSA"], "EdDSA", changes))


async def test_a_token_signed_by_a_stranger_does_not_hold() -> None:
    """The name of a key is not the key."""
    with pytest.raises(TokenError, match="Signature"):
        await reader().read(signed("EdDSA", STRANGER, "EdDSA"))


async def test_a_token_without_a_signature_does_not_hold() -> None:
    """The algorithm `none`, in any spelling, with and without a signature, is refused."""
    for name in ("none", "None", "NONE", "nOnE"):
        for signature in (b"", b"x"):
            with pytest.raises(TokenError, match="not signed by one of"):
                await reader().read(unsigned({"alg": name, "kid": "RS256"}, signature))


async def test_a_public_key_is_never_taken_for_a_shared_secret() -> None:
    """The classic confusion: HMAC under the bytes of the issuer's public key."""
    pem = RSA_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    for name in ("HS256", "HS384", "HS512"):
        forged = unsigned({"alg": name, "kid": "RS256", "typ": "JWT"})
        content = forged.rpartition(".")[0]
        signature = hmac.new(pem, content.encode(), hashlib.sha256).digest()
        forged = f"{content}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"
        with pytest.raises(TokenError, match="not signed by one of"):
            await reader().read(forged)


async def test_a_token_cannot_choose_the_algorithm_of_a_key() -> None:
    """A key signs in its one way: RS256's name on a token of a key of EdDSA opens nothing."""
    for algorithm, kid in (("EdDSA", "RS256"), ("RS256", "ES256"), ("ES256", "EdDSA")):
        with pytest.raises(TokenError, match="not allowed"):
            await reader().read(signed(algorithm, KEYS[algorithm], kid))


async def test_a_key_that_the_token_brings_along_is_not_used() -> None:
    """jwk, jku and x5u in the header are the sender's words about himself."""
    forged = jwt.encode(
        claims(),
        STRANGER,
        algorithm="EdDSA",
        headers={"kid": "EdDSA", "jwk": public("EdDSA", STRANGER), "jku": "https://evil.example/jwks"},
    )
    with pytest.raises(TokenError, match="Signature"):
        await reader().read(forged)


@pytest.mark.parametrize("text", ["", "a", "a.b", "a.b.c", "é.é.é", "." * 4_000, "eyJhbGciOiJub25lIn0.."])
async def test_what_is_no_token_is_told_so(text: str) -> None:
    """Anything can stand in a header, and nothing of it is a fault of ours."""
    with pytest.raises(TokenError):
        await reader().read(text)


async def test_a_token_cut_short_or_changed_does_not_hold() -> None:
    """Every byte of it is signed."""
    whole = token()
    for text in (whole[:-3], whole[:20] + "A" + whole[21:], whole + "AAAA"):
        with pytest.raises(TokenError):
            await reader().read(text)


async def test_a_token_must_name_its_key() -> None:
    """Trying all keys for each token would be work that strangers choose."""
    with pytest.raises(TokenError, match="kid"):
        await reader().read(jwt.encode(claims(), KEYS["EdDSA"], algorithm="EdDSA"))


async def test_an_unknown_key_name_asks_the_issuer_once_in_a_while() -> None:
    """A rotation is noticed at once; made-up names are no load on the issuer."""
    issuer, clock = Issuer(key_set(public("RS256"))), Seconds()
    keys = KeySet(issuer, clock)
    assert await keys.find("RS256") is not None
    issuer.document = key_set(public("RS256"), public("EdDSA"))
    clock.now += RETRY_SECONDS
    assert await keys.find("EdDSA") is not None
    for name in range(1_000):
        assert await keys.find(str(name)) is None
    assert issuer.asked == 2
    assert keys.generation == 2


async def test_many_tokens_at_once_ask_the_issuer_once() -> None:
    """All wait for the one answer."""
    issuer = Issuer(key_set())
    keys = KeySet(issuer, Seconds())
    found = await asyncio.gather(*(keys.find("EdDSA") for _ in range(50)))
    assert all(key is not None for key in found)
    assert issuer.asked == 1


async def test_keys_are_kept_while_the_issuer_is_down_and_not_for_ever() -> None:
    """A day without the issuer changes nothing; after it nobody can know what was withdrawn."""
    issuer, clock = Issuer(key_set()), Seconds()
    keys = KeySet(issuer, clock)
    assert await keys.find("EdDSA") is not None
    issuer.document = None
    clock.now = KEPT_SECONDS - 1
    assert await keys.find("EdDSA") is not None
    clock.now = KEPT_SECONDS + RETRY_SECONDS
    with pytest.raises(KeysUnknownError):
        await keys.find("EdDSA")
    await keys.close()


async def test_a_withdrawn_key_goes_once_the_keys_are_no_longer_fresh() -> None:
    """The first use after it asks behind the request; what comes later is refused."""
    issuer, clock = Issuer(key_set()), Seconds()
    keys = KeySet(issuer, clock)
    assert await keys.find("EdDSA") is not None
    issuer.document = key_set(public("RS256"))
    clock.now = FRESH_SECONDS
    assert await keys.find("EdDSA") is not None
    async with asyncio.timeout(5):
        while keys.generation < 2:  # noqa: ASYNC110  # the fetch runs behind; it calls nobody
            await asyncio.sleep(0)
    assert await keys.find("EdDSA") is None


async def test_an_issuer_that_never_answered_is_asked_again_soon() -> None:
    """The gateway started first: tokens hold as soon as the issuer is there."""
    issuer, clock = Issuer(None), Seconds()
    keys = KeySet(issuer, clock)
    for _ in range(100):
        with pytest.raises(KeysUnknownError):
            await keys.find("EdDSA")
    assert issuer.asked == 1
    issuer.document = key_set()
    clock.now = RETRY_FIRST_SECONDS
    assert await keys.find("EdDSA") is not None


def test_keys_that_must_not_check_tokens_are_left_out() -> None:
    """Shared secrets, weak RSA, keys for encryption, private halves and another algorithm's name."""
    weak = rsa.generate_private_key(public_exponent=65_537, key_size=1_024)  # noqa: S505  # the point
    good = public("ES256")
    bad = [
        {"kty": "oct", "k": "c2VjcmV0", "kid": "secret", "alg": "HS256"},
        {**public("RS256", weak), "kid": "weak"},
        {**public("RS256"), "kid": "encryption", "use": "enc"},
        {**public("RS256"), "kid": "hmac", "alg": "HS256"},
        {**OKPAlgorithm.to_jwk(ED_KEY, as_dict=True), "kid": "private"},
        {name: value for name, value in public("EdDSA").items() if name != "kid"},
        {"kty": "EC", "crv": "P-256", "x": "!", "y": "!", "kid": "broken"},
        {"kty": ["RSA"], "kid": "list"},
    ]
    assert list(parse_key_set(key_set(*bad, good))) == ["ES256"]


@pytest.mark.parametrize(
    "document",
    [b"[]", b"{}", b'{"keys": 1}', b'{"keys": []}', b" " * (JWKS_BYTES_MAX + 1), b'{"keys": [1]}'],
)
def test_what_is_no_key_set_is_refused(document: bytes) -> None:
    """A page of an error, an empty set, or megabytes leave the keys as they were."""
    with pytest.raises(ValueError, match=r"key"):
        parse_key_set(document)
