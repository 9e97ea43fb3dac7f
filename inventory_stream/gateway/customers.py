"""Customers as the ledger knows them: a keyed hash, so that no identity is at rest anywhere.

The text that a shop sends (an account number, an address of mail) leaves this module as
`k<key id>:<32 hex digits>` and is not kept, shown or logged. The hash is keyed: without the secret nobody
can try names against it. docs/http/security.md says how the secret is changed.
"""

import hmac
from typing import Final

from pydantic import SecretStr

CUSTOMER_SECRET_BYTES_MIN: Final = 32
"""As long as the hash's own block of output: shorter ones could be tried."""

_HEX_DIGITS: Final = 32
"""128 bits of HMAC-SHA256: of a billion customers two share a hash with a chance of 1 in 10^21."""


class CustomerHasher:
    """Turns any customer text into its hash under one secret, which `key_id` names."""

    def __init__(self, key_id: str, secret: SecretStr) -> None:
        """Take the secret."""
        self._key_id = key_id
        self._secret = secret.get_secret_value().encode()

    def hash(self, customer: str) -> str:
        """Give the name under which the ledger counts this customer. 3 us; equal texts, equal names.

        The text counts byte for byte: a shop that takes `A@x` and `a@x` for one customer folds them first.
        """
        # Lone surrogates, which JSON may carry, have no UTF-8 of their own; they must not end the request.
        content = customer.encode("utf-8", "surrogatepass")
        return f"k{self._key_id}:{hmac.digest(self._secret, content, 'sha256').hex()[:_HEX_DIGITS]}"

    def __repr__(self) -> str:
        return f"CustomerHasher(key_id={self._key_id!r})"
