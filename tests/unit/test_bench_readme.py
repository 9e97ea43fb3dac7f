"""README's figures are those of the newest committed result, and nobody's memory of them."""

import json
import subprocess
from pathlib import Path

import pytest

from benchmarks.document import RESULTS, ResultFileError, newest_result, read_result, sha256_of
from benchmarks.readme import BEGIN, END, README, rewritten


def kept(folder: Path, name: str, **changes: object) -> Path:
    """Keep a copy of the newest committed result with something else in it, under a right hash."""
    document = json.loads(newest_result(RESULTS).read_text(encoding="utf-8")) | changes
    document["sha256"] = sha256_of(document)
    path = folder / f"{name}.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def test_readme_quotes_the_newest_committed_result() -> None:
    """What stands between the markers is what `python -m benchmarks.readme` writes."""
    text = README.read_text(encoding="utf-8")
    assert rewritten(text) == text


def test_a_figure_that_was_changed_by_hand_is_written_anew() -> None:
    """The text between the markers is replaced whole, the text around it kept."""
    assert rewritten(f"before\n{BEGIN}\n900,000 decisions/s\n{END}\nafter\n").startswith(
        f"before\n{BEGIN}\nPrinted"
    )
    assert "900,000" not in rewritten(f"before\n{BEGIN}\n900,000 decisions/s\n{END}\nafter\n")
    assert rewritten(f"before\n{BEGIN}\n{END}\nafter\n").endswith(f"\n{END}\nafter\n")


def test_newest_result_goes_by_its_own_date_and_leaves_trials_and_parts_out(tmp_path: Path) -> None:
    """A file's name, a trial and a single scenario must not become what README quotes."""
    setup = read_result(newest_result(RESULTS))["setup"]
    old = kept(tmp_path, "z-old", date="2026-01-01T00:00:00+00:00")
    new = kept(tmp_path, "a-new", date="2026-02-01T00:00:00+00:00")
    kept(tmp_path, "trial", date="2027-01-01T00:00:00+00:00", setup=setup | {"is_small": True})
    kept(tmp_path, "part", date="2027-01-01T00:00:00+00:00", setup=setup | {"selection": "some"})
    assert newest_result(tmp_path) == new
    assert newest_result(tmp_path, without=new) == old
    with pytest.raises(ResultFileError, match="no whole result"):
        newest_result(tmp_path / "nothing")


def test_result_that_git_does_not_know_is_quoted_nowhere(tmp_path: Path) -> None:
    """Who runs `make bench` in a checkout has not changed what README ought to say."""
    old = kept(tmp_path, "committed", date="2026-01-01T00:00:00+00:00")
    new = kept(tmp_path, "measured", date="2026-02-01T00:00:00+00:00")
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)  # noqa: S603, S607
    subprocess.run(["git", "-C", str(tmp_path), "add", old.name], check=True)  # noqa: S603, S607
    assert newest_result(tmp_path) == old
    subprocess.run(["git", "-C", str(tmp_path), "add", new.name], check=True)  # noqa: S603, S607
    assert newest_result(tmp_path) == new


def test_result_that_was_changed_by_hand_is_refused(tmp_path: Path) -> None:
    """A figure that was not measured must not get into README or a comparison."""
    path = kept(tmp_path, "x")
    document = json.loads(path.read_text(encoding="utf-8"))
    document["date"] = "2030-01-01T00:00:00+00:00"
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(ResultFileError, match="changed after it was measured"):
        read_result(path)
    path.write_text("{}", encoding="utf-8")
    with pytest.raises(ResultFileError, match="no result"):
        read_result(path)
