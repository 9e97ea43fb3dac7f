import asyncio
import json
from pathlib import Path

import pytest

from inventory_stream.errors import UnreachableError
from inventory_stream.replay import run
from inventory_stream.replay.compile import compile_mapping
from inventory_stream.replay.errors import ReplayStateError
from inventory_stream.replay.mapping_file import CsvOptions, load_mapping
from inventory_stream.replay.readers import csv_lines
from inventory_stream.replay.readers.csv_lines import CsvSource
from inventory_stream.replay.report import ReportFile, Totals
from inventory_stream.replay.run import Replay, ReplayJob
from inventory_stream.replay.state import ReplayState, StateStore
from models.commands import Command, Sync, TillSale
from tests.fakes.commands import FakeCommandSink
from tests.unit.replay_files import OPENING, SALE, sales, write_csv, write_mapping


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks of 4 rows, and a checkpoint after each."""
    monkeypatch.setattr(csv_lines, "CHUNK_ROWS", 4)
    monkeypatch.setattr(run, "CHECKPOINT_SECONDS", 0.0)


class Silent:
    """Nobody watches."""

    def searching(self, fraction: float) -> None:
        """See `Progress.searching`."""

    def replaying(self, totals: Totals, fraction: float) -> None:
        """See `Progress.replaying`."""


class Bench:
    """A file, a mapping and a state folder to replay with, any number of times."""

    def __init__(self, folder: Path, lines: list[str], mapping: str) -> None:
        """Write the files."""
        source = CsvSource(write_csv(folder, *lines), CsvOptions())
        self.compiled = compile_mapping(load_mapping(write_mapping(folder, mapping)), source, "f00d")
        self.source = source
        fresh = ReplayState(file="rows.csv", file_hash="f00d", mapping_hash="m", destination="d")
        self.store = StateStore(folder / "state", fresh)
        self.stop = asyncio.Event()
        self.totals = Totals()

    async def run(
        self, sink: FakeCommandSink, rows_max: int | None = None, speed: float | None = None
    ) -> bool:
        """Replay as the command line does."""
        state = self.store.load()
        job = ReplayJob(self.source, self.compiled, "f00d", rows_max=rows_max, speed=speed)
        with ReportFile(self.store.report_path, state.report_bytes) as report:
            replay = Replay(job, sink, state, self.store, report, Silent(), self.stop)
            self.totals = replay.totals
            return await replay.run()

    def reported(self) -> list[tuple[int, str]]:
        """Give row and reason of each line of the report."""
        lines = [json.loads(line) for line in self.store.report_path.read_text().splitlines()]
        return [(line["row"], line["reason"]) for line in lines]


def commands(sink: FakeCommandSink) -> list[Command]:
    """Give what was sent, without keys."""
    return [command for command, _ in sink.sent]


async def test_opening_comes_before_every_row(tmp_path: Path) -> None:
    """Each SKU of the file gets its opening stock once, durable before the first row is sent."""
    bench, sink = Bench(tmp_path, sales(10), OPENING + SALE), FakeCommandSink()
    assert await bench.run(sink)
    syncs, rows = commands(sink)[:3], commands(sink)[3:]
    assert [(c.sku, c.on_hand, c.id) for c in syncs if isinstance(c, Sync)] == [
        (f"SKU-{n}", 100, f"f00d:opening:SKU-{n}:L1") for n in range(3)
    ]
    assert [c.id for c in rows] == [f"f00d:{n}" for n in range(1, 11)]
    assert all(isinstance(c, TillSale) for c in rows)
    assert [key for _, key in sink.sent[3:6]] == ["SKU-0", "SKU-1", "SKU-2"]
    assert sink.durable == len(sink.sent) == 13


async def test_refused_and_skipped_rows_are_all_accounted_for(tmp_path: Path) -> None:
    """Rows read = accepted + skipped + refused, and each that is not accepted is in the report."""
    lines = sales(6)
    lines[1], lines[3], lines[4] = "A,0,2026-01-02", "A,1.5,2026-01-02", "A,1"
    bench, sink = Bench(tmp_path, lines, SALE), FakeCommandSink()
    assert await bench.run(sink)
    assert bench.totals.rows == 6
    assert bench.totals.accepted == {"till_sale": 3}
    assert bench.reported() == [(2, "zero"), (4, "fractional"), (5, "unreadable")]
    assert [c.id for c in commands(sink)] == ["f00d:1", "f00d:3", "f00d:6"]


@pytest.mark.parametrize("fail_after", range(14))
async def test_crash_anywhere_loses_and_changes_nothing(tmp_path: Path, fail_after: int) -> None:
    """After a failure at any command the next run sends the rest; repeats are equal to the first."""
    lines = sales(10)
    lines[5] = "A,1.5,2026-01-02"
    bench = Bench(tmp_path, lines, OPENING + SALE)
    whole = FakeCommandSink()
    assert await Bench(tmp_path, lines, OPENING + SALE).run(whole)
    bench.store.forget()
    broken, healed = FakeCommandSink(fail_after=fail_after), FakeCommandSink()
    if fail_after < len(whole.sent):
        with pytest.raises(UnreachableError):
            await bench.run(broken)
    assert await bench.run(healed)
    together = {command.id: command for command in commands(broken) + commands(healed)}
    assert together == {command.id: command for command in commands(whole)}
    assert bench.totals.rows == 10
    assert bench.reported() == [(6, "fractional")]


async def test_resumed_replay_does_not_send_what_is_acknowledged(tmp_path: Path) -> None:
    """Rows before the last checkpoint are not sent again, and the totals go on."""
    bench = Bench(tmp_path, sales(10), SALE)
    with pytest.raises(UnreachableError):
        await bench.run(FakeCommandSink(fail_after=9))
    sink = FakeCommandSink()
    assert await bench.run(sink)
    assert [c.id for c in commands(sink)] == ["f00d:9", "f00d:10"]
    assert bench.totals.accepted == {"till_sale": 10}


async def test_finished_replay_sends_nothing_again(tmp_path: Path) -> None:
    """Running the same command twice is harmless."""
    bench = Bench(tmp_path, sales(5), OPENING + SALE)
    assert await bench.run(FakeCommandSink())
    sink = FakeCommandSink()
    assert await bench.run(sink)
    assert sink.sent == []
    assert bench.totals.rows == 5


async def test_limit_is_of_the_file_and_can_be_raised(tmp_path: Path) -> None:
    """`--limit 5` then `--limit 8` sends rows 1-5, then 6-8 with the opening stock they need."""
    lines = [line.replace("SKU-2", "LATE") if at > 5 else line for at, line in enumerate(sales(10))]
    bench, first, second = Bench(tmp_path, lines, OPENING + SALE), FakeCommandSink(), FakeCommandSink()
    assert await bench.run(first, rows_max=5)
    assert [c.id for c in commands(first) if isinstance(c, TillSale)] == [f"f00d:{n}" for n in range(1, 6)]
    assert await bench.run(second, rows_max=9)
    assert [c.id for c in commands(second) if isinstance(c, TillSale)] == [f"f00d:{n}" for n in range(6, 10)]
    opened = {c.sku for c in commands(second) if isinstance(c, Sync)}
    assert opened == {"SKU-0", "SKU-1", "SKU-2", "LATE"}


async def test_stop_ends_at_a_checkpoint(tmp_path: Path) -> None:
    """Ctrl-C leaves a state from which the rest follows, each row exactly once."""
    bench = Bench(tmp_path, sales(10), SALE)
    bench.stop.set()
    first, second = FakeCommandSink(), FakeCommandSink()
    assert not await bench.run(first)
    bench.stop.clear()
    assert await bench.run(second)
    assert [c.id for c in commands(first) + commands(second)] == [f"f00d:{n}" for n in range(1, 11)]
    assert first.sent
    assert second.sent


async def test_paced_replay_waits_as_long_as_history_did(tmp_path: Path) -> None:
    """At 100 times its speed, history of 9 seconds takes 90 ms; order and number stay."""
    bench, sink = Bench(tmp_path, sales(10), SALE), FakeCommandSink()
    started = asyncio.get_running_loop().time()
    assert await bench.run(sink, speed=100.0)
    assert asyncio.get_running_loop().time() - started >= 0.089
    assert [c.id for c in commands(sink)] == [f"f00d:{n}" for n in range(1, 11)]


async def test_paced_replay_stops_in_the_middle_of_a_chunk(tmp_path: Path) -> None:
    """A stop during a wait counts exactly the rows that were sent."""
    bench, sink = Bench(tmp_path, sales(10), SALE), FakeCommandSink()
    running = asyncio.create_task(bench.run(sink, speed=0.001))
    async with asyncio.timeout(10):
        while not sink.sent:  # noqa: ASYNC110  # a list cannot call
            await asyncio.sleep(0)
    bench.stop.set()
    assert not await running
    assert len(sink.sent) == 1
    assert bench.store.load().through_row == 1


async def test_changed_report_is_noticed(tmp_path: Path) -> None:
    """A resumed replay whose report was removed says so instead of pretending that nothing was refused."""
    bench = Bench(tmp_path, ["A,1.5,2026-01-02", *sales(6)], SALE)
    with pytest.raises(UnreachableError):
        await bench.run(FakeCommandSink(fail_after=5))
    bench.store.report_path.unlink()
    with pytest.raises(ReplayStateError, match="--restart"):
        await bench.run(FakeCommandSink())


def test_two_replays_of_one_file_are_kept_apart(tmp_path: Path) -> None:
    """A second replay of the same file, mapping and destination is refused while the first runs."""
    bench = Bench(tmp_path, sales(1), SALE)
    with (
        bench.store.locked(),
        pytest.raises(ReplayStateError, match="another replay"),
        bench.store.locked(),
    ):
        pass


@pytest.mark.parametrize("content", [b"", b"{", b'{"version": 1}'])
def test_broken_state_names_the_way_out(tmp_path: Path, content: bytes) -> None:
    """A state that cannot be read is never taken for row 0."""
    bench = Bench(tmp_path, sales(1), SALE)
    bench.store.path.parent.mkdir(exist_ok=True)
    bench.store.path.write_bytes(content)
    with pytest.raises(ReplayStateError, match="--restart"):
        bench.store.load()
