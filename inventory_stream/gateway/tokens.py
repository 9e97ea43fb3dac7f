"""Tickets and admissions of waiting rooms: short signed texts, which hold without any server.

`<key id>.<ticket id>.<turn>.<number>.<mac>`, 85 characters or so, all of them safe in an address. The
number is the arrival (us) of a ticket, the end (ms) of an admission. The MAC is HMAC-SHA256 over the
purpose, the sale and all before it, so that neither a ticket passes for an admission nor one sale's for
another's. The customer is in the ticket id (`flows.waiting_room.draw.ticket_id`), which is made again from
the customer wherever one is named.
"""

import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple

# Nothing but this is looked at; numbers are bounded so that any of them fits a double and a script.
_FORM: Final = re.compile(
    r"([a-z0-9]{1,8})\.([A-Za-z0-9_-]{20})\.(0|[1-9][0-9]{0,5})\.([1-9][0-9]{0,15})\.[A-Za-z0-9_-]{43}"
)


class Purpose(StrEnum):
    """What a token is for."""

    TICKET = "waiting-room ticket"
    ADMISSION = "waiting-room admission"


class TokenError(Exception):
    """A token does not hold. The text may be shown to whoever sent it."""


class Signed(NamedTuple):
    """What a token says; the sale is the one that it was read for."""

    ticket_id: str
    turn: int
    number: int


class TokenSigner:
    """Signs under one key and recognises what it or the key before signed. 3 us each."""

    def __init__(self, key_id: str, secrets: Mapping[str, bytes]) -> None:
        """Take secrets by name.

        Raises:
            KeyError: none is named `key_id`.
        """
        self.key_id = key_id
        self._secrets = dict(secrets)
        self._secrets[key_id]  # must be there

    def secret(self, key_id: str) -> bytes | None:
        """Give a secret, for what else depends on it; None: not known here."""
        return self._secrets.get(key_id)

    def sign(self, purpose: Purpose, sale_id: str, signed: Signed) -> str:
        """Give the token's text."""
        text = f"{self.key_id}.{signed.ticket_id}.{signed.turn}.{signed.number}"
        return f"{text}.{_mac(self._secrets[self.key_id], purpose, sale_id, text)}"

    def read(self, purpose: Purpose, sale_id: str, token: str) -> Signed:
        """Check a token; its end is for the caller to look at.

        Raises:
            TokenError: it was not signed here for this purpose and sale.
        """
        form = _FORM.fullmatch(token)
        if form is None:
            raise TokenError(f"it is no {purpose}")
        text, _, mac = token.rpartition(".")
        secret = self._secrets.get(form[1])
        # Texts are compared, not bytes: base64 has several texts for the same bytes.
        if secret is None or not hmac.compare_digest(mac, _mac(secret, purpose, sale_id, text)):
            raise TokenError(f"it is no {purpose} of this sale")
        return Signed(form[2], int(form[3]), int(form[4]))

    def __repr__(self) -> str:
        return f"TokenSigner(key_id={self.key_id!r})"


def _mac(secret: bytes, purpose: Purpose, sale_id: str, text: str) -> str:
    digest = hmac.digest(secret, f"{purpose}\0{sale_id}\0{text}".encode(), "sha256")
    return urlsafe_b64encode(digest).decode().rstrip("=")
