"""Peers with a database: what counts as right, how they are driven, what their tools say."""

import asyncio
import math
import time
from array import array
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from benchmarks.load import UNITS_EACH_MAX, Form, Workload
from benchmarks.peers import database_load, postgres_server
from benchmarks.peers.database_check import Decided, Stored, faults, faults_in_any_order, oversold_units
from benchmarks.peers.database_load import ClosedRun, Plan, fastest, run_closed_loop, run_open_loop
from benchmarks.peers.database_result import closed_result, open_result
from benchmarks.peers.redis_benchmark import Held, RedisBenchmark, faults_of, rate_of, repeats_max
from benchmarks.peers.redis_lua_server import AppendOnlyFile
from benchmarks.subjects import SubjectEndedError
from inventory_stream.devservers import MissingToolError

WORKLOAD = Workload(commands=500, skus=3, form=Form.SINGLE)


def right(workload: Workload) -> Stored:
    """Give what the model would store."""
    stored = Stored.empty(workload)
    stored.left = array("q", workload.stock)
    for number, granted in enumerate(workload.granted):
        stored.note_outcome(number, granted)
        stored.left[workload.asked[0][number]] -= granted
    return stored


class FakeDatabase:
    """Decides as the model does, at once unless its first call is to stall; notes its calls."""

    def __init__(self, workload: Workload, plan: Plan) -> None:
        self.plan = plan
        self.calls: list[tuple[int, range]] = []
        self.stall_seconds = self.stalled_until_seconds = 0.0
        self.fails_at: int | None = None
        self._workload = workload

    async def decide(self, connection: int, numbers: range) -> Sequence[int]:
        """Answer by the model."""
        self.calls.append((connection, numbers))
        if self.fails_at is not None and self.fails_at in numbers:
            raise SubjectEndedError("its last words")
        if not self.stalled_until_seconds:
            self.stalled_until_seconds = time.perf_counter() + self.stall_seconds
        await asyncio.sleep(max(0.0, self.stalled_until_seconds - time.perf_counter()))
        return self._workload.granted[numbers.start : numbers.stop]

    async def read_back(self) -> Stored:
        """Give what was asked for so far, decided rightly."""
        stored = Stored.empty(self._workload)
        stored.left = array("q", self._workload.stock)
        for _, numbers in self.calls:
            for number in numbers:
                stored.note_outcome(number, self._workload.granted[number])
                stored.left[self._workload.asked[0][number]] -= self._workload.granted[number]
        return stored

    def cpu_seconds(self) -> float:
        """Cost nothing."""
        return 0.0


# --- what counts as right -------------------------------------------------------------------------


@pytest.mark.parametrize("is_ordered", [True, False])
def test_what_the_model_gives_is_right(*, is_ordered: bool) -> None:
    """A database that decided every command as the model does must have no faults."""
    assert faults(right(WORKLOAD), WORKLOAD.granted, WORKLOAD, is_ordered=is_ordered) == []


def test_other_order_is_right_only_where_none_is_fixed() -> None:
    """Decisions in the opposite order break the model where order counts, and nothing where it does not."""
    stored = Stored.empty(WORKLOAD)
    stored.left = array("q", WORKLOAD.stock)
    skus, units = WORKLOAD.asked
    for number in reversed(range(WORKLOAD.commands)):
        granted = units[number] if units[number] <= stored.left[skus[number]] else 0
        stored.left[skus[number]] -= granted
        stored.note_outcome(number, granted)
    assert faults(stored, stored.granted, WORKLOAD, is_ordered=False) == []
    (fault,) = faults(stored, stored.granted, WORKLOAD, is_ordered=True)
    assert "other units than the model gives" in fault


def test_lost_doubled_and_strange_outcomes_and_other_answers_are_faults() -> None:
    """One outcome per command, the one that its client was told, and nothing else."""
    stored = right(WORKLOAD)
    stored.outcomes[3] = 0
    stored.note_outcome(4, WORKLOAD.granted[4])
    stored.note_outcome(WORKLOAD.commands, 1)
    told = bytearray(WORKLOAD.granted)
    told[5] += 1
    text = "; ".join(faults(stored, told, WORKLOAD, is_ordered=True))
    assert "1 of 500 commands have no outcome" in text
    assert "1 commands have more than one outcome" in text
    assert "1 keys that nobody asked for" in text
    assert "1 commands were told other units" in text


