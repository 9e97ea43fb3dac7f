"""Wrong settings of every kind, of every setting there is: one line each, and nothing starts."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple, get_args

import annotated_types
import pytest
from pydantic.fields import FieldInfo

from inventory_stream.errors import SettingsError
from inventory_stream.settings import ENV_PREFIX, Settings, load_settings, variable


class Case(NamedTuple):
    """One setting with a value that must be refused."""

    section: str
    field: str
    value: str


def settings_of() -> Iterator[tuple[str, str, FieldInfo]]:
    """Give every setting: section, name and what is said of it."""
    for section, field in Settings.model_fields.items():
        kind: Any = field.annotation
        for name, info in kind.model_fields.items():
            yield section, name, info


def wrong_values(info: FieldInfo) -> Iterator[str]:
    """Give values that the declaration of a setting excludes."""
    kinds = {info.annotation, *get_args(info.annotation)}
    kinds |= {part for kind in kinds for part in get_args(kind)}  # the words of an optional choice
    for bound in info.metadata:
        if isinstance(bound, annotated_types.Ge):
            yield repr(float(str(bound.ge)) - 0.01)
        elif isinstance(bound, annotated_types.Le):
            yield repr(int(str(bound.le).split(".", maxsplit=1)[0]) + 1)
        elif isinstance(bound, annotated_types.MinLen):
            yield ""
        elif isinstance(bound, annotated_types.MaxLen):
            yield "a" * (bound.max_length + 1)
        elif getattr(bound, "pattern", None) is not None:
            yield "a%"
    if kinds & {int, float, bool} or any(isinstance(kind, str) for kind in kinds):
        yield "nonsense"
        yield ""


CASES: Final = [
    Case(section, name, value) for section, name, info in settings_of() for value in wrong_values(info)
]

FREE_TEXT: Final = {
    *("worker.data_dir", "worker.instance_id", "catalog.file"),
    *("gateway.api_keys_file", "gateway.jwks_file", "gateway.storefront_file"),
    *("channels.registry_file", "channels.mapping_file"),
}
"""Settings that take any text. TLS files are refused when they are read, see OTHERS."""

CHECKED_BY_CODE: Final = {
    *(f"gateway.{name}" for name in ("jwks_url", "payment_secrets", "tls_cert_file", "tls_key_file")),
    *(f"gateway.{name}" for name in ("customer_key", "token_key", "token_key_before")),
}
"""Settings that no bound of their declaration describes, see OTHERS."""


def refused(monkeypatch: pytest.MonkeyPatch, **variables: str) -> str:
    """Set variables, each without the prefix; give the one line that loading says."""
    for name, value in variables.items():
        monkeypatch.setenv(ENV_PREFIX + name, value)
    with pytest.raises(SettingsError) as raised:
        load_settings()
    line = str(raised.value)
    assert len(line.splitlines()) == 1
    return line


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.section}.{case.field}={case.value[:20]}")
def test_a_value_that_a_setting_does_not_take_is_one_line(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Below and above each bound, of the wrong type, or empty: the setting and its variable are named."""
    line = refused(monkeypatch, **{f"{case.section}__{case.field}".upper(): case.value})
    assert f"{case.section}.{case.field}" in line
    assert variable((case.section, case.field)) in line


def test_every_setting_has_a_wrong_value_here() -> None:
    """A new setting is tried by itself, or says that it takes anything."""
    tried = {f"{case.section}.{case.field}" for case in CASES}
    tls = {f"{section}.tls_{kind}_file" for section in ("kafka", "redis") for kind in ("ca", "cert", "key")}
    every = {f"{section}.{name}" for section, name, _ in settings_of()}
    assert every - tried - FREE_TEXT - tls == CHECKED_BY_CODE


SASL: Final = {
    "KAFKA__SECURITY_PROTOCOL": "SASL_SSL",
    "KAFKA__SASL_MECHANISM": "PLAIN",
    "KAFKA__SASL_USERNAME": "shop",
    "KAFKA__SASL_PASSWORD": "hush",
}
TEXT: Final = str(Path(__file__))
"""A file that is there and no certificate."""

