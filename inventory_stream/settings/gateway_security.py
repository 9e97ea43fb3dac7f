"""Settings of who may ask a gateway, how often, and how customers are hidden."""

import ipaddress
from pathlib import Path
from typing import Final, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from inventory_stream.settings.names import variable
from inventory_stream.settings.section import Section

SECRET_BYTES_MIN: Final = 32
"""As long as HMAC-SHA256's output: shorter secrets could be tried."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class GatewaySecuritySettings(Section):
    """The part of the section `gateway` that is about callers and customers."""

    api_keys_file: Path | None = Field(
        None, description="file of `inventory-stream keys`, mode 600; read again when it changes"
    )
    jwks_url: str | None = Field(
        None, description="where the issuer of tokens (JWT) shows its keys: https, or http on this machine"
    )
    jwks_file: Path | None = Field(None, description="file with the issuer's keys, instead of the address")
    jwt_issuer: str | None = Field(
        None, min_length=1, max_length=512, description="what every token must name as its issuer (iss)"
    )
    jwt_audience: str | None = Field(
        None, min_length=1, max_length=512, description="what every token must be meant for (aud): this API"
    )
    jwt_leeway_seconds: float = Field(
        5.0, ge=0.0, le=60.0, description="how far the issuer's clock may differ from ours"
    )
    jwt_customer_is_subject: bool = Field(
        False,  # noqa: FBT003  # pydantic takes the default so
        description="tokens are of shoppers: each acts for its sub alone and may do what a public key may",
    )
    cors_origins: str = Field(
        "",
        max_length=4_096,
        description="origins whose pages may call, comma-separated, as https://shop.example; none: only ours",
    )
    trusted_proxies: str = Field(
        "",
        max_length=4_096,
        description="addresses or networks, comma-separated, whose X-Forwarded-For is believed; none: nobody",
    )
    key_requests_per_second: int = Field(
        10_000,
        ge=1,
        le=1_000_000,
        description="of each key or token without a rate of its own, with twice that at once; beyond it 429",
    )
    client_requests_per_second: int = Field(
        50,
        ge=1,
        le=1_000_000,
        description="of each address that asks without a key or with a public one; an office shares one",
    )
    customer_requests_per_second: int = Field(
        10, ge=1, le=1_000_000, description="of each customer that a shop names; beyond it 429"
    )
    webhook_requests_per_second: int = Field(
        1_000,
        ge=1,
        le=1_000_000,
        description="of each integration at its webhook, with twice that at once; beyond it 429",
    )
    public_units_max: int = Field(
        10, ge=1, le=1_000_000, description="units of one reservation made with a public key; beyond it 403"
    )
    public_ttl_seconds_max: int = Field(
        900,
        ge=1,
        le=604_800,
        description="how long one may be held at once with a public key, and extended by; beyond it 403",
    )
    streams_per_client_max: int = Field(
        50,
        ge=1,
        le=1_000_000,
        description="live streams and WebSockets, and streams of waiting rooms, of each address at once, but "
        "for keys that are not public; beyond it 429",
    )
    customer_key: SecretStr | None = Field(
        None,
        description="secret by which customers are hidden, 32 characters or more; the same for all gateways",
    )
    customer_key_id: str = Field(
        "1", pattern=r"^[a-z0-9]{1,8}$", description="its name, which every hidden customer begins with"
    )

    @field_validator("jwks_url")
    @classmethod
    def _is_safe_to_believe(cls, url: str | None) -> str | None:
        if url is None:
            return None
        try:
            parts = urlsplit(url)
            host, _port = parts.hostname, parts.port
        except ValueError:
            raise ValueError("not an address; write it as https://issuer.example/jwks.json") from None
        if not host or parts.username or parts.fragment:
            raise ValueError("not an address; write it as https://issuer.example/jwks.json")
        if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(host)):
            raise ValueError("keys that come without TLS could be anybody's: use https://")
        return url

    @field_validator("cors_origins")
    @classmethod
    def _each_is_an_origin(cls, origins: str) -> str:
        each = _parts(origins)
        for origin in each:
            parts = urlsplit(origin)
            if parts.scheme not in {"http", "https"} or origin != f"{parts.scheme}://{parts.netloc}".lower():
                raise ValueError(f"{origin!r} is not an origin, like https://shop.example")
        return ",".join(each)

    @field_validator("trusted_proxies")
    @classmethod
    def _each_is_a_network(cls, networks: str) -> str:
        each = _parts(networks)
        for network in each:
            try:
                ipaddress.ip_network(network)
            except ValueError:
                raise ValueError(f"{network!r} is no network, like 10.0.0.0/8 or 2001:db8::/32") from None
        return ",".join(each)

    @field_validator("customer_key")
    @classmethod
    def _is_long_enough(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None and len(secret.get_secret_value().encode()) < SECRET_BYTES_MIN:
            raise ValueError(f"shorter than {SECRET_BYTES_MIN} bytes; `openssl rand -hex 32` makes one")
        return secret

    @model_validator(mode="after")
    def _tokens_are_whole(self) -> Self:
        named = [field for field in ("jwks_url", "jwks_file") if getattr(self, field) is not None]
        if len(named) > 1:
            raise ValueError(
                "gateway.jwks_url and gateway.jwks_file are both set: unset "
                f"{variable(('gateway', 'jwks_file'))}"
            )
        claims = [field for field in ("jwt_issuer", "jwt_audience") if getattr(self, field) is None]
        if named and claims:
            raise ValueError(
                f"gateway.{named[0]} needs gateway.{claims[0]}, which is not set: without it a token for "
                f"another service would open this one; set {variable(('gateway', claims[0]))}"
            )
        return self

    @property
    def origins(self) -> frozenset[str]:
        """The origins one by one."""
        return frozenset(_parts(self.cors_origins))

    @property
    def proxies(self) -> tuple[Network, ...]:
        """The networks one by one."""
        return tuple(ipaddress.ip_network(network) for network in _parts(self.trusted_proxies))


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
