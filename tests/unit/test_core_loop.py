"""The loop that measures the ledger core: small runs, so that what it measures is still decided."""

import pytest

from benchmarks.core_loop import KINDS, cpu_us, run
from benchmarks.pauses import batch_times_ms


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_decides_all_of_its_commands(kind: str) -> None:
    """Each command is answered by a row of its own, whatever the kind; the storm expires all at once."""
    commands = 40
    state, packs = KINDS[kind](commands)
    assert run(state, packs) > commands
    assert len(state.reservations) == commands + (kind == "expire")
    assert all(row.ended_ms for row in state.reservations.values()) == (kind in {"sold-out", "release"})


def test_a_measurement_is_a_time() -> None:
    """What is printed comes from a real run."""
    assert cpu_us("hot", 40) > 0


def test_pauses_are_those_of_every_batch() -> None:
    """Each batch of the growing sale is timed once, none for nothing."""
    times_ms = batch_times_ms(1_500)
    assert len(times_ms) == 3
    assert all(times_ms)
