"""Settings of a gateway."""

from pathlib import Path
from ssl import SSLContext
from typing import Self

from pydantic import Field, model_validator

from inventory_stream.settings.gateway_payments import GatewayPaymentSettings
from inventory_stream.settings.gateway_security import GatewaySecuritySettings
from inventory_stream.settings.gateway_waiting_room import GatewayWaitingRoomSettings
from inventory_stream.settings.names import variable
from inventory_stream.settings.tls import listener_tls_context


class GatewaySettings(GatewaySecuritySettings, GatewayPaymentSettings, GatewayWaitingRoomSettings):
    """How the HTTP side listens, and how long it waits."""

    host: str = Field(
        "127.0.0.1", min_length=1, description="address to listen on; 0.0.0.0 lets other machines in"
    )
    port: int = Field(8_080, ge=0, le=65_535, description="port to listen on; 0: any free one")
    tls_cert_file: Path | None = Field(
        None, description="PEM file of the certificate to show; without it, HTTP without encryption"
    )
    tls_key_file: Path | None = Field(
        None, description="PEM file of its key, without a passphrase; not needed when in the same file"
    )
    answer_seconds: float = Field(
        2.0, ge=0.1, le=30.0, description="how long a request waits for the ledger before it is answered 503"
    )
    linger_ms: int = Field(
        3,
        ge=0,
        le=1_000,
        description="between two packed records for one partition; a command after a pause leaves at once",
    )
    wait_seconds_max: float = Field(
        30.0, ge=0.1, le=120.0, description="longest wait that a request may ask for by `Prefer: wait`"
    )
    waiting_max: int = Field(
        50_000,
        ge=1,
        le=1_000_000,
        description="requests that may wait for the ledger at once, 3 KB each; beyond it 503",
    )
    request_bytes_max: int = Field(
        1_048_576, ge=1_024, le=16_777_216, description="largest body of a request; beyond it 413"
    )
    request_seconds_max: float = Field(
        10.0, ge=0.1, le=120.0, description="longest time for a body to arrive; beyond it 408"
    )
    storefront_file: Path | None = Field(
        None, description="JSON file of the product that the sample page sells; without it, no page"
    )

    cache_seconds: int = Field(
        1, ge=0, le=3_600, description="how long a cache may answer reads of availability in our place"
    )
    stale_seconds: int = Field(
        5, ge=0, le=3_600, description="how much longer it may, while it asks us or we do not answer"
    )

    live_readers_max: int = Field(
        10_000,
        ge=1,
        le=100_000,
        description="live streams and WebSockets at once, 12 KB and a file descriptor each; beyond it 503",
    )
    graphql_introspection: bool = Field(
        False,  # noqa: FBT003  # pydantic takes the default so
        description="let GraphQL tell its own schema; docs/http/graphql.md has it",
    )

    @model_validator(mode="after")
    def _key_has_a_certificate(self) -> Self:
        if self.tls_key_file is not None and self.tls_cert_file is None:
            raise ValueError(
                f"gateway.tls_key_file is set without gateway.tls_cert_file: name the certificate by "
                f"{variable(('gateway', 'tls_cert_file'))}, or take the key away"
            )
        self.tls_context()
        return self

    def tls_context(self) -> SSLContext | None:
        """Read the certificate to show; None: HTTP without encryption.

        Raises:
            ValueError: it is missing, unreadable or of the wrong kind; one line with the way out.
        """
        if self.tls_cert_file is None:
            return None
        return listener_tls_context("gateway", self.tls_cert_file, self.tls_key_file)
