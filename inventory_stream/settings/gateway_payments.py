"""Settings of what payments mean for the stock, and of who may tell of them."""

import re
from typing import Final, Literal

from pydantic import Field, SecretStr, field_validator

from inventory_stream.settings.section import Section

PAYMENT_SECRET_BYTES_MIN: Final = 32
"""As long as HMAC-SHA256's output: shorter secrets could be tried."""
PAYMENT_SECRETS_MAX: Final = 32
"""Each is tried on a webhook, at 2 us: 16 providers in the middle of changing theirs."""

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")


class GatewayPaymentSettings(Section):
    """The part of the section `gateway` that is about payments."""

    confirm_on: Literal["authorised", "captured"] = Field(
        "authorised", description="payment event that makes reserved units the buyer's"
    )
    payment_secrets: SecretStr | None = Field(
        None,
        description="who may send payment events: provider=secret, comma-separated, 32 characters or more "
        "each; a provider twice while its secret changes; none: no webhook",
    )

    @field_validator("payment_secrets")
    @classmethod
    def _each_has_a_name_and_a_secret(cls, secrets: SecretStr | None) -> SecretStr | None:
        if secrets is None:
            return None
        pairs = _pairs(secrets)
        if not 1 <= len(pairs) <= PAYMENT_SECRETS_MAX:
            raise ValueError(f"{len(pairs)} secrets in it; name 1 to {PAYMENT_SECRETS_MAX}")
        for provider, secret in pairs:
            if not _NAME.fullmatch(provider):
                raise ValueError(
                    "a provider's name has 1 to 32 of a-z, 0-9, - and _, before its =: stripe=<secret>"
                )
            if len(secret.encode()) < PAYMENT_SECRET_BYTES_MIN:
                raise ValueError(
                    f"the secret of {provider} is shorter than {PAYMENT_SECRET_BYTES_MIN} bytes; "
                    "`openssl rand -hex 32` makes one"
                )
        return secrets

    def payment_secrets_by_provider(self) -> dict[str, list[bytes]]:
        """Give the secrets that count, by provider."""
        found: dict[str, list[bytes]] = {}
        for provider, secret in [] if self.payment_secrets is None else _pairs(self.payment_secrets):
            found.setdefault(provider, []).append(secret.encode())
        return found


def _pairs(secrets: SecretStr) -> list[tuple[str, str]]:
    parts = [part.strip() for part in secrets.get_secret_value().split(",")]
    return [(name.strip(), secret.strip()) for name, _, secret in (part.partition("=") for part in parts)]
