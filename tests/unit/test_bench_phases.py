"""Figures of a phase, of several partitions, of batches and of killed owners; the check of a storm."""

import socket
from array import array
from collections.abc import Callable

import pytest

from benchmarks.batches import APPENDS_OVER_COMMANDS, batch_series
from benchmarks.expiring import Storm
from benchmarks.killing import Kill, fault_figures
from benchmarks.ledger_check import LedgerReading, between, faults
from benchmarks.load import Form, Workload, sku_name
from benchmarks.open_loop import Driven, Driving, OpenLoopRun
from benchmarks.scaling import hot_workloads, rate_figures
from benchmarks.scenarios import Scaling
from benchmarks.usage import BROKER, HARNESS, SUBJECT, Look, Usage, cores_figures, usage_figures
from models.ids import partition_of
from models.rows import Line, ReservationRow


def reading_of(*appends: tuple[int, int]) -> LedgerReading:
    """Read a ledger to which (record time in ms, commands) were appended one after the other."""
    reading = LedgerReading(bytearray(), bytearray())
    offset = 0
    for time_ms, commands in appends:
        for _ in range(commands):
            offset += 1
            reading.appended.append((time_ms, offset))
        offset += 1  # @progress
        reading.batch_commands.append(commands)
        reading.batch_ends.append(offset)
    return reading


def test_phase_has_the_appends_between_its_offsets() -> None:
    """What was decided before and after a phase must not count in its figures."""
    phase = between(reading_of((1, 4), (2, 3), (3, 2)), 5, 9)
    assert [time_ms for time_ms, _ in phase.appended] == [2, 2, 2]
    assert phase.batch_commands == [3]


def test_rate_of_partitions_is_that_of_all_together() -> None:
    """Two partitions that are decided at once must count as one time, less the first append of any."""
    figures = rate_figures([reading_of((1_000, 10), (2_000, 100)), reading_of((1_500, 50), (3_000, 100))])
    assert figures == {"commands_per_s": pytest.approx(125)}
    assert rate_figures([reading_of((1_000, 10))]) == {}


def test_batches_are_sorted_into_powers_of_two() -> None:
    """Each batch must be in the bucket whose bound is the next power of two."""
    series = batch_series([1, 2, 3, 4, 5, 100, 128, 129])
    assert series == {APPENDS_OVER_COMMANDS: [(1, 1), (2, 1), (4, 2), (8, 1), (128, 2), (256, 1)]}


def test_hot_skus_lie_on_their_partitions() -> None:
    """The owner refuses a SKU of another partition (R30), so each load must name one of its own."""
    scenario = Scaling(
        name="x", title="x", about_seconds=1, setups=((2, 3),), commands_each=10, form=Form.SINGLE
    )
    for partition, workload in enumerate(hot_workloads(scenario, 3)):
        (key,) = {key for key, _ in workload.values()}
        assert key is not None
        assert partition_of(key.decode(), 3) == partition


def test_zipf_asks_for_the_first_sku_most() -> None:
    """By Zipf's law the n-th SKU is asked for an n-th as often as the first."""
    skus, _ = Workload(50_000, 100, Form.SINGLE, zipf_exponent=1.0).asked
    first, tenth = skus.count(0), skus.count(9)
    assert 8 < first / tenth < 12.5


def test_commands_that_were_not_sent_must_have_no_outcome() -> None:
    """Where a load ended early, the sent commands must be right and the others untouched."""
    workload = Workload(10, 1, Form.SINGLE, stock_percent=20)
    reading = LedgerReading.of(workload)
    reading.outcomes[:4] = b"\1" * 4
    reading.granted[:4] = workload.granted[:4]
    reading.granted_of[sku_name(0)] = sum(workload.granted[:4])
    assert faults(reading, workload, has_positions=False, sent=4) == []
    assert any("no outcome" in fault for fault in faults(reading, workload, has_positions=False, sent=5))
    assert any("not sent" in fault for fault in faults(reading, workload, has_positions=False, sent=3))


