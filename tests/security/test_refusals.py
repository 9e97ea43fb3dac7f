"""Who is not let in is told why in one line, soon, with the setting to change; no secret is shown."""

import time
from pathlib import Path
from typing import Final

import pytest

from inventory_stream.settings import ENV_PREFIX
from tests.security.shop import Shop, password_of, run
from tests.unit.replay_files import SALE, sales, write_csv, write_mapping

pytestmark = [pytest.mark.broker, pytest.mark.redis]

REFUSED_SECONDS_MAX: Final = 30.0
"""Longest life of a refused command: 10 s of patience with a server that does not say no, and Python's
start on a busy machine."""

WRONG: Final = "oops"
NO_SASL: Final[dict[str, str | None]] = dict.fromkeys(
    ("KAFKA__SASL_MECHANISM", "KAFKA__SASL_USERNAME", "KAFKA__SASL_PASSWORD")
)
NO_TLS: Final[dict[str, str | None]] = {"KAFKA__TLS_CA_FILE": None}

KAFKA_FAULTS: Final[dict[str, tuple[dict[str, str | None], str]]] = {
    "wrong password": ({"KAFKA__SASL_PASSWORD": WRONG}, "INVENTORY_STREAM_KAFKA__SASL_PASSWORD"),
    "unknown user": ({"KAFKA__SASL_USERNAME": "who"}, "kafka.sasl_username = who"),
    "other mechanism": (
        {"KAFKA__SASL_MECHANISM": "SCRAM-SHA-512"},
        "INVENTORY_STREAM_KAFKA__SASL_MECHANISM",
    ),
    "wrong password by PLAIN": (
        {"KAFKA__SASL_MECHANISM": "PLAIN", "KAFKA__SASL_PASSWORD": WRONG},
        "INVENTORY_STREAM_KAFKA__SASL_PASSWORD",
    ),
    "wrong authority": ({"KAFKA__TLS_CA_FILE": "stranger"}, "INVENTORY_STREAM_KAFKA__TLS_CA_FILE"),
    "authorities of the system": (NO_TLS, "INVENTORY_STREAM_KAFKA__TLS_CA_FILE"),
    "plaintext to a TLS port": (
        {**NO_SASL, **NO_TLS, "KAFKA__SECURITY_PROTOCOL": None},
        "INVENTORY_STREAM_KAFKA__SECURITY_PROTOCOL",
    ),
    "user in plaintext to a TLS port": (
        {**NO_TLS, "KAFKA__SECURITY_PROTOCOL": "SASL_PLAINTEXT"},
        "INVENTORY_STREAM_KAFKA__SECURITY_PROTOCOL",
    ),
    "TLS without a user": (
        {**NO_SASL, "KAFKA__SECURITY_PROTOCOL": "SSL"},
        "INVENTORY_STREAM_KAFKA__SECURITY_PROTOCOL",
    ),
}

REDIS_FAULTS: Final[dict[str, tuple[dict[str, str | None], str]]] = {
    "wrong password": ({"REDIS__PASSWORD": WRONG}, "INVENTORY_STREAM_REDIS__PASSWORD"),
    "unknown user": ({"REDIS__USERNAME": "who"}, "INVENTORY_STREAM_REDIS__USERNAME"),
    "no user": ({"REDIS__USERNAME": None, "REDIS__PASSWORD": None}, "INVENTORY_STREAM_REDIS__USERNAME"),
    "wrong authority": ({"REDIS__TLS_CA_FILE": "stranger"}, "INVENTORY_STREAM_REDIS__TLS_CA_FILE"),
    "plaintext to a TLS port": ({"REDIS__URL": "plain", "REDIS__TLS_CA_FILE": None}, "rediss://"),
    "a database that is not there": ({"REDIS__URL": "db"}, "INVENTORY_STREAM_REDIS__URL"),
    "no right": ({"REDIS__USERNAME": "deaf", "REDIS__PASSWORD": "redis-deaf"}, "docs/security.md"),
}


def changed(shop: Shop, changes: dict[str, str | None]) -> dict[str, str]:
    """Give an environment with a fault in it."""
    urls = {"plain": shop.redis.url.replace("rediss:", "redis:"), "db": f"{shop.redis.url[:-1]}99"}
    real = {
        name: str(shop.certificates.stranger_ca) if value == "stranger" else urls.get(value or "", value)
        for name, value in changes.items()
    }
    return shop.variables("maker", **real)


def only_line(variables: dict[str, str], *arguments: str) -> str:
    """Run a command as a process; give the one line that it ends with, in bounded time."""
    started_at = time.monotonic()
    ended = run(variables, *arguments)
    assert time.monotonic() - started_at < REFUSED_SECONDS_MAX
    assert ended.returncode == 1
    assert WRONG not in ended.stderr + ended.stdout
    (line,) = ended.stderr.splitlines()
    return line


@pytest.mark.parametrize("fault", KAFKA_FAULTS)
def test_kafka_says_why_it_lets_nobody_in(fault: str, shop: Shop) -> None:
    """The line names what to change, and not the password."""
    changes, words = KAFKA_FAULTS[fault]
    line = only_line(changed(shop, changes), "topics", "check")
    assert words in line
    assert password_of("maker") not in line


@pytest.mark.parametrize("fault", REDIS_FAULTS)
def test_redis_says_why_it_lets_nobody_in(fault: str, shop: Shop) -> None:
    """The line names what to change, and not the password."""
    changes, words = REDIS_FAULTS[fault]
    line = only_line(changed(shop, changes), "atp", "get", "TEE")
    assert words in line
    assert "redis-" not in line


@pytest.mark.parametrize(
    "arguments",
    [("worker", "ledger"), ("topics", "create"), ("replay",), ("ledger", "verify", "--no-redis")],
    ids=" ".join,
)
def test_every_command_ends_when_its_password_is_wrong(
    arguments: tuple[str, ...], shop: Shop, tmp_path: Path
) -> None:
    """As a process, in bounded time: one line, status 1, no traceback, no secret."""
    if arguments == ("replay",):
        file, mapping = write_csv(tmp_path, *sales(1)), write_mapping(tmp_path, SALE)
        arguments = ("replay", str(file), "--mapping", str(mapping))
    line = only_line(shop.variables("maker", KAFKA__SASL_PASSWORD=WRONG), *arguments)
    assert f"{ENV_PREFIX}KAFKA__SASL_PASSWORD" in line


def test_doctor_names_each_refusal_with_its_way_out(shop: Shop) -> None:
    """Doctor goes on to Redis when Kafka refuses, exits 1, and shows no secret."""
    variables = shop.variables("doctor", KAFKA__SASL_PASSWORD=WRONG, REDIS__PASSWORD=WRONG)
    ended = run({**variables, "COLUMNS": "1000"}, "doctor")
    assert ended.returncode == 1
    assert "INVENTORY_STREAM_KAFKA__SASL_PASSWORD" in ended.stdout
    assert "INVENTORY_STREAM_REDIS__PASSWORD" in ended.stdout
    assert WRONG not in ended.stdout + ended.stderr


def test_a_name_that_the_certificate_does_not_have_is_told(shop: Shop) -> None:
    """A right certificate at a wrong name is an impostor, and told apart from a wrong authority."""
    variables = shop.variables("maker", KAFKA__BOOTSTRAP_SERVERS=f"localhost:{shop.kafka.port}")
    assert "is for another name" in only_line(variables, "topics", "check")
