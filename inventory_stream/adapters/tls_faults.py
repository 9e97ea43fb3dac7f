"""What a TLS handshake failed on, in words that name the setting to change."""

import ssl
from collections.abc import Iterator
from typing import Final

from inventory_stream.settings import variable

# X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH of OpenSSL.
_OTHER_NAME: Final = {62, 64}

# X509_V_ERR_CERT_NOT_YET_VALID and X509_V_ERR_CERT_HAS_EXPIRED.
_OUT_OF_DATE: Final = {9, 10}

# Reasons by which OpenSSL says that the other side did not answer in TLS.
_NO_TLS: Final = {"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG"}


def causes(error: BaseException) -> Iterator[BaseException]:
    """Give an error and what it came from; libraries wrap, some without saying `from`."""
    link: BaseException | None = error
    seen: set[int] = set()
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__ or link.__context__


def explain_tls(error: BaseException, section: str, server: str, without_tls: str) -> str | None:
    """Say in one line what a handshake failed on; None when it was not about TLS.

    Args:
        error: What the client raised.
        section: Of the settings.
        server: Its address.
        without_tls: What to set when the server turns out not to speak TLS.
    """
    fault = next((link for link in causes(error) if isinstance(link, ssl.SSLError)), None)
    if fault is None:
        return None
    ca, cert = variable((section, "tls_ca_file")), variable((section, "tls_cert_file"))
    if isinstance(fault, ssl.SSLCertVerificationError):
        why = fault.verify_message.rstrip(".")
        if fault.verify_code in _OTHER_NAME:
            return f"the certificate of {server} is for another name ({why}): name it as its certificate does"
        if fault.verify_code in _OUT_OF_DATE:
            return (
                f"the certificate of {server} is not valid now ({why}): renew it, or set this machine's clock"
            )
        return (
            f"the certificate of {server} is not from an authority that we trust ({why}): name the file of "
            f"the one that signed it with {ca}"
        )
    reason = fault.reason or type(fault).__name__
    if reason in _NO_TLS:
        return f"{server} does not speak TLS ({reason}): {without_tls}, or name its port for TLS"
    return (
        f"{server} ended the TLS handshake ({reason}): does it ask for a certificate? Name ours with {cert}"
    )
