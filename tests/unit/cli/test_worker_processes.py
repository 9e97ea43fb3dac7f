"""`worker ledger --processes`: how many, and what each is told of its own."""

import os

import pytest
import typer

from inventory_stream.cli.worker_processes import process_count, run_processes
from inventory_stream.errors import SettingsError
from inventory_stream.settings import MonitoringSettings, Settings


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
