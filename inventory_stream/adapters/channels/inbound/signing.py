"""How channels sign what they send, for listeners, for the sandbox and for what we send ourselves.

Standard library alone: each is one HMAC-SHA256. `standardwebhooks` is left out, as it lets ValueError and
UnicodeDecodeError through for malformed headers and takes one secret at a time.
"""

import base64
import binascii
import hmac
import html
from collections.abc import Iterable, Mapping
from typing import Final

from inventory_stream.ports.channel import ForgedError

TOLERANCE_SECONDS: Final = 300
"""How far a signed time may be from ours, either way (channels.md section 3, point 17): longer lets what was
overheard be sent again, shorter refuses a sender whose clock is off."""

SIGNATURES_MAX: Final = 8
"""Most signatures read of one header: a sender that renews its secret sends two."""

_WHSEC: Final = "whsec_"


def base64_hmac(secret: str, signed: bytes) -> str:
    """Sign as Shopify does (`X-Shopify-Hmac-Sha256` over the raw body): base64."""
    return base64.b64encode(hmac.digest(secret.encode(), signed, "sha256")).decode()


def woocommerce_signature(stored_secret: str, raw: bytes) -> str:
    """Sign as WooCommerce does: it decodes HTML entities of the secret as it is stored, then signs."""
    return base64_hmac(html.unescape(stored_secret), raw)


def square_signature(key: str, url: str, raw: bytes) -> str:
    """Sign as Square does: the address that it calls, then the raw body."""
    return base64_hmac(key, url.encode() + raw)


def shopee_push_signature(partner_key: str, url: str, raw: bytes) -> str:
    """Sign as Shopee does for what it pushes: hexadecimal, over address, a bar and the raw body."""
    return hmac.digest(partner_key.encode(), url.encode() + b"|" + raw, "sha256").hex()


def standard_signature(secret: str, message_id: str, at_seconds: int, raw: bytes) -> str:
    """Sign as Standard Webhooks says (`v1`): id, time and raw body, joined by full stops.

    Raises:
        ValueError: the secret is no base64.
    """
    signed = f"{message_id}.{at_seconds}.".encode() + raw
    return "v1," + base64.b64encode(hmac.digest(_key_of(secret), signed, "sha256")).decode()


def check_one(given: str | None, expected: Iterable[str], header: str) -> None:
    """See that a header has one of the expected signatures, each compared in constant time.

    Raises:
        ForgedError: it has none of them.
    """
    if given is None:
        raise ForgedError(f"the header {header} is missing")
    # Bytes, because compare_digest takes no text beyond ASCII.
    shown = given.encode(errors="replace")
    # All are compared, so that the time does not tell which of two secrets is in use.
    matches = [hmac.compare_digest(shown, one.encode()) for one in expected]
    if not any(matches):
        raise ForgedError(f"{header} is not the signature of this body")


def check_standard(
    headers: Mapping[str, str], raw: bytes, secrets: Iterable[str], now_ms: int, prefix: str = "webhook-"
) -> str:
    """See that a delivery is signed as Standard Webhooks says, and now; gives its id.

    Args:
        headers: By names in lower case.
        raw: The body's bytes.
        secrets: Those in use.
        now_ms: Our clock.
        prefix: Of the three headers.

    Raises:
        ForgedError: it is not. `v1a` is not known here.
    """
    message_id = headers.get(f"{prefix}id", "")
    at = headers.get(f"{prefix}timestamp", "")
    given = headers.get(f"{prefix}signature", "")
    # The id is signed beside the time with a full stop between: one inside it would move the border.
    if not message_id or "." in message_id or not at.isascii() or not at.isdigit() or len(at) > len("9" * 12):
        raise ForgedError(f"the headers {prefix}id, {prefix}timestamp and {prefix}signature are needed")
    if abs(now_ms - int(at) * 1_000) > TOLERANCE_SECONDS * 1_000:
        raise ForgedError(f"{prefix}timestamp is more than {TOLERANCE_SECONDS} s from now")
    try:
        expected = [standard_signature(secret, message_id, int(at), raw).encode() for secret in secrets]
    except ValueError:
        raise ForgedError("the secret on this side cannot be read") from None
    shown = [one.encode(errors="replace") for one in given.split(" ")[:SIGNATURES_MAX]]
    matches = [hmac.compare_digest(one, other) for one in shown for other in expected]
    if not any(matches):
        raise ForgedError(f"{prefix}signature has no v1 signature of this body")
    return message_id


def _key_of(secret: str) -> bytes:
    try:
        return base64.b64decode(secret.removeprefix(_WHSEC), validate=True)
    except binascii.Error as error:
        raise ValueError("a Standard Webhooks secret is base64 after whsec_") from error
