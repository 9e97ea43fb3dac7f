"""Settings of the waiting rooms."""

from typing import Self

from pydantic import Field, SecretStr, field_validator, model_validator

from inventory_stream.settings.gateway_security import SECRET_BYTES_MIN
from inventory_stream.settings.names import variable
from inventory_stream.settings.section import Section


class GatewayWaitingRoomSettings(Section):
    """The part of the section `gateway` that is about the crowd before a sale."""

    token_key: SecretStr | None = Field(
        None,
        description="secret that signs tickets and admissions, 32 characters or more; the same for all "
        "gateways; without it no waiting room can be opened",
    )
    token_key_id: str = Field(
        "1", pattern=r"^[a-z0-9]{1,8}$", description="its name, which every ticket begins with"
    )
    token_key_before: SecretStr | None = Field(
        None, description="the secret before: what it signed still holds, and so do its rooms' draws"
    )
    token_key_before_id: str | None = Field(
        None, pattern=r"^[a-z0-9]{1,8}$", description="the name that it had"
    )
    waiting_room_present_seconds: float = Field(
        30.0,
        ge=5.0,
        le=600.0,
        description="how long after its last question a ticket counts as there; who is not there is passed "
        "over and keeps the place",
    )
    waiting_room_connections_max: int = Field(
        10_000,
        ge=1,
        le=1_000_000,
        description="streams of positions of this process at once, 40 KB each; beyond it 503",
    )

    @field_validator("token_key", "token_key_before")
    @classmethod
    def _key_is_long_enough(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None and len(secret.get_secret_value().encode()) < SECRET_BYTES_MIN:
            raise ValueError(f"shorter than {SECRET_BYTES_MIN} bytes; `openssl rand -hex 32` makes one")
        return secret

    @model_validator(mode="after")
    def _token_key_before_is_whole(self) -> Self:
        if (self.token_key_before is None) != (self.token_key_before_id is None):
            raise ValueError(
                "gateway.token_key_before and gateway.token_key_before_id belong together: set both, "
                f"{variable(('gateway', 'token_key_before'))} and its _ID, or none"
            )
        if self.token_key_before_id == self.token_key_id:
            raise ValueError(
                f"gateway.token_key_before_id = {self.token_key_id} is the name of the key that counts now: "
                f"give the new key another one by {variable(('gateway', 'token_key_id'))}"
            )
        return self

    def token_keys(self) -> dict[str, bytes]:
        """Give the secrets by name; none when no room can be opened here."""
        named = (
            (self.token_key_id, self.token_key),
            (self.token_key_before_id or "", self.token_key_before),
        )
        return {name: key.get_secret_value().encode() for name, key in named if key is not None}
