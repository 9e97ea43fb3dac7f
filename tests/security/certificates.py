"""Certificates made for one run of the tests; nothing of them outlives it."""

from dataclasses import dataclass
from pathlib import Path

import trustme
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)


@dataclass(frozen=True, slots=True)
class Certificates:
    """Files of one authority, of the servers on loopback, of a client, and of a stranger."""

    ca: Path
    server: Path
    """Private key and certificate for 127.0.0.1."""

    client_cert: Path
    client_key: Path
    stranger_ca: Path
    """Of an authority that signed nothing here."""


def make_certificates(folder: Path) -> Certificates:
    """Make them all in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    authority, stranger = trustme.CA(), trustme.CA()
    names = ("ca", "server", "client_cert", "client_key", "stranger_ca")
    made = Certificates(**{name: folder / f"{name}.pem" for name in names})
    authority.cert_pem.write_to_path(str(made.ca))
    stranger.cert_pem.write_to_path(str(made.stranger_ca))
    made.server.write_bytes(_key_and_chain(authority.issue_cert("127.0.0.1")))
    client = authority.issue_cert("client.example", common_name="inventory")
    client.cert_chain_pems[0].write_to_path(str(made.client_cert))
    client.private_key_pem.write_to_path(str(made.client_key))
    return made


def _key_and_chain(issued: trustme.LeafCert) -> bytes:
    """Give both in one, the key in the form PKCS 8, the only one that Kafka reads."""
    key = load_pem_private_key(issued.private_key_pem.bytes(), password=None)
    pkcs8 = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return pkcs8 + b"".join(blob.bytes() for blob in issued.cert_chain_pems)
