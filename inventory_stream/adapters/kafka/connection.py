"""How every client of the broker connects: where to, encrypted or not, as whom."""

from dataclasses import dataclass, field
from typing import Any, Self

from inventory_stream.settings import KafkaSettings


@dataclass(frozen=True, slots=True)
class KafkaConnection:
    """Servers and credentials, as one value that is passed to whatever talks to Kafka.

    Shown as the servers alone, so that it can stand in messages.
    """

    bootstrap_servers: str
    """host:port of one or more brokers, comma-separated."""

    security: dict[str, Any] = field(default_factory=dict, repr=False)
    """Arguments of aiokafka's clients beside the servers; empty: neither encryption nor a user."""

    @classmethod
    def of(cls, kafka: KafkaSettings) -> Self:
        """Build it from checked settings; certificates are read now, once for all clients.

        Raises:
            ValueError: a certificate changed since the settings were read, and is of no use now.
        """
        security: dict[str, Any] = {"security_protocol": kafka.security_protocol}
        if kafka.is_tls:
            security["ssl_context"] = kafka.tls_context()
        if kafka.is_sasl and kafka.sasl_password is not None:
            security |= {
                "sasl_mechanism": kafka.sasl_mechanism,
                "sasl_plain_username": kafka.sasl_username,
                "sasl_plain_password": kafka.sasl_password.get_secret_value(),
            }
        return cls(kafka.bootstrap_servers, security)

    @property
    def client_options(self) -> dict[str, Any]:
        """Arguments for any client of aiokafka; they hold the password, so only for that."""
        return {"bootstrap_servers": self.bootstrap_servers, **self.security}

    def __str__(self) -> str:
        return self.bootstrap_servers
