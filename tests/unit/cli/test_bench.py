"""`inventory-stream bench` where it cannot run: what a user is told."""

import sys
from pathlib import Path

import pytest

import inventory_stream
from inventory_stream.cli import lazy, main
from inventory_stream.cli.bench import checkout_of


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run the command line in this process; give its exit status."""
    monkeypatch.setattr(sys, "argv", ["inventory-stream", "bench", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code if isinstance(ended.value.code, int) else 0


def test_installed_wheel_says_in_one_line_how_to_get_the_benchmarks(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A wheel has no benchmarks: the line names the checkout and the command."""
    monkeypatch.setattr(inventory_stream, "__file__", str(tmp_path / "inventory_stream" / "__init__.py"))
    assert run(monkeypatch, "--small") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "checkout" in line
    assert "make bench" in line


def test_missing_package_is_named_with_its_extra(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who installed without the extra hears which one to install."""
    monkeypatch.setitem(sys.modules, "benchmarks.measuring", None)
    monkeypatch.setitem(lazy.EXTRAS, "benchmarks", "bench")
    assert run(monkeypatch, "--small") == 1
    assert "inventory-stream[bench]" in capsys.readouterr().err


def test_unknown_scenario_is_answered_with_those_that_there_are(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A mistyped name ends before anything is started."""
    assert run(monkeypatch, "--only", "hot") == 1
    assert "hot-positional" in capsys.readouterr().err


def test_this_checkout_is_found() -> None:
    """Beside the package lie the benchmarks, and nowhere else is looked."""
    assert checkout_of(Path(inventory_stream.__file__)) == Path(__file__).parents[3]
    assert checkout_of(Path(sys.executable)) is None
