"""Settings of the server that storefronts read."""

from pathlib import Path
from ssl import SSLContext
from typing import Any, Self
from urllib.parse import SplitResult, parse_qs, urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from inventory_stream.settings.names import variable
from inventory_stream.settings.section import Section
from inventory_stream.settings.shown import without_password
from inventory_stream.settings.tls import TLS_FIELDS, tls_context

# What a URL may ask for after its "?": the rest are settings of their own here, and the library
# would take anything for an option of its connections.
_QUERY_OF_SOCKETS = {"db", "username", "password"}


class RedisSettings(Section):
    """Where storefronts read ATP."""

    url: str = Field(
        "redis://127.0.0.1:6379/0",
        pattern=r"^(rediss?|unix)://",
        description="server of the projection: redis://host:port/db, rediss:// with TLS, unix:///path?db=0; "
        "one database for one environment (a topic prefix separates topics, not Redis keys)",
    )
    username: str | None = Field(
        None, min_length=1, description="ACL user; without it, the server's default user"
    )
    password: SecretStr | None = Field(
        None, min_length=1, description="its password; better here than in the url"
    )
    tls_ca_file: Path | None = Field(
        None, description="PEM file of the authorities to trust; without it, those of the system"
    )
    tls_cert_file: Path | None = Field(
        None, description="PEM file of our own certificate, for servers that ask for one"
    )
    tls_key_file: Path | None = Field(
        None, description="PEM file of its key, without a passphrase; not needed when in the same file"
    )
    timeout_seconds: float = Field(5.0, ge=0.1, le=60.0, description="longest wait for one answer")

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, url: str) -> str:
        """Refuse what the library would read as another address or database in silence."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:  # its own words would quote what may be a password with an unescaped "#" in it
            raise ValueError("its port is no number up to 65535; write it as redis://host:6379/0") from None
        if parts.scheme == "unix":
            _check_socket(parts)
            return url
        if not parts.hostname:
            raise ValueError("no host in it; write it as redis://host:6379/0")
        if port == 0:
            raise ValueError("no server has port 0; write it as redis://host:6379/0")
        if parts.query or parts.fragment:
            raise ValueError("nothing may follow the database; the redis.* settings say the rest")
        if parts.path not in {"", "/"} and not parts.path[1:].isdecimal():
            raise ValueError("the database is a number, as in redis://host:6379/0")
        return url

    @model_validator(mode="after")
    def _security_is_whole(self) -> Self:
        parts = urlsplit(self.url)
        in_url = bool(
            parts.password or parts.username or {"username", "password"} & parse_qs(parts.query).keys()
        )
        if in_url and (self.username is not None or self.password is not None):
            raise ValueError(
                f"redis.url names a user or password, and redis.username or redis.password does too: "
                f"take it out of {variable(('redis', 'url'))}"
            )
        if self.username is not None and self.password is None:
            raise ValueError(
                f"redis.username = {self.username} has no redis.password beside it: set "
                f"{variable(('redis', 'password'))}, or unset {variable(('redis', 'username'))}"
            )
        if self.is_tls:
            self.tls_context()
            return self
        for field in TLS_FIELDS:
            if getattr(self, field) is not None:
                raise ValueError(
                    f"redis.{field} is set, but redis.url = {without_password(self.url)} is not encrypted: "
                    f"begin {variable(('redis', 'url'))} with rediss://, or unset "
                    f"{variable(('redis', field))}"
                )
        return self

    @property
    def is_tls(self) -> bool:
        """Whether the connection is encrypted."""
        return self.url.startswith("rediss://")

    def tls_context(self) -> SSLContext:
        """Read the certificates.

        Raises:
            ValueError: one is missing, unreadable or of the wrong kind; one line with the way out.
        """
        return tls_context("redis", self.tls_ca_file, self.tls_cert_file, self.tls_key_file)

    def __repr_args__(self) -> Any:  # noqa: ANN401  # pydantic's own type is not public
        """Show the URL, too, without its password."""
        for name, value in super().__repr_args__():
            yield name, without_password(value) if name == "url" else value


def _check_socket(parts: SplitResult) -> None:
    query = parse_qs(parts.query)
    if parts.netloc or not parts.path:
        raise ValueError("no path in it; write it as unix:///run/redis.sock?db=0")
    if unknown := sorted(query.keys() - _QUERY_OF_SOCKETS):
        raise ValueError(f"{', '.join(unknown)} cannot be said in it; the redis.* settings say the rest")
    if not all(number.isdecimal() for number in query.get("db", [])):
        raise ValueError("the database is a number, as in unix:///run/redis.sock?db=0")
