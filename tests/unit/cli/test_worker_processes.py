"""`worker ledger --processes`: how many, and what each is told of its own."""

import os
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path

import aiohttp
import pytest
import typer
from aiohttp import web
from prometheus_client import CollectorRegistry

from inventory_stream.adapters.monitoring.endpoint import Endpoint
from inventory_stream.adapters.monitoring.health import Health
from inventory_stream.cli import EXIT_FAILED
from inventory_stream.cli.worker_processes import PROGRAM, process_count, run_processes, why_not_ready
from inventory_stream.demo import stage
from inventory_stream.devservers.ports import free_ports
from inventory_stream.errors import SettingsError
from inventory_stream.settings import ENV_PREFIX, MonitoringSettings, Settings


def test_a_number_or_one_for_each_core() -> None:
    """`auto` counts the cores that this process may use, not those of the machine."""
    assert process_count("3") == 3
    assert process_count("auto") == len(os.sched_getaffinity(0))


@pytest.mark.parametrize("text", ["0", "-1", "65", "two", "", "1.5"])
def test_what_is_no_number_of_processes_is_said(text: str) -> None:
    """A typing error starts nothing, and the message names what would do."""
    with pytest.raises(typer.BadParameter, match="from 1 to 64, nor 'auto'"):
        process_count(text)


def test_ports_beyond_the_last_are_a_wrong_setting() -> None:
    """Each worker has a port of its own: where they do not suffice, nothing is started."""
    settings = Settings(monitoring=MonitoringSettings(port=65_534))
    with pytest.raises(SettingsError, match="at most 65533 by INVENTORY_STREAM_MONITORING__PORT"):
        run_processes(settings, 2)


@pytest.mark.parametrize("program", [PROGRAM, stage.PROGRAM])
def test_a_worker_runs_nothing_of_the_folder_it_is_started_in(program: Sequence[str], tmp_path: Path) -> None:
    """A folder of our package's name where the command is called is not taken for the package."""
    package = tmp_path / "inventory_stream"
    package.mkdir()
    (package / "__init__.py").write_text("raise SystemExit(99)")
    started = subprocess.run([*program, "--version"], cwd=tmp_path, stdout=subprocess.PIPE, check=False)  # noqa: S603
    assert started.returncode == 0


def test_a_worker_whose_port_is_held_may_be_started_again() -> None:
    """The former parent's worker may hold the port for seconds: its successor's end must not end all."""
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        environment = os.environ | {f"{ENV_PREFIX}MONITORING__PORT": str(port)}
        command = [*PROGRAM, "worker", "ledger"]
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    assert ended.returncode == EXIT_FAILED
    assert f"monitoring.port = {port}" in ended.stderr


@pytest.mark.parametrize("host", ["::1", "::", "127.0.0.1"])
async def test_a_worker_is_asked_where_it_listens(host: str) -> None:
    """An address of either family is asked; what the worker misses is told, and nothing when it is ready."""
    (port,) = free_ports(1)
    worker = Endpoint(
        host,
        port,
        health=Health(),
        registry=CollectorRegistry(),
        refresh=lambda: None,
        note_ready=lambda _: None,
    )
    settings = Settings(monitoring=MonitoringSettings(host=host, port=port - 1))

    async def nothing() -> Sequence[str]:
        return ()

    try:
        await worker.start()
    except SettingsError:
        pytest.skip(f"this machine has no address {host}")
    try:
        async with aiohttp.ClientSession() as session:
            assert (
                await why_not_ready(session, settings, 1)
                == "worker 1: starting: servers and topics are being checked"
            )
            worker.working(nothing)
            assert not await why_not_ready(session, settings, 1)
    finally:
        await worker.close()


@pytest.mark.parametrize("status", [200, 503])
@pytest.mark.parametrize("body", [b"at home", b"[]", b"{}", b'{"ready": false, "reasons": ["\xff"]}'])
async def test_a_stranger_on_the_port_is_no_worker(status: int, body: bytes) -> None:
    """Whatever another program answers there, its worker is not ready, and the probe has its answer."""

    async def answer(_: web.BaseRequest) -> web.Response:
        return web.Response(status=status, body=body)

    (port,) = free_ports(1)
    settings = Settings(monitoring=MonitoringSettings(port=port - 1))
    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        async with aiohttp.ClientSession() as session:
            said = await why_not_ready(session, settings, 1)
    finally:
        await runner.cleanup()
    assert said == f"worker 1: http://127.0.0.1:{port}/ready is answered by another program"
