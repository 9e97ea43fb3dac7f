"""Signatures of webhooks: HMAC-SHA256 over the raw body and the moment of sending.

The header is `t=<Unix seconds>,v1=<64 hex digits>`; several `v1` may stand there while the sender changes
its secret. What is signed is `<t>.` and the body's bytes as they came. A signature proves who sent it
and when; that an event is taken once is kept by its id in the ledger, which also holds where a body is
repeated within the tolerance.
"""

import hmac
from collections.abc import Sequence
from typing import Final

SIGNATURE_HEADER: Final = "Inventory-Signature"

TOLERANCE_SECONDS: Final = 300
"""How far the sender's clock and the way here may be off; after it a copied request is of no use."""

HEADER_CHARACTERS_MAX: Final = 1_024
"""A time and 14 signatures: more than any rotation needs, little to look through."""

_HEX_DIGITS: Final = 64
_TIME_DIGITS_MAX: Final = 12


class SignatureError(Exception):
    """A webhook is not from who it says, or not from now. The text may be shown to the sender."""


def sign(body: bytes, secret: bytes, at_seconds: int) -> str:
    """Give the header's value for a body sent at this time."""
    return f"t={at_seconds},v1={_signature(body, secret, at_seconds)}"


def check_signature(header: str | None, body: bytes, secrets: Sequence[bytes], now_seconds: float) -> None:
    """See that one of the secrets signed this body, lately.

    Args:
        header: Of the request; None: there was none.
        body: Its bytes as they came, before anything decoded them.
        secrets: Those that count: one, or two while one replaces the other.
        now_seconds: The time here, since the Unix epoch.

    Raises:
        SignatureError: none of them did, or not within TOLERANCE_SECONDS of now.
    """
    if header is None:
        raise SignatureError(f"the header {SIGNATURE_HEADER} is missing")
    at_seconds, given = _parse(header)
    # Every secret against every signature, without leaving early: time tells nothing of which fitted.
    fits = False
    for secret in secrets:
        wanted = _signature(body, secret, at_seconds).encode()
        for one in given:
            fits |= hmac.compare_digest(one.encode(), wanted)
    if not fits:
        raise SignatureError(
            "no signature fits the body: sign its bytes as they are sent, with the secret set here"
        )
    if abs(now_seconds - at_seconds) > TOLERANCE_SECONDS:
        raise SignatureError(
            f"signed {now_seconds - at_seconds:+.0f} s ago, allowed are {TOLERANCE_SECONDS}: send it "
            "again with a new signature, and set the clock"
        )


def _parse(header: str) -> tuple[int, list[str]]:
    if len(header) > HEADER_CHARACTERS_MAX:
        raise SignatureError(f"{SIGNATURE_HEADER} has more than {HEADER_CHARACTERS_MAX} characters")
    at: str | None = None
    given: list[str] = []
    for part in header.split(","):
        name, _, value = part.strip().partition("=")
        if name == "t" and at is None:
            at = value
        elif name == "v1" and len(value) == _HEX_DIGITS and value.isascii():
            given.append(value)
    if at is None or not (at.isascii() and at.isdigit() and len(at) <= _TIME_DIGITS_MAX) or not given:
        raise SignatureError(f"{SIGNATURE_HEADER} is not t=<Unix seconds>,v1=<64 hex digits>")
    return int(at), given


def _signature(body: bytes, secret: bytes, at_seconds: int) -> str:
    return hmac.digest(secret, b"%d." % at_seconds + body, "sha256").hex()