def test_goodput_counts_what_came_in_time() -> None:
    """A command that comes late, or never, must not count as good."""
    driving = Driving(first_due_seconds=0.0, records_per_s=10.0, sent=11)
    latencies = array("d", [0.1] * 6 + [5.0] * 4 + [float("nan")])
    run = OpenLoopRun(latencies, Driven([0.0], 0.0, 11), 6.0)
    figures = fault_figures(run, driving, [Kill(0.3, 2.0), Kill(0.6, 3.0), Kill(0.8, 7.0)])
    assert figures["goodput_per_s"] == pytest.approx(6.0)
    assert (figures["kills"], figures["recover_p50_s"], figures["recover_max_s"]) == (3, 3.0, 7.0)


def test_broker_is_found_by_its_port_and_only_on_this_machine() -> None:
    """CPU of the broker must be that of who listens there, and nobody's where it runs elsewhere."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert BROKER in Usage(f"127.0.0.1:{port}").look().cpu_seconds
        assert BROKER not in Usage(f"broker.example:{port}").look().cpu_seconds


def test_usage_is_the_difference_of_two_looks() -> None:
    """What was used before must not count, and who was seen only at the end has memory but no CPU."""
    before = Look({BROKER: 1.0, HARNESS: 5.0}, {})
    after = Look({BROKER: 3.0, HARNESS: 6.0, SUBJECT: 9.0}, {BROKER: 300_000_000, SUBJECT: 100_000_000})
    assert usage_figures(before, after, 1_000_000) == {
        "broker_cpu_us_per_command": 2.0,
        "harness_cpu_us_per_command": 1.0,
        "resident_mb": 100.0,
        "broker_resident_mb": 300.0,
    }
    assert cores_figures(before, after, 4.0) == {"broker_cores": 0.5, "harness_cores": 0.25}


# --- the storm -------------------------------------------------------------------------------------


def row(number: int, *, expired: bool) -> ReservationRow:
    """Make the row of one unit that was granted, or has expired; due at 1,000 ms."""
    units = (1, 0, 0, 0, 0, 1) if expired else (1, 1, 0, 0, 0, 0)
    line = Line("DC1", *units, 0, 0, 0, 0, 5, 1)
    asked = (f"storm-{number:09d}", "SKU-storm", 1, 60, "DC1", None, "first_fit")
    said = (None, None, False, "common", None)
    return ReservationRow(1, -1 if expired else 0, 0, *asked, *said, 7, 1_000, 0, 1, (line,), ())


def right_storm() -> Storm:
    """Read a ledger in which all three were granted and have expired."""
    storm = Storm(bytearray(3), bytearray(3))
    for number in range(3):
        storm.note(row(number, expired=False), 500)
        storm.note(row(number, expired=True), 1_001)
    return storm


def test_right_storm_has_no_faults() -> None:
    """All granted, all expired, nothing left: nothing to say."""
    assert right_storm().faults(reserved=0) == []


def twice(storm: Storm) -> None:
    """Plant: one expired twice."""
    storm.note(row(1, expired=True), 1_002)


def early(storm: Storm) -> None:
    """Plant: one expired in the ms of its deadline, which still is in time (R17)."""
    storm.expired_ms[0] = 1_000


def lost(storm: Storm) -> None:
    """Plant: one was never granted."""
    storm.granted[2] = 0


@pytest.mark.parametrize(
    ("plant", "words"),
    [(twice, "not expired exactly once"), (early, "before their deadline"), (lost, "not granted exactly")],
)
def test_planted_fault_of_a_storm_is_found(plant: Callable[[Storm], None], words: str) -> None:
    """Every way in which an expiry can be wrong must be named."""
    storm = right_storm()
    plant(storm)
    assert any(words in fault for fault in storm.faults(reserved=0))


def test_units_that_stay_reserved_after_a_storm_are_found() -> None:
    """What expired must be free again."""
    assert any("still reserved" in fault for fault in right_storm().faults(reserved=1))
