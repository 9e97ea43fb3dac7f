"""Everything runs over SASL_SSL and rediss, each process as a user with its own rights and no others."""

import asyncio
import json
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from inventory_stream.adapters.kafka.command_sink import open_command_sink
from inventory_stream.adapters.kafka.process_end import EXIT_CODE
from inventory_stream.adapters.kafka.topic_rules import LEDGER
from inventory_stream.cli.rights import Operation, Resource, rights_of
from inventory_stream.devservers.supervisor import Supervisor
from inventory_stream.settings import ENV_PREFIX
from models.commands import Adjust
from tests.security.shop import NOBODY, Shop, password_of, run, without

pytestmark = [pytest.mark.broker, pytest.mark.redis]

SHOWN_SECONDS_MAX: Final = 60.0
"""Longest wait for a command's effect in Redis: three starts of Python and a first assignment."""


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    """Keep the workers of a test, and end them with it."""
    with Supervisor(tmp_path / "logs") as one:
        yield one


def worker(supervisor: Supervisor, name: str, variables: dict[str, str]) -> None:
    """Start a worker."""
    supervisor.start(name, [sys.executable, "-m", "inventory_stream.cli", "worker", name], variables)


def as_secret_files(variables: dict[str, str], folder: Path) -> dict[str, str]:
    """Move what is secret from the environment to files, as a mounted Secret does."""
    folder.mkdir()
    kept = {}
    for name, value in variables.items():
        if name.endswith("PASSWORD"):
            (folder / name).write_text(f"{value}\n")
        else:
            kept[name] = value
    return {**kept, f"{ENV_PREFIX}SECRETS_DIR": str(folder)}


async def test_a_unit_travels_from_command_to_shelf_as_least_privileged_users(
    shop: Shop, supervisor: Supervisor, tmp_path: Path
) -> None:
    """Topics, worker, projection, sender and reader each get on with the rights of docs/security.md."""
    await shop.grant_roles()
    assert run(shop.variables("maker"), "topics", "create").returncode == 0
    worker(supervisor, "ledger", as_secret_files(shop.variables("ledger"), tmp_path / "ledger-secrets"))
    worker(supervisor, "projection", shop.variables("projection"))
    settings = shop.settings("sender")
    async with open_command_sink(settings) as sink:
        now_ms = time.time_ns() // 1_000_000
        await sink.send(Adjust("grn-1", "TEE", "DC1", 40, now_ms), "TEE")
        await sink.flush()
    deadline = time.monotonic() + SHOWN_SECONDS_MAX
    while True:
        got = await asyncio.to_thread(run, shop.variables("shelf"), "atp", "get", "TEE", "--json")
        if got.returncode == 0 and not got.stderr:
            break
        logs = "".join(supervisor.log_path(name).read_text() for name in ("ledger", "projection"))
        assert time.monotonic() < deadline, got.stderr + logs
    assert json.loads(got.stdout)["total"] == 40
    verified = run(shop.variables("reader"), "ledger", "verify")
    assert verified.returncode == 0, verified.stderr + verified.stdout
    examined = run({**shop.variables("doctor"), "COLUMNS": "1000"}, "doctor")
    assert not re.search("Authorization|does not let|Traceback", examined.stdout + examined.stderr)
    for name in ("ledger", "projection"):
        assert supervisor.exit_statuses(name) == [], supervisor.log_path(name).read_text()
        assert supervisor.stop(name) == 0
        assert not _secrets_in(supervisor.log_path(name).read_text())


def _secrets_in(text: str) -> list[str]:
    passwords = [password_of(user) for user in ("ledger", "projection")]
    return re.findall("|".join([*passwords, "redis-projection", "redis-shelf"]), text)


async def test_a_ledger_worker_that_may_not_write_the_ledger_says_so_and_ends(shop: Shop) -> None:
    """P12: only ledger workers may write the ledger; who may not is told in one line which right."""
    await shop.grant_roles()
    assert run(shop.variables("maker"), "topics", "create").returncode == 0
    rights = rights_of("worker ledger", shop.settings().topic)
    await shop.grant(NOBODY, without(rights, Resource.TOPIC, shop.settings().topic(LEDGER), Operation.WRITE))
    ended = run(shop.variables(NOBODY), "worker", "ledger")
    assert ended.returncode == EXIT_CODE
    said = _reason(ended.stderr)
    assert "TopicAuthorizationFailed" in said
    assert "docs/security.md" in said


async def test_a_worker_that_may_not_join_its_group_says_so_and_ends(shop: Shop) -> None:
    """It does not wait for ever for an assignment that cannot come."""
    await shop.grant_roles()
    assert run(shop.variables("maker"), "topics", "create").returncode == 0
    ended = run(shop.variables("projection"), "worker", "ledger")
    assert ended.returncode == EXIT_CODE
    said = _reason(ended.stderr)
    assert "GroupAuthorizationFailed" in said
    assert "docs/security.md" in said


def _reason(stderr: str) -> str:
    """Give what the process said at its end: the last line, after those of its work; no traceback."""
    assert "Traceback" not in stderr
    return stderr.splitlines()[-1]
