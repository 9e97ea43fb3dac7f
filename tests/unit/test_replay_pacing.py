from inventory_stream.replay.pacing import Pacer
from inventory_stream.replay.progress import Meter
from models.commands import Release, TillSale


def sale(at_ms: int) -> TillSale:
    """Make a sale at a time."""
    return TillSale("i", "s", "l", 1, at_ms)


def test_wait_is_history_divided_by_speed() -> None:
    """An hour of history at 60 times its speed is a minute, counted from the first command."""
    now = [1_000.0]
    pacer = Pacer(60.0, lambda: now[0])
    assert pacer.seconds_until(sale(5_000)) == 0.0
    assert pacer.seconds_until(sale(5_000 + 3_600_000)) == 60.0
    now[0] += 45.0
    assert pacer.seconds_until(sale(5_000 + 3_600_000)) == 15.0


def test_earlier_commands_and_those_without_a_time_are_due() -> None:
    """Rows out of order and commands that say no time go at once; nothing ever goes back."""
    pacer = Pacer(1.0, lambda: 0.0)
    assert pacer.seconds_until(Release("i", "r", "s")) == 0.0
    assert pacer.seconds_until(sale(10_000)) == 0.0
    assert pacer.seconds_until(sale(4_000)) <= 0.0
    assert pacer.seconds_until(Release("i", "r", "s")) == 0.0


def test_rate_counts_this_run_only() -> None:
    """A resumed replay shows its own rate and the time left for what is left."""
    now = [0.0]
    meter = Meter(lambda: now[0])
    assert meter.read(1_000, 0.5) == (0.0, None)
    now[0] = 2.0
    assert meter.read(1_500, 0.75) == (250.0, 2.0)
