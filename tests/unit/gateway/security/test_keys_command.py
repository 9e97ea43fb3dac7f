"""`inventory-stream keys`: what a shop's operator types."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from inventory_stream.cli.keys import app
from inventory_stream.gateway.security.key_file import KeyFileError, read_keys
from inventory_stream.gateway.security.keys import opens, parse_key


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Give a place for a key file."""
    return tmp_path / "keys.jsonl"


def run(*arguments: str | Path) -> Result:
    """Run a command."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_a_key_is_printed_once_and_alone(file: Path) -> None:
    """The key is all of stdout, so that a script can take it; the file holds no secret of it."""
    options = ["--scope", "stock", "--scope", "admin", "--channel", "web", "--expires", "90d", "--rate", "5"]
    made = run("create", *options, "--file", file)
    presented = parse_key(made.stdout.strip())
    assert presented is not None
    (stored,) = read_keys(file).values()
    assert opens(stored, presented)
    assert (sorted(stored.scopes), stored.channel, stored.requests_per_second) == (
        ["admin", "stock"],
        "web",
        5,
    )
    assert stored.expires is not None
    assert (stored.expires - stored.created).days == 90
    assert presented.secret not in file.read_text()
    assert "not shown again" in made.stderr


def test_a_list_shows_ids_and_no_hash(file: Path) -> None:
    """Not even what could be tried at home."""
    key = run("create", "--scope", "storefront", "--public", "--file", file).stdout.strip()
    shown = json.loads(run("list", "--json", "--file", file).stdout)
    assert shown["id"] == key.split("_")[1]
    assert shown["is_open"]
    assert {"hash", "salt"}.isdisjoint(shown)
    assert key.split("_")[1] in run("list", "--file", file).stdout


@pytest.mark.parametrize("is_whole", [True, False])
def test_a_revoked_key_stays_revoked(file: Path, is_whole: bool) -> None:  # noqa: FBT001  # a case
    """By its id or by the key itself; a second time changes nothing."""
    key = run("create", "--scope", "storefront", "--file", file).stdout.strip()
    name = key if is_whole else key.split("_")[1]
    assert run("revoke", name, "--file", file).exit_code == 0
    (first,) = read_keys(file).values()
    assert first.revoked is not None
    assert run("revoke", name, "--file", file).exit_code == 0
    assert list(read_keys(file).values()) == [first]


def test_a_key_that_is_not_there_cannot_be_revoked(file: Path) -> None:
    """A slip of the pen must not look like a revocation."""
    run("create", "--scope", "storefront", "--file", file)
    assert isinstance(run("revoke", "nobody", "--file", file).exception, KeyFileError)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--scope", "root"],
        [],
        ["--scope", "storefront", "--expires", "soon"],
        ["--scope", "storefront", "--expires", "0d"],
        ["--scope", "storefront", "--rate", "0"],
        ["--scope", "storefront", "--channel", ""],
        ["--scope", "storefront", "--channel", "a\nb"],
        ["--scope", "admin", "--public"],
        ["--scope", "storefront", "--scope", "stock", "--public"],
    ],
)
def test_what_cannot_be_meant_makes_no_key(file: Path, arguments: list[str]) -> None:
    """Usage, exit 2, and no file."""
    assert run("create", *arguments, "--file", file).exit_code == 2
    assert not file.exists()
