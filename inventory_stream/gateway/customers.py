"""Customers as the ledger knows them: a keyed hash, so that no identity is at rest anywhere.

The text that a shop sends (an account number, an address of mail) leaves this module as
`k<key id>:<32 hex digits>` and is not kept, shown or logged. The hash is keyed: without the secret nobody
can try names against it. docs/http/security.md says how the secret is changed.
"""

import hmac
from collections.abc import Mapping
from typing import Final

from pydantic import SecretStr

CUSTOMER_SECRET_BYTES_MIN: Final = 32
"""As long as the hash's own block of output: shorter ones could be tried."""

_HEX_DIGITS: Final = 32
"""128 bits of HMAC-SHA256: of a billion customers two share a hash with a chance of 1 in 10^21."""


class CustomerHasher:
    """Turns any customer text into its hash under the key that counts now.

    `secrets` by key id: the one of `key_id` makes hashes, the others only recognise those made before
    a rotation.
    """

    def __init__(self, key_id: str, secrets: Mapping[str, SecretStr]) -> None:
        """Take the keys.

        Raises:
            KeyError: there is no secret of `key_id`.
        """
        self._secrets = {one: secret.get_secret_value().encode() for one, secret in secrets.items()}
        self._key_id = key_id
        self._secret = self._secrets[key_id]

    def hash(self, customer: str) -> str:
        """Give the name under which the ledger counts this customer. 3 us; equal texts, equal names.

        The text counts byte for byte: a shop that takes `A@x` and `a@x` for one customer folds them first.
        """
        return f"k{self._key_id}:{_digits(self._secret, customer)}"

    def is_same(self, customer: str, hashed: str) -> bool:
        """Say whether a hash, perhaps of the key before, is this customer's; in equal time."""
        key_id, _, digits = hashed.removeprefix("k").partition(":")
        secret = self._secrets.get(key_id)
        return secret is not None and hmac.compare_digest(digits.encode(), _digits(secret, customer).encode())

    def __repr__(self) -> str:
        return f"CustomerHasher(key_id={self._key_id!r})"


def _digits(secret: bytes, customer: str) -> str:
    # Lone surrogates, which JSON may carry, have no UTF-8 of their own; they must not end the request.
    return hmac.digest(secret, customer.encode("utf-8", "surrogatepass"), "sha256").hex()[:_HEX_DIGITS]
