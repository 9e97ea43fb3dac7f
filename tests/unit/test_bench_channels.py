"""How the runs of `make bench-channels` reckon."""

from benchmarks.channels.scenarios import faults_of, quantile, ways_ms
from benchmarks.channels.stack import Row, Shown


def seen(*changes: tuple[str, int, int], overlaps: int = 0) -> Shown:
    """Give what a sandbox saw: listing, units, when in ms."""
    last = {listing: units for listing, units, _ in changes}
    return Shown([(listing, units, ms * 1_000_000) for listing, units, ms in changes], last, overlaps, [], 0)


def test_a_row_is_there_when_that_or_a_later_value_is_shown() -> None:
    """Of three rows of which the channel saw the first and the last, the second came with the last."""
    rows = [Row("SKU-0", 9, 1_000), Row("SKU-0", 8, 1_010), Row("SKU-0", 7, 1_020)]
    assert ways_ms(rows, seen(("item-0", 9, 1_004), ("item-0", 7, 1_030)), 1) == [4.0, 20.0, 10.0]


def test_a_run_counts_only_when_every_listing_ends_right_and_none_was_told_twice_at_once() -> None:
    """A wrong last value and two requests for one listing are faults."""
    rows = [Row("SKU-0", 9, 1_000), Row("SKU-0", 7, 1_020)]
    assert not faults_of(seen(("item-0", 7, 1_030)), rows, 1)
    assert len(faults_of(seen(("item-0", 9, 1_030), overlaps=1), rows, 1)) == 2


def test_quantiles_are_of_what_was_measured() -> None:
    """The largest of a hundred is beyond p99, and nothing is 0."""
    assert quantile([float(number) for number in range(100)], 0.99) == 99.0
    assert quantile([], 0.5) == 0.0
