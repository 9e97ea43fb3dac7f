"""Certificates by which a client knows a server, and a server its client."""

import ssl
from pathlib import Path

from inventory_stream.settings.names import variable

TLS_FIELDS = ("tls_ca_file", "tls_cert_file", "tls_key_file")


def tls_context(section: str, ca: Path | None, cert: Path | None, key: Path | None) -> ssl.SSLContext:
    """Build what a TLS connection needs; the server's name is always checked against its certificate.

    Args:
        section: Of the settings, for messages.
        ca: PEM file of the authorities to trust; None: those that the system trusts.
        cert: PEM file of the client's own certificate, where the server asks for one.
        key: PEM file of its private key, without a passphrase; None: it is in the same file.

    Raises:
        ValueError: a file is missing, unreadable or of the wrong kind; one line with the way out.
    """
    for field, path in zip(TLS_FIELDS, (ca, cert, key), strict=True):
        if path is not None:
            _check_readable(section, field, path)
    if key is not None and cert is None:
        raise ValueError(
            f"{section}.tls_key_file = {key} has no certificate beside it: name it with "
            f"{variable((section, 'tls_cert_file'))}, or unset {variable((section, 'tls_key_file'))}"
        )
    try:
        context = ssl.create_default_context(cafile=ca)
    except ssl.SSLError as error:
        raise ValueError(
            f"{section}.tls_ca_file = {ca}: no certificates in it ({error.reason or error}); name a PEM "
            f"file of the authorities to trust with {variable((section, 'tls_ca_file'))}"
        ) from None
    if cert is not None:
        _load_own(context, section, cert, key)
    return context


def listener_tls_context(section: str, cert: Path, key: Path | None) -> ssl.SSLContext:
    """Build what a server of ours shows; TLS 1.2 and up, with the ciphers that OpenSSL takes for safe.

    Args:
        section: Of the settings, for messages.
        cert: PEM file of the certificate, and of those between it and the authority.
        key: PEM file of its private key, without a passphrase; None: it is in the same file.

    Raises:
        ValueError: a file is missing, unreadable or of the wrong kind; one line with the way out.
    """
    for field, path in (("tls_cert_file", cert), ("tls_key_file", key)):
        if path is not None:
            _check_readable(section, field, path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _load_own(context, section, cert, key)
    return context


def _check_readable(section: str, field: str, path: Path) -> None:
    try:
        with path.open("rb") as file:
            file.read(1)
    except OSError as error:
        raise ValueError(
            f"{section}.{field} = {path}: cannot be read ({error.strerror}); name a readable PEM file with "
            f"{variable((section, field))}"
        ) from None


class _PassphraseError(Exception):
    """OpenSSL asked for a passphrase, which it would else do at the terminal."""


def _load_own(context: ssl.SSLContext, section: str, cert: Path, key: Path | None) -> None:
    def refuse() -> str:
        raise _PassphraseError

    fields = f"{section}.tls_cert_file = {cert}, {section}.tls_key_file = {key or 'not set'}"
    names = f"{variable((section, 'tls_cert_file'))} and {variable((section, 'tls_key_file'))}"
    try:
        context.load_cert_chain(cert, key, password=refuse)
    except _PassphraseError:
        raise ValueError(
            f"{fields}: the key asks for a passphrase; name one without by "
            f"{variable((section, 'tls_key_file'))}"
        ) from None
    except ssl.SSLError as error:
        raise ValueError(
            f"{fields}: no certificate and its own private key ({error.reason or error}); name PEM files "
            f"that belong together with {names}"
        ) from None
