import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from inventory_stream.cli.replay import app
from tests.unit.replay_files import OPENING, SALE, sales, shared_data, write_csv, write_mapping

MAPPINGS = Path(__file__).parents[2] / "docs" / "mappings"


def replay(tmp_path: Path, file: Path, mapping: Path, *options: str) -> Result:
    """Run the command without a broker."""
    arguments = [str(file), "--mapping", str(mapping), "--state-dir", str(tmp_path / "state"), "--dry-run"]
    return CliRunner().invoke(app, [*arguments, *options])


def test_dry_run_needs_no_broker_and_prints_the_totals(tmp_path: Path) -> None:
    """A mapping can be tried out alone: counts by command and reason, and the report."""
    lines = [*sales(5), "A,0,2026-01-02", "A,0.5,2026-01-02"]
    report = tmp_path / "report.jsonl"
    result = replay(
        tmp_path,
        write_csv(tmp_path, *lines),
        write_mapping(tmp_path, OPENING + SALE),
        "--report",
        str(report),
    )
    assert result.exit_code == 0, result.output
    assert "opening stock: 3 positions would be sent" in result.output
    assert "would be sent as till_sale: 5" in result.output
    assert "skipped, zero: 1" in result.output
    assert "REFUSED 1 of 7 rows" in result.output
    refused = json.loads(report.read_text().splitlines()[1])
    assert refused == {
        "row": 7,
        "verdict": "refused",
        "reason": "fractional",
        "rule": "sale",
        "field": "units",
        "detail": "units is 0.5",
        "data": {"code": "A", "units": "0.5", "at": "2026-01-02"},
    }


def test_json_lines_need_not_name_their_columns(tmp_path: Path) -> None:
    """Any line may lack a column that a rule needs: that row is refused, the others are sent."""
    file = tmp_path / "rows.jsonl"
    good = {"code": "A", "units": 2, "at": "2026-01-02T00:00:00Z", "note": "no rule uses it"}
    file.write_text("\n".join((json.dumps(good), '{"units":1}', "oops", json.dumps({**good, "units": 0}))))
    result = replay(tmp_path, file, write_mapping(tmp_path, SALE))
    assert result.exit_code == 0, result.output
    assert "would be sent as till_sale: 1" in result.output
    assert "skipped, zero: 1" in result.output
    assert "refused, null" in result.output
    assert "refused, unreadable" in result.output


@pytest.mark.parametrize(("line", "code"), [("A,0.5,2026-01-02", 1), ("A,0,2026-01-02", 0)])
def test_strict_fails_on_refused_rows_only(tmp_path: Path, line: str, code: int) -> None:
    """With --strict a refused row is exit 1; rows skipped on purpose are not."""
    result = replay(tmp_path, write_csv(tmp_path, line), write_mapping(tmp_path, SALE), "--strict")
    assert result.exit_code == code, result.output


@pytest.mark.parametrize(
    ("file", "mapping", "words"),
    [
        ("none.csv", "mapping.toml", "none.csv"),
        ("rows.csv", "none.toml", "none.toml: mapping file not readable"),
        ("mapping.toml", "mapping.toml", "--format"),
    ],
)
def test_wrong_files_are_one_line_and_exit_2(tmp_path: Path, file: str, mapping: str, words: str) -> None:
    """What is wrong before the first row is said in one line without a traceback."""
    write_csv(tmp_path, *sales(1))
    write_mapping(tmp_path, SALE)
    result = replay(tmp_path, tmp_path / file, tmp_path / mapping)
    assert result.exit_code == 2
    assert words in result.output
    assert len(result.output.strip().splitlines()) == 1


def test_unreachable_broker_is_one_line_and_exit_1(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Kafka the replay says which address did not answer and which setting names it."""
    monkeypatch.setenv("INVENTORY_STREAM_KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:1")
    file, mapping = write_csv(tmp_path, *sales(1)), write_mapping(tmp_path, SALE)
    result = CliRunner().invoke(app, [str(file), "--mapping", str(mapping)])
    assert result.exit_code == 1
    assert "kafka.bootstrap_servers=127.0.0.1:1" in result.output
    assert "INVENTORY_STREAM_KAFKA__BOOTSTRAP_SERVERS" in result.output
    assert len(result.output.strip().splitlines()) == 1


def test_online_retail_is_taken_whole(tmp_path: Path) -> None:
    """All 541,909 lines become commands: 531,285 sales and 10,624 returns and corrections."""
    file = shared_data("online_retail_2010_2011.parquet")
    result = replay(tmp_path, file, MAPPINGS / "online_retail.toml")
    assert result.exit_code == 0, result.output
    assert "opening stock: 4,070 positions" in result.output
    assert "as till_sale: 531,285" in result.output
    assert "as adjust: 10,624" in result.output
    assert "REFUSED" not in result.output


def test_freshretail_reports_fractions(tmp_path: Path) -> None:
    """Of the first 20,000 hours those with a fraction of a unit are refused, and all are accounted for."""
    file = shared_data("freshretail_14d_events.parquet")
    report = tmp_path / "report.jsonl"
    result = replay(
        tmp_path, file, MAPPINGS / "freshretail.toml", "--limit", "20000", "--report", str(report)
    )
    assert result.exit_code == 0, result.output
    assert "rows read: 20,000" in result.output
    lines = [json.loads(line) for line in report.read_text().splitlines()]
    assert lines
    assert {line["reason"] for line in lines} == {"fractional"}
    assert all(line["data"]["units_x10"] % 10 for line in lines)
