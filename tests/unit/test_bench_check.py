"""The check behind every benchmark figure: each planted fault must be found."""

from collections.abc import Callable

import pytest

from benchmarks.bare_loop import BareRow
from benchmarks.catalogue import FAULTS, SCENARIOS
from benchmarks.ledger_check import LedgerReading, decode_bare_row, decode_worker_row, faults
from benchmarks.load import LOCATION, Form, Workload, sku_name
from benchmarks.scenarios import Faults, Sweep
from benchmarks.small import small
from benchmarks.sweep import REFUSED_MIN, records_until_refused
from models.rows import Answer, Line, PositionRow, ReservationRow, encode_row

SWEEPS = [small(scenario) for scenario in SCENARIOS if isinstance(scenario, Sweep)]
SWEEPS += [scenario for scenario in SCENARIOS if isinstance(scenario, Sweep)]
WORKLOAD = Workload(commands=100, skus=2, form=Form.SINGLE)


def position(sku: str, on_hand: int, reserved: int) -> PositionRow:
    """Make a position row with these quantities."""
    return PositionRow(1, sku, LOCATION, on_hand, 0, reserved, 0, 0, 0, 0, 9, 0, 1, 0, 0, 0)


def right_reading() -> LedgerReading:
    """Read a ledger in which every decision is the model's."""
    reading = LedgerReading(bytearray(b"\1" * 100), bytearray(WORKLOAD.granted))
    for sku, granted in zip(WORKLOAD.asked[0], WORKLOAD.granted, strict=True):
        name = sku_name(sku)
        reading.granted_of[name] = reading.granted_of.get(name, 0) + granted
    for number, stock in enumerate(WORKLOAD.stock):
        name = sku_name(number)
        reading.positions[name] = position(name, stock, reading.granted_of[name])
    return reading


def test_right_ledger_has_no_faults() -> None:
    """A ledger that agrees with the model must pass."""
    assert faults(right_reading(), WORKLOAD, has_positions=True) == []


def lose(reading: LedgerReading) -> None:
    """Plant: a command was never decided."""
    reading.outcomes[3] = 0


def repeat(reading: LedgerReading) -> None:
    """Plant: a command was decided twice."""
    reading.outcomes[3] = 2


def invent(reading: LedgerReading) -> None:
    """Plant: a decision that nobody asked for."""
    reading.strangers = 1


def swap(reading: LedgerReading) -> None:
    """Plant: a granted command refused, all sums equal."""
    number = next(at for at, units in enumerate(reading.granted) if units)
    reading.granted[number] = 0


def oversell(reading: LedgerReading) -> None:
    """Plant: one unit more than there was."""
    reading.granted_of[sku_name(0)] = WORKLOAD.stock[0] + 1


def miscount(reading: LedgerReading) -> None:
    """Plant: the position disagrees with the reservations."""
    row = reading.positions[sku_name(1)]
    reading.positions[sku_name(1)] = position(row.sku, row.on_hand, row.reserved - 1)


def forget(reading: LedgerReading) -> None:
    """Plant: a position was never written."""
    del reading.positions[sku_name(1)]


@pytest.mark.parametrize(
    ("plant", "word"),
    [
        (lose, "no outcome"),
        (repeat, "more than one outcome"),
        (invent, "not sent"),
        (swap, "other units than the model"),
        (oversell, "oversold"),
        (miscount, "position has"),
        (forget, "no position row"),
    ],
)
def test_planted_fault_is_found(plant: Callable[[LedgerReading], None], word: str) -> None:
    """Every way in which a ledger can be wrong must be named."""
    reading = right_reading()
    plant(reading)
    assert any(word in fault for fault in faults(reading, WORKLOAD, has_positions=True))


def test_load_that_did_not_sell_out_says_so() -> None:
    """Where all that was sent fitted into the stock, no oversell could have shown: that must not count."""
    workload = Workload(commands=100, skus=1, form=Form.SINGLE)
    reading = LedgerReading.of(workload)
    sent = workload.granted.index(0)
    for number in range(sent):
        reading.outcomes[number] = 1
        reading.granted[number] = workload.granted[number]
    reading.granted_of[sku_name(0)] = sum(reading.granted)
    (fault,) = faults(reading, workload, has_positions=False, sent=sent)
    assert fault == "no command was refused: the check of the stock says nothing"
    reading.outcomes[sent] = 1
    assert faults(reading, workload, has_positions=False, sent=sent + 1) == []


@pytest.mark.parametrize("scenario", [*FAULTS, *map(small, FAULTS)], ids=lambda scenario: scenario.title)
def test_stock_ends_before_the_last_kill(scenario: Faults) -> None:
    """An owner must be killed with nothing left, and one that was not small also with something left."""
    first_refused = scenario.workload.granted.index(0)
    earliest_last_kill = scenario.kills * scenario.kill_seconds * scenario.rate_per_s
    assert first_refused < earliest_last_kill * 0.6
    if scenario.kills > 1:
        assert first_refused > scenario.kill_seconds * scenario.rate_per_s


@pytest.mark.parametrize("scenario", SWEEPS, ids=lambda scenario: scenario.title)
def test_sweep_can_try_each_rate_twice_and_sells_out(scenario: Sweep) -> None:
    """However a sweep ends, it must have commands left to try each rate again, and to be refused enough."""
    workload = scenario.workload
    assert workload.commands == 2 * scenario.seconds_each * sum(scenario.rates_per_s)
    records = records_until_refused(workload)
    refused = workload.granted.count(0, 0, records * workload.record_commands)
    assert REFUSED_MIN <= refused < REFUSED_MIN + workload.record_commands


def test_rows_of_both_subjects_tell_sku_and_units() -> None:
    """The worker's rows and the bare loop's must be read as the same decision."""
    line = Line(LOCATION, 2, 2, 0, 0, 0, 0, 0, 0, 0, 0, 5, 1)
    asked = ("res-000000001", "SKU-00001", 2, 60, LOCATION, None, "first_fit")
    said = (None, None, False, "common", None)
    answer = Answer("cmd-000000001", "reserve", b"", 1, 2, 7)
    real = ReservationRow(1, 0, 0, *asked, *said, 7, 60_007, 0, 1, (line,), (answer,))
    bare = BareRow("res-000000001", "SKU-00001", 2)
    key = b"r/res-000000001"
    assert decode_worker_row(key, encode_row(real)) == ("SKU-00001", 2)
    assert decode_bare_row(key, encode_row(bare)) == ("SKU-00001", 2)
