"""Settings of the broker and the topics."""

from pathlib import Path
from ssl import SSLContext
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from inventory_stream.settings.names import variable
from inventory_stream.settings.section import Section
from inventory_stream.settings.tls import TLS_FIELDS, tls_context

SecurityProtocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
SaslMechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]

SASL_FIELDS = ("sasl_mechanism", "sasl_username", "sasl_password")


class KafkaSettings(Section):
    """The broker and the topics."""

    bootstrap_servers: str = Field(
        "127.0.0.1:9092", min_length=1, description="host:port of one or more brokers, comma-separated"
    )
    topic_prefix: str = Field(
        "",
        max_length=64,
        pattern=r"^[a-zA-Z0-9._-]*$",
        description="before every topic name: environments share a cluster",
    )
    partitions: int = Field(
        4, ge=1, le=1_000, description="of both inputs and the ledger; fixed for life (P10)"
    )
    replication_factor: int = Field(
        1,
        ge=1,
        le=9,
        description="of every topic; 1 is for development: a power loss may lose decisions (P12)",
    )
    session_timeout_seconds: float = Field(
        6.0, ge=2.0, le=300.0, description="a worker silent for this long loses its partitions"
    )
    request_timeout_seconds: float = Field(
        30.0, ge=1.0, le=120.0, description="longest wait for one answer of the broker"
    )
    security_protocol: SecurityProtocol = Field(
        "PLAINTEXT",
        description="SSL encrypts, SASL names a user; production uses SASL_SSL, or SSL with tls_*",
    )
    sasl_mechanism: SaslMechanism | None = Field(
        None, description="how the user is proven; PLAIN sends the password as it is, so only inside TLS"
    )
    sasl_username: str | None = Field(None, min_length=1, description="user of every connection to Kafka")
    sasl_password: SecretStr | None = Field(None, min_length=1, description="its password")
    tls_ca_file: Path | None = Field(
        None, description="PEM file of the authorities to trust; without it, those of the system"
    )
    tls_cert_file: Path | None = Field(
        None, description="PEM file of our own certificate, for brokers that ask for one"
    )
    tls_key_file: Path | None = Field(
        None, description="PEM file of its key, without a passphrase; not needed when in the same file"
    )

    @field_validator("bootstrap_servers")
    @classmethod
    def _each_has_host_and_port(cls, servers: str) -> str:
        """Refuse what would become another address in silence, and take blanks out."""
        each = [server.strip() for server in servers.split(",")]
        for server in each:
            _check_address(server)
        return ",".join(each)

    @model_validator(mode="after")
    def _security_is_whole(self) -> Self:
        protocol = f"kafka.security_protocol = {self.security_protocol}"
        name = variable(("kafka", "security_protocol"))
        if self.is_sasl:
            for field in SASL_FIELDS:
                if getattr(self, field) is None:
                    raise ValueError(
                        f"{protocol} needs kafka.{field}, which is not set: "
                        f"set {variable(('kafka', field))}, or choose another {name}"
                    )
        else:
            self._refuse_any_of(SASL_FIELDS, protocol, "SASL_SSL (or SASL_PLAINTEXT)")
        if self.is_tls:
            self.tls_context()
        else:
            self._refuse_any_of(TLS_FIELDS, protocol, "SSL or SASL_SSL")
        return self

    def tls_context(self) -> SSLContext:
        """Read the certificates.

        Raises:
            ValueError: one is missing, unreadable or of the wrong kind; one line with the way out.
        """
        return tls_context("kafka", self.tls_ca_file, self.tls_cert_file, self.tls_key_file)

    def _refuse_any_of(self, fields: tuple[str, ...], protocol: str, wanted: str) -> None:
        for field in fields:
            if getattr(self, field) is not None:
                raise ValueError(
                    f"kafka.{field} is set, but {protocol} makes no use of it: set "
                    f"{variable(('kafka', 'security_protocol'))} to {wanted}, or unset "
                    f"{variable(('kafka', field))}"
                )

    @property
    def is_sasl(self) -> bool:
        """Whether connections name a user."""
        return self.security_protocol.startswith("SASL_")

    @property
    def is_tls(self) -> bool:
        """Whether connections are encrypted."""
        return self.security_protocol.endswith("SSL")


def _check_address(server: str) -> None:
    """Raise ValueError unless this is host:port; an IPv6 address stands in brackets."""
    try:
        parts = urlsplit(f"//{server}")
        fits = bool(parts.hostname) and bool(parts.port) and parts.netloc == server and "@" not in server
    except ValueError:  # a port that is no number or above 65535, a bracket that does not close
        fits = False
    if not fits:
        raise ValueError(f"{server!r} is not host:port, like broker-1:9092 or [::1]:9092")