@pytest.mark.parametrize(
    ("decided", "left", "fault"),
    [
        pytest.param([(2, 2), (1, 1), (3, 0)], 2, None, id="all-or-nothing-in-some-order"),
        pytest.param([(3, 3), (3, 3)], -1, "6 units granted of 5: oversold", id="oversold"),
        pytest.param([(3, 3), (3, 2)], 0, "other units than they asked for", id="granted-in-part"),
        pytest.param([(3, 3), (1, 0)], 2, "refused 1 units with 2 left", id="refused-what-was-there"),
        pytest.param([(3, 3)], 5, "5 units left, of 5 with 3 granted", id="not-taken-from-stock"),
    ],
)
def test_outcomes_that_no_order_gives_are_faults(
    decided: list[tuple[int, int]], left: int, fault: str | None
) -> None:
    """Where order is free the outcomes must still be those of some order, with a stock of 5 units."""
    found = faults_in_any_order((Decided(0, *each) for each in decided), [5], [left])
    assert (found == []) if fault is None else any(fault in text for text in found)


def test_oversold_units_are_counted() -> None:
    """Each unit beyond the stock of its SKU is one (I2), whatever other SKUs have left."""
    stored = right(WORKLOAD)
    refused = WORKLOAD.granted.index(0)
    left = stored.left[WORKLOAD.asked[0][refused]]
    stored.granted[refused] = left + 2
    assert oversold_units(stored, WORKLOAD) == 2


# --- how they are driven --------------------------------------------------------------------------


async def test_closed_loop_asks_each_command_once_in_order() -> None:
    """One connection must see the commands in their order, each once, at most a call's worth at a time."""
    database = FakeDatabase(WORKLOAD, Plan(1, 64))
    run = await run_closed_loop(database, WORKLOAD.commands)
    assert [number for _, numbers in database.calls for number in numbers] == list(range(500))
    assert max(len(numbers) for _, numbers in database.calls) == 64
    assert run.replies == WORKLOAD.granted


async def test_several_connections_share_the_commands() -> None:
    """Every connection must take part, and no command may be asked twice."""
    database = FakeDatabase(WORKLOAD, Plan(4, 10))
    await run_closed_loop(database, WORKLOAD.commands)
    assert {connection for connection, _ in database.calls} == {0, 1, 2, 3}
    assert sorted(number for _, numbers in database.calls for number in numbers) == list(range(500))


async def test_failure_of_one_connection_ends_the_run_and_is_told() -> None:
    """The caller must hear of the failure itself, not of a group of them, and the rest must stop."""
    database = FakeDatabase(WORKLOAD, Plan(4, 10))
    database.fails_at = 15
    with pytest.raises(SubjectEndedError, match="its last words"):
        await run_closed_loop(database, WORKLOAD.commands)
    assert len(database.calls) < 50


async def test_fastest_plan_is_found_on_few_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    """The plan that decides a trial first must be taken, and a workload of a trial's size have none."""
    tried: list[FakeDatabase] = []

    @asynccontextmanager
    async def opened(few: Workload, plan: Plan) -> AsyncIterator[FakeDatabase]:
        database = FakeDatabase(few, plan)
        tried.append(database)
        yield database

    async def timed(database: FakeDatabase, commands: int) -> ClosedRun:
        assert commands == 100
        return ClosedRun(bytearray(), 2.0 / database.plan.connections)

    slow, quick = Plan(1, 50), Plan(2, 50)
    monkeypatch.setattr(database_load, "run_closed_loop", timed)
    assert await fastest((slow, quick), opened, WORKLOAD, 100) == quick
    assert [database.plan for database in tried] == [slow, quick]
    tried.clear()
    assert await fastest((slow, quick), opened, WORKLOAD, WORKLOAD.commands) == slow
    assert tried == []


