"""The ratio gate: when it passes, when it fails, and that it looks at no absolute figure."""

import json
from pathlib import Path

import pytest

from benchmarks.ratio_gate import (
    PAIRS_MAX,
    RECORDED,
    SCENARIOS,
    SHARE_MIN,
    GateError,
    Ratios,
    judge,
    read_recorded,
)

WANTED = Ratios(cpu=0.4, rate=0.8)
GOOD = Ratios(SHARE_MIN * 0.4, SHARE_MIN * 0.8)
SLOW = Ratios(GOOD.cpu, SHARE_MIN * 0.8 - 0.001)
HEAVY = Ratios(GOOD.cpu - 0.001, 9.0)
DISTURBED = Ratios(GOOD.cpu, None)


@pytest.mark.parametrize(
    ("pairs", "verdict"),
    [
        ([], None),
        ([GOOD], True),
        ([SLOW], None),
        ([HEAVY], None),
        ([SLOW, HEAVY], None),
        ([HEAVY, GOOD], True),
        ([SLOW, SLOW, GOOD], True),
        ([SLOW, SLOW, SLOW], False),
        ([HEAVY, HEAVY, HEAVY], False),
        ([SLOW, HEAVY, SLOW], False),
        ([DISTURBED], True),
        ([DISTURBED._replace(cpu=HEAVY.cpu)] * 3, False),
    ],
)
def test_gate_fails_after_three_bad_pairs_in_a_row(pairs: list[Ratios], verdict: bool | None) -> None:  # noqa: FBT001
    """One good pair of three is enough, and on a busy machine its CPU alone."""
    assert PAIRS_MAX == 3
    assert judge(pairs, WANTED) is verdict


def test_rate_that_was_recorded_on_a_busy_machine_is_not_held_against_anybody() -> None:
    """Where no rate is known, CPU time decides."""
    assert judge([SLOW], WANTED._replace(rate=None)) is True
    assert judge([HEAVY] * 3, WANTED._replace(rate=None)) is False


def test_recorded_ratio_is_there_for_every_form_with_its_revision() -> None:
    """CI must have something to compare with, and a reader must know which state it is of."""
    assert set(read_recorded()) == {scenario.name for scenario in SCENARIOS}
    assert all(0 < ratios.cpu < 2 for ratios in read_recorded().values())
    assert len(json.loads(RECORDED.read_text(encoding="utf-8"))["revision"]["commit"]) == 40


def test_a_ratio_that_was_never_recorded_is_said_with_the_way_out(tmp_path: Path) -> None:
    """Who adds a form must hear how its ratio is recorded, rather than pass."""
    path = tmp_path / "recorded.json"
    path.write_text('{"ratios": {}}', encoding="utf-8")
    with pytest.raises(GateError, match="ratio_gate --record"):
        read_recorded(path)
