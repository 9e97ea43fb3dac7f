"""Signatures of Shopee's Open Platform v2."""

import hmac
from typing import Final

SIGN_SECONDS: Final = 300
"""How long a signed time is good for, by Shopee's clock (channels.md, Shopee): every try is signed anew."""


def request_sign(
    partner_key: str, partner_id: int, path: str, at_seconds: int, token: str = "", of: str = ""
) -> str:
    """Sign a request: hex HMAC-SHA256 over the parts, joined by nothing.

    `path` begins at `/api/v2`. `token` and `of` (the shop's or merchant's id) are "" for requests that
    nobody's token guards, such as the renewal of a token.
    """
    signed = f"{partner_id}{path}{at_seconds}{token}{of}"
    return hmac.new(partner_key.encode(), signed.encode(), "sha256").hexdigest()
