"""Settings of callers and customers: what could not be meant is refused with its way out."""

from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from inventory_stream.settings import GatewaySettings

KEYS = {"jwks_url": "https://issuer.example/jwks", "jwt_issuer": "i", "jwt_audience": "a"}


def refusal(**settings: Any) -> str:  # noqa: ANN401  # wrong on purpose
    """Give the words of the refusal."""
    with pytest.raises(ValidationError) as refused:
        GatewaySettings(**settings)
    return str(refused.value)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({**KEYS, "jwks_url": "http://issuer.example/jwks"}, "use https"),
        ({**KEYS, "jwks_url": "http://127.0.0.1.evil.example/jwks"}, "use https"),
        ({**KEYS, "jwks_url": "file:///etc/passwd"}, "not an address"),
        ({**KEYS, "jwks_url": "https://user:secret@issuer.example/"}, "not an address"),
        ({**KEYS, "jwks_url": "https://issuer.example:x/"}, "not an address"),
        ({**KEYS, "jwt_issuer": None}, "needs gateway.jwt_issuer"),
        ({**KEYS, "jwt_audience": None}, "needs gateway.jwt_audience"),
        ({**KEYS, "jwks_file": "f"}, "both set"),
        ({"jwt_leeway_seconds": 3_600}, "less than or equal to 60"),
        ({"cors_origins": "*"}, "not an origin"),
        ({"cors_origins": "https://shop.example/"}, "not an origin"),
        ({"cors_origins": "https://shop.example, shop.example"}, "not an origin"),
        ({"cors_origins": "null"}, "not an origin"),
        ({"trusted_proxies": "10.0.0.1/8"}, "no network"),
        ({"trusted_proxies": "proxy"}, "no network"),
        ({"customer_key": "short"}, "shorter than 32"),
        ({"public_units_max": 0}, "greater than or equal to 1"),
        ({"streams_per_client_max": 0}, "greater than or equal to 1"),
        ({"customer_key_id": "k:1"}, "pattern"),
        ({"tls_cert_file": "no.pem"}, "cannot be read"),
    ],
)
def test_what_cannot_be_meant_is_refused(settings: dict[str, Any], words: str) -> None:
    """Each with words that say what to write instead, and never the secret."""
    said = refusal(**settings)
    assert words in said
    assert "short'" not in said
    assert "ssss" not in said


def test_lists_are_read() -> None:
    """Comma-separated, with blanks or without."""
    settings = GatewaySettings(
        cors_origins="https://a.example, http://localhost:3000", trusted_proxies="10.0.0.0/8,2001:db8::/32"
    )
    assert settings.origins == {"https://a.example", "http://localhost:3000"}
    assert settings.proxies == (ip_network("10.0.0.0/8"), ip_network("2001:db8::/32"))
    assert GatewaySettings().origins == frozenset()
    assert GatewaySettings(**{**KEYS, "jwks_url": "http://localhost:9/jwks"}).jwks_url


def test_a_file_that_is_no_certificate_is_one_line(tmp_path: Path) -> None:
    """The setting, the file, the way out."""
    file = tmp_path / "cert.pem"
    file.write_text("no certificate")
    said = refusal(tls_cert_file=file)
    assert "gateway.tls_cert_file" in said
    assert "INVENTORY_STREAM_GATEWAY__TLS_CERT_FILE" in said
