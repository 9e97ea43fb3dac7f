"""`worker ledger --processes`: how many, and what each is told of its own."""

import os
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
import typer

from inventory_stream.cli import EXIT_FAILED
from inventory_stream.cli.worker_processes import PROGRAM, process_count, run_processes
from inventory_stream.demo import stage
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
