"""Signatures of Standard Webhooks 1.0.0, symmetric (`v1`)."""

import binascii
import hmac
from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import Final

PREFIX: Final = "whsec_"
"""What a written secret begins with, by the standard; one without it is base64 all the same."""

KEY_BYTES_MIN: Final = 24
KEY_BYTES_MAX: Final = 64
"""Length of a key, by the standard."""


def key_of(secret: str) -> bytes:
    """Read a written secret.

    Raises:
        ValueError: it is not base64 of 24 to 64 bytes. The message shows nothing of it.
    """
    try:
        key = b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not KEY_BYTES_MIN <= len(key) <= KEY_BYTES_MAX:
        raise ValueError(f"must be {PREFIX} and base64 of {KEY_BYTES_MIN} to {KEY_BYTES_MAX} bytes")
    return key


def signature(secret: str, message_id: str, at_seconds: int, body: bytes) -> str:
    """Sign one message: `v1,` and base64 of HMAC-SHA256 over `id.time.body`.

    Raises:
        ValueError: as `key_of`.
    """
    signed = f"{message_id}.{at_seconds}.".encode() + body
    return "v1," + b64encode(hmac.digest(key_of(secret), signed, "sha256")).decode()


def signatures(secrets: Sequence[str], message_id: str, at_seconds: int, body: bytes) -> str:
    """Give the header `webhook-signature`: one for each live secret, so that receivers may change theirs."""
    return " ".join(signature(secret, message_id, at_seconds, body) for secret in secrets)