# What is set, without the prefix, and what the line must say.
OTHERS: Final[list[tuple[dict[str, str], str]]] = [
    ({"KAFKA__BOOTSTRAP_SERVERS": "broker"}, "'broker' is not host:port"),
    ({"KAFKA__BOOTSTRAP_SERVERS": "a:9092,,b:9092"}, "'' is not host:port"),
    ({"KAFKA__BOOTSTRAP_SERVERS": "a:many"}, "'a:many' is not host:port"),
    ({"KAFKA__BOOTSTRAP_SERVERS": "a:65536"}, "'a:65536' is not host:port"),
    ({"KAFKA__BOOTSTRAP_SERVERS": "http://a:1"}, "'http://a:1' is not host:port"),
    ({"KAFKA__TOPIC_PREFIX": "shop/"}, "kafka.topic_prefix = 'shop/'"),
    ({"REDIS__URL": "redis://cache:many/0"}, "its port is no number"),
    ({"REDIS__URL": "redis://:hush#hush@cache/0"}, "its port is no number"),
    ({"REDIS__URL": "redis://cache:0/0"}, "no server has port 0"),
    ({"REDIS__URL": "redis:///0"}, "no host in it"),
    ({"REDIS__URL": "redis://cache/shop"}, "the database is a number"),
    ({"REDIS__URL": "redis://cache/0?ssl_cert_reqs=none"}, "nothing may follow the database"),
    ({"REDIS__URL": "http://cache/0"}, "redis.url = 'http://cache/0'"),
    ({"REDIS__URL": "unix:///run/redis.sock?db=one"}, "the database is a number"),
    ({"REDIS__URL": "unix:///run/redis.sock?shop=1"}, "shop cannot be said in it"),
    ({"REDIS__URL": "redis://:hush@cache/0", "REDIS__PASSWORD": "hush"}, "take it out of"),
    ({"REDIS__USERNAME": "shop"}, "set INVENTORY_STREAM_REDIS__PASSWORD"),
    ({"REDIS__TLS_CA_FILE": TEXT}, "with rediss://"),
    ({"REDIS__URL": "rediss://cache/0", "REDIS__TLS_CA_FILE": TEXT}, "no certificates in it"),
    ({"KAFKA__SECURITY_PROTOCOL": "SASL_SSL"}, "set INVENTORY_STREAM_KAFKA__SASL_MECHANISM"),
    ({**SASL, "KAFKA__SECURITY_PROTOCOL": "SSL"}, "makes no use of it"),
    ({"KAFKA__SASL_PASSWORD": "hush"}, "makes no use of it"),
    ({"KAFKA__TLS_CA_FILE": TEXT}, "makes no use of it"),
    ({**SASL, "KAFKA__TLS_CA_FILE": "/none.pem"}, "cannot be read (No such file or directory)"),
    ({**SASL, "KAFKA__TLS_CA_FILE": "/"}, "cannot be read (Is a directory)"),
    ({**SASL, "KAFKA__TLS_CA_FILE": TEXT}, "no certificates in it"),
    ({**SASL, "KAFKA__TLS_KEY_FILE": TEXT}, "has no certificate beside it"),
    ({**SASL, "KAFKA__TLS_CERT_FILE": TEXT}, "no certificate and its own private key"),
    ({"KAFKA": '{"sasl_password": 1}'}, "kafka.sasl_password = ***"),
    ({"KAFKA": '["hush"]'}, "kafka = <list>: a section"),
    ({"KAFKA": '{"sasl_password": "hush"'}, "cannot be read"),
    ({"SETTINGS_FILE": "/none.toml"}, "no such file"),
    ({"SETTINGS_FILE": TEXT}, "cannot be read as TOML"),
    ({"SECRETS_DIR": "/none"}, "cannot be read (No such file or directory)"),
    ({"GATEWAY__JWKS_URL": "http://issuer.example/"}, "use https://"),
    ({"GATEWAY__JWKS_URL": "https://issuer.example/"}, "set INVENTORY_STREAM_GATEWAY__JWT_ISSUER"),
    ({"GATEWAY__CORS_ORIGINS": "*"}, "'*' is not an origin"),
    ({"GATEWAY__TRUSTED_PROXIES": "proxy"}, "'proxy' is no network"),
    ({"GATEWAY__CUSTOMER_KEY": "hush"}, "gateway.customer_key = ***: shorter than 32 bytes"),
    ({"GATEWAY__TOKEN_KEY": "hush"}, "gateway.token_key = ***: shorter than 32 bytes"),
    ({"GATEWAY__TOKEN_KEY_BEFORE": "hush" * 8}, "belong together"),
    ({"GATEWAY__PAYMENT_SECRETS": "stripe=hush"}, "the secret of stripe is shorter"),
    ({"GATEWAY__TLS_CERT_FILE": TEXT}, "no certificate and its own private key"),
    ({"GATEWAY__TLS_CERT_FILE": "/none.pem"}, "cannot be read (No such file or directory)"),
    ({"GATEWAY__TLS_KEY_FILE": TEXT}, "name the certificate by INVENTORY_STREAM_GATEWAY__TLS_CERT_FILE"),
    ({"KAFKA__SASL_PASWORD": "hush"}, "did you mean INVENTORY_STREAM_KAFKA__SASL_PASSWORD?"),
]


