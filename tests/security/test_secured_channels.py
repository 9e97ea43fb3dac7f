"""A channel worker and its operator over SASL_SSL, each with its own rights and no others."""

import asyncio
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from inventory_stream.adapters.kafka.command_sink import open_command_sink
from inventory_stream.devservers.supervisor import Supervisor
from inventory_stream.sandbox.config import FAKES, Line, write_config
from inventory_stream.sandbox.server import running
from inventory_stream.sandbox.specs import Specs
from models.commands import Adjust
from tests.security.shop import Shop, run

pytestmark = [pytest.mark.broker, pytest.mark.redis]

SHOWN_SECONDS_MAX: Final = 60.0
"""Longest wait for a command's effect at a channel: two starts of Python and a first assignment."""


async def test_a_unit_travels_from_command_to_channel_as_least_privileged_users(
    shop: Shop, tmp_path: Path
) -> None:
    """Worker and operator get on with the rights of docs/security.md; a pause is taken up."""
    await shop.grant_roles()
    assert run(shop.variables("maker"), "topics", "create").returncode == 0
    fake = FAKES["webhook"]({"TEE": 0}, Specs(None))
    shown = fake.account.shown
    with Supervisor(tmp_path / "logs") as supervisor:
        async with running([fake]) as sandbox:
            registry, mapping = write_config(
                tmp_path / "config", [fake], sandbox.url_of, [Line("webhook", "TEE", "TEE")]
            )
            files: dict[str, str | None] = {
                "CHANNELS__REGISTRY_FILE": str(registry),
                "CHANNELS__MAPPING_FILE": str(mapping),
                "CHANNELS__ALLOW_LOOPBACK": "true",
            }
            command = [sys.executable, "-m", "inventory_stream.cli", "worker"]
            supervisor.start("ledger", [*command, "ledger"], shop.variables("ledger"))
            supervisor.start("channels", [*command, "channels"], shop.variables("channels", **files))

            def logs() -> str:
                return "".join(supervisor.log_path(name).read_text() for name in ("ledger", "channels"))

            async with open_command_sink(shop.settings("sender")) as sink:
                now_ms = time.time_ns() // 1_000_000
                await sink.send(Adjust("grn-1", "TEE", "DC1", 40, now_ms), "TEE")
                await sink.flush()
            await until(lambda: shown["TEE"] == 40, logs)
            keeper = shop.variables("keeper", **files)
            paused = await asyncio.to_thread(run, keeper, "channels", "pause", "webhook", "--reason", "test")
            assert paused.returncode == 0, paused.stdout + paused.stderr + logs()
            told = await asyncio.to_thread(run, keeper, "channels", "status", "--json")
            assert '"off"' in told.stdout, told.stdout + told.stderr
            for name in ("ledger", "channels"):
                assert supervisor.exit_statuses(name) == [], logs()
                assert supervisor.stop(name) == 0


async def until(is_so: Callable[[], bool], logs: Callable[[], str]) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + SHOWN_SECONDS_MAX
    while not is_so():
        assert time.monotonic() < deadline, logs()
        await asyncio.sleep(0.05)
