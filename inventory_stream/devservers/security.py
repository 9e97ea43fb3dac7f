"""What makes a development server ask who comes: certificates, users, rights."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

SASL_MECHANISMS: Final = ("SCRAM-SHA-256", "PLAIN")
"""What the broker takes for each of its users."""

PROBE_USER: Final = "devservers"
"""User of Redis by which we see whether the server serves; it may do nothing else."""

_AUTHORIZER: Final = "org.apache.kafka.metadata.authorizer.StandardAuthorizer"
_LISTENER: Final = "listener.name.client."


@dataclass(frozen=True, slots=True)
class KafkaSecurity:
    """A listener for clients with TLS, with users or without.

    The broker talks to itself over loopback, where nobody is asked anything.
    """

    server_pem: Path
    """PEM file with the broker's private key, without a passphrase, and its certificate."""

    ca_pem: Path
    """PEM file of the authority that signed the certificates, clients' ones too."""

    users: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Passwords by user, for all of SASL_MECHANISMS; none: TLS without SASL. Letters and digits only."""

    must_show_certificate: bool = False
    """Whether a client must show a certificate that `ca_pem` signed."""

    admins: tuple[str, ...] | None = None
    """Users that may do everything, while others need a right (ACL) for each thing; None: no rights are
    asked for."""

    @property
    def protocol(self) -> str:
        """What the listener speaks."""
        return "SASL_SSL" if self.users else "SSL"

    @property
    def format_options(self) -> list[str]:
        """Options of Kafka's format tool, which is how SCRAM users are made before the first start."""
        return [
            part
            for user, password in self.users.items()
            for part in ("--add-scram", f"SCRAM-SHA-256=[name={user},password={password}]")
        ]

    @property
    def properties(self) -> dict[str, str]:
        """Entries of server.properties."""
        entries = {
            f"{_LISTENER}ssl.keystore.type": "PEM",
            f"{_LISTENER}ssl.keystore.location": str(self.server_pem.absolute()),
            f"{_LISTENER}ssl.truststore.type": "PEM",
            f"{_LISTENER}ssl.truststore.location": str(self.ca_pem.absolute()),
            f"{_LISTENER}ssl.client.auth": "required" if self.must_show_certificate else "none",
        }
        if self.users:
            known = " ".join(f'user_{user}="{password}"' for user, password in self.users.items())
            module = "org.apache.kafka.common.security"
            entries |= {
                f"{_LISTENER}sasl.enabled.mechanisms": ",".join(SASL_MECHANISMS),
                f"{_LISTENER}scram-sha-256.sasl.jaas.config": f"{module}.scram.ScramLoginModule required;",
                f"{_LISTENER}plain.sasl.jaas.config": f"{module}.plain.PlainLoginModule required {known};",
            }
        if self.admins is not None:
            # ANONYMOUS is the broker itself, over loopback.
            everything = ("ANONYMOUS", *self.admins)
            entries |= {
                "authorizer.class.name": _AUTHORIZER,
                "super.users": ";".join(f"User:{name}" for name in everything),
            }
        return entries


@dataclass(frozen=True, slots=True)
class ValkeySecurity:
    """TLS on the only port, and users. Needs a server program built with TLS."""

    server_pem: Path
    """PEM file with the server's private key, without a passphrase, and its certificate."""

    ca_pem: Path
    """PEM file of the authority that signed it."""

    users: Mapping[str, str] = field(repr=False)
    """Rules by user, as ACL SETUSER takes them, such as `on >secret ~* &* +@all`. Nobody else gets in."""

    def context(self) -> ssl.SSLContext:
        """Give what a client trusts this server by."""
        return ssl.create_default_context(cafile=self.ca_pem)

    def arguments(self, port: int) -> list[str]:
        """Give options of the command line."""
        certificate = str(self.server_pem.absolute())
        arguments = [
            *("--port", "0", "--tls-port", str(port), "--tls-auth-clients", "no"),
            *("--tls-cert-file", certificate, "--tls-key-file", certificate),
            *("--tls-ca-cert-file", str(self.ca_pem.absolute())),
        ]
        users = {PROBE_USER: "on nopass -@all +ping +info", "default": "off", **self.users}
        for user, rules in users.items():
            arguments += ["--user", user, *rules.split()]
        return arguments