@pytest.mark.parametrize(("variables", "words"), OTHERS)
def test_settings_that_say_nothing_of_use_are_one_line(
    variables: dict[str, str], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Addresses, files, combinations, names: one line with the way out, in which no secret stands."""
    line = refused(monkeypatch, **variables)
    assert words in line
    assert "hush" not in line


def test_no_secret_is_shown_by_settings_or_their_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither in the repr of what was read, nor as text or JSON."""
    for name, value in {**SASL, "REDIS__URL": "redis://:hush@cache/0"}.items():
        monkeypatch.setenv(ENV_PREFIX + name, value)
    settings = load_settings()
    assert settings.kafka.sasl_password is not None
    assert settings.kafka.sasl_password.get_secret_value() == "hush"
    assert "hush" not in repr(settings)
    assert "hush" not in str(settings.redis)


@pytest.mark.parametrize(
    ("content", "words"),
    [("\n", "kafka.sasl_password = *** in"), ("hu\nsh\n", None), ("hush\r\n", None)],
    ids=["empty", "two lines", "Windows"],
)
def test_a_secret_is_read_from_a_file_named_like_its_variable(
    content: str, words: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line end that an editor leaves is no part of it; an empty one is refused with the file's name."""
    name = f"{ENV_PREFIX}KAFKA__SASL_PASSWORD"
    (tmp_path / name).write_bytes(content.encode())
    (tmp_path / "keystore.jks").write_bytes(b"\xff\xfe")  # somebody else's
    for other, value in SASL.items():
        if other != "KAFKA__SASL_PASSWORD":
            monkeypatch.setenv(ENV_PREFIX + other, value)
    if words is not None:
        line = refused(monkeypatch, SECRETS_DIR=str(tmp_path))
        assert words in line
        assert str(tmp_path / name) in line
        return
    monkeypatch.setenv(f"{ENV_PREFIX}SECRETS_DIR", str(tmp_path))
    password = load_settings().kafka.sasl_password
    assert password is not None
    assert password.get_secret_value() == content.rstrip("\r\n")


def test_a_secret_file_that_cannot_be_decoded_or_is_misspelt_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its content is not quoted."""
    file = tmp_path / f"{ENV_PREFIX}REDIS__PASSWORD"
    file.write_bytes(b"hush\xff")
    line = refused(monkeypatch, SECRETS_DIR=str(tmp_path))
    assert line.startswith(f"{file}: not UTF-8")
    assert "hush" not in line
    file.rename(tmp_path / f"{ENV_PREFIX}REDIS__PASWORD")
    (tmp_path / f"{ENV_PREFIX}REDIS__PASWORD").write_text("hush")
    line = refused(monkeypatch, SECRETS_DIR=str(tmp_path))
    assert "did you mean INVENTORY_STREAM_REDIS__PASSWORD?" in line


@pytest.mark.parametrize(
    "command",
    [
        ("worker", "ledger"),
        ("worker", "projection"),
        ("topics", "create"),
        ("atp", "get", "TEE"),
        ("ledger", "verify"),
        ("doctor",),
    ],
    ids=" ".join,
)
def test_every_command_refuses_wrong_settings_with_status_2(command: tuple[str, ...]) -> None:
    """As a process: one line on stderr, no traceback, nothing on stdout."""
    ended = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "inventory_stream.cli", *command],
        env={f"{ENV_PREFIX}REDIS__URL": "redis://cache:many/0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2
    (line,) = ended.stderr.splitlines()
    assert "redis.url" in line
    assert ended.stdout == ""
