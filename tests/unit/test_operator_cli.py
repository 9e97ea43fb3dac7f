"""What operators type and read, without any server."""

from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import pytest
import typer
from typer.testing import CliRunner

from inventory_stream.adapters.compiled import ledger_form
from inventory_stream.cli import Commands, dead_letters, doctor, explain
from inventory_stream.cli.doctor import changed_settings
from inventory_stream.cli.lazy import load
from inventory_stream.cli.page import page
from inventory_stream.cli.times import moment_ms
from inventory_stream.settings import KafkaSettings, RedisSettings, Settings

PAGE: Final = Path(__file__).parents[2] / "docs" / "cli.md"


def leaves(command: Any, path: str) -> dict[str, str]:  # noqa: ANN401  # typer's own click has no public name
    """Give the help of each command that does something, by how it is called."""
    commands = getattr(command, "commands", None)
    if commands is None:
        return {path: command.help or ""}
    found: dict[str, str] = {}
    for name, one in commands.items():
        found |= leaves(one, f"{path} {name}")
    return found


ALL: Final = {
    path: text
    for name, entry in Commands.entries.items()
    for path, text in leaves(load(name, entry), f"inventory-stream {name}").items()
}


@pytest.mark.parametrize("path", ALL)
def test_help_of_every_command_has_an_example_of_it(path: str) -> None:
    """Nobody has to put a first call together from a list of options."""
    _, _, example = ALL[path].partition("Example: ")
    assert path in example


def test_the_page_of_commands_is_current() -> None:
    """docs/cli.md is what the command writes: python -m inventory_stream.cli.page."""
    assert PAGE.read_text(encoding="utf-8") == page()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["replay"], "--all"),
        (["replay", "--all", "--edit", "x.json"], "one file is for one KEY"),
        (["replay", "k", "--set", "units"], "field=value"),
        (["replay", "--all", "--set", "id=new"], "one id is for one KEY"),
        (["replay", "k", "l", "--set", "id=new"], "one id is for one KEY"),
        (["replay", "k", "--edit", "/nowhere/at/all"], "No such file"),
        (["list", "--topic", "order-event"], "stock-events, order-events, payment-events"),
        (["list", "--since", "yesterday"], "is no time"),
        (["list", "--since", "2026-11-22T09:00:00"], "has no zone"),
    ],
    ids=[
        "nothing named",
        "file for all",
        "no value",
        "id for all",
        "id for two",
        "no file",
        "no topic",
        "no time",
        "no zone",
    ],
)
def test_wrong_usage_says_what_is_right(arguments: list[str], said: str) -> None:
    """A usage error is exit 2 and names the way out, before any broker is asked."""
    result = CliRunner().invoke(dead_letters.app, arguments, env={"COLUMNS": "200"})
    assert result.exit_code == 2
    assert said in result.output


@pytest.mark.parametrize("kind", ["reservation", "command", "position"])
def test_empty_id_is_refused(kind: str) -> None:
    """An unset shell variable must not read as if nothing were in the ledger."""
    result = CliRunner().invoke(explain.app, [kind, ""], env={"COLUMNS": "200"})
    assert result.exit_code == 2
    assert "empty id" in result.output


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        (None, None),
        ("90s", 910_000),
        ("2h", 1_000_000 - 7_200_000),
        ("1970-01-01T00:00:01Z", 1_000),
        ("1970-01-01T01:00:01+01:00", 1_000),
    ],
)
def test_moments_are_taken_as_ago_or_with_a_zone(text: str | None, ms: int | None) -> None:
    """Both ways to name a moment give the same clock."""
    assert moment_ms(text, "--since", lambda: 1_000_000) == ms


def test_a_moment_without_a_zone_is_refused() -> None:
    """It could mean several moments."""
    with pytest.raises(typer.BadParameter, match="no zone"):
        moment_ms("2026-11-22T09:00:00", "--since")


def test_settings_are_shown_without_secrets() -> None:
    """What was set is told; passwords are not."""
    settings = Settings(
        kafka=KafkaSettings(topic_prefix="x-"),
        redis=RedisSettings(url="redis://shop:secret@cache:6379/0"),
    )
    assert changed_settings(settings) == [
        "kafka.topic_prefix = x-",
        "redis.url = redis://shop:***@cache:6379/0",
    ]


def test_doctor_says_which_ledger_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks why a worker is slow sees first whether it is the compiled one, though no server answers."""
    monkeypatch.setenv("INVENTORY_STREAM_KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:1")
    monkeypatch.setenv("INVENTORY_STREAM_REDIS__URL", "redis://127.0.0.1:1/0")
    result = CliRunner().invoke(doctor.app, env={"COLUMNS": "200"})
    assert f"ok this installation: {version('inventory-stream')} ({ledger_form()} ledger)" in result.stdout