async def test_latency_counts_from_when_a_command_was_due() -> None:
    """A stall must be seen by every command that fell due in it, not only by those under way."""
    workload, rate_per_s = Workload(300, 3, Form.SINGLE), 1_000
    database = FakeDatabase(workload, Plan(1, 50))
    database.stall_seconds = 0.2
    run = await run_open_loop(database, workload.commands, rate_per_s)
    due = [run.first_due_seconds + number / rate_per_s for number in range(workload.commands)]
    held_up = [number for number in range(300) if due[number] < database.stalled_until_seconds]
    assert len(held_up) > 100  # the first call held one command, and its stall 200 more
    for number in held_up:
        # Less a millisecond, by which a timer may be early.
        assert run.latencies_seconds[number] >= database.stalled_until_seconds - due[number] - 0.001
    assert run.replies == workload.granted


async def test_database_that_cannot_keep_up_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was not decided in time must be a fault, for a latency without it would flatter."""
    monkeypatch.setattr(database_load, "DRAIN_SECONDS_MAX", 0.0)
    workload = Workload(100, 3, Form.SINGLE)
    database = FakeDatabase(workload, Plan(1, 10))
    database.stall_seconds = 0.2
    result = await open_result(database, workload, rate_per_s=1_000, warm_up_commands=0)
    assert "does not keep this rate up" in result.faults[0]
    assert "of 100 commands have no outcome" in result.faults[1]


async def test_result_has_its_figures_and_is_checked() -> None:
    """A right run must say its rates and have the model's hash; its latencies must be whole."""
    closed = await closed_result(FakeDatabase(WORKLOAD, Plan(1, 100)), WORKLOAD)
    assert closed.faults == []
    assert closed.decisions_sha256 == right(WORKLOAD).decisions_sha256
    assert closed.figures["commands_per_s"] > 0
    assert {"cpu_us_per_command", "client_cpu_us_per_command"} <= set(closed.figures)
    opened = await open_result(
        FakeDatabase(WORKLOAD, Plan(2, 10)), WORKLOAD, rate_per_s=5_000, warm_up_commands=100
    )
    assert opened.faults == []
    assert opened.oversold_units == 0
    for name in ("p50_ms", "p99_ms", "p999_ms", "max_ms", "achieved_per_s"):
        assert not math.isnan(opened.figures[name])


# --- what the tools say ---------------------------------------------------------------------------

SAID = (
    '"test","rps","avg_latency_ms","min_latency_ms","p50_latency_ms","p95_latency_ms","p99_latency_ms",'
    '"max_latency_ms"\n"EVALSHA 0a1b 1 outcome:cmd-__rand_int__ 5 3","18878.61","2.1","0.2","2","3","4","9"\n'
)


def test_rate_is_read_from_the_benchmark_tool() -> None:
    """The tool's own figure is the rate."""
    assert rate_of(SAID) == pytest.approx(18_878.61)


@pytest.mark.parametrize("said", ["", "ERR no such script\n", SAID.replace("18878.61", "nan?")])
def test_tool_that_says_no_rate_has_failed(said: str) -> None:
    """Anything else than the expected lines must not become a figure."""
    with pytest.raises(SubjectEndedError, match="said no rate"):
        rate_of(said)


def test_missing_outcomes_are_repeats_only_up_to_a_bound() -> None:
    """Few numbers are drawn twice; more that are missing are lost, more than sent are made up."""
    commands = 60_000
    decided = [Decided(0, 1 + number % UNITS_EACH_MAX, 0) for number in range(commands)]
    few = round(repeats_max(commands))
    assert 1 <= few < 20
    assert faults_of(Held(decided[:-few], [0], 0), commands, 0) == []
    assert faults_of(Held(decided[: -few - 1], [0], 0), commands, 0) != []
    assert faults_of(Held([*decided, decided[0]], [0], 0), commands, 0) != []
    assert faults_of(Held(decided, [0], 1), commands, 0) == ["1 keys that nobody asked for"]


def test_absent_programs_are_named_with_how_to_get_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Who has no PostgreSQL and no benchmark tool must read in one line what to install."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(postgres_server, "WHERE_DEBIAN_HAS_IT", tmp_path)
    with pytest.raises(MissingToolError, match="apt install postgresql"):
        postgres_server.find_programs()
    absent = RedisBenchmark(AppendOnlyFile.NONE, 1).why_absent()
    assert absent is not None
    assert "apt install redis-tools" in absent
