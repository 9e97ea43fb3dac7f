"""Several processes under one parent: they come back with a pause, hear of the end, and leave nobody."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import psutil
from structlog.testing import capture_logs

from inventory_stream.adapters.process_pool import ProcessPool

DEADLINE_SECONDS: Final = 60.0
"""Bounds waits of a tenth of a second on a machine that is busy with something else."""

# Each life leaves a file named by its number and its process id, before it waits for its end.
WORKER: Final = """
import os, pathlib, signal, sys
def end(*_):
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
pathlib.Path(sys.argv[1], f"{os.environ['NUMBER']}-{os.getpid()}").touch()
signal.pause()
"""


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not condition():  # noqa: ASYNC110  # other processes set no event of ours
            await asyncio.sleep(0.01)


def _lives(folder: Path, number: int) -> list[str]:
    return [path.name for path in folder.glob(f"{number}-*")]


@asynccontextmanager
async def _pool(folder: Path) -> AsyncIterator[tuple[ProcessPool, "asyncio.Task[int]"]]:
    command = [sys.executable, "-I", "-S", "-c", WORKER, str(folder)]
    pool = ProcessPool(command, [{"NUMBER": "1"}, {"NUMBER": "2"}])
    running = asyncio.ensure_future(pool.run())
    try:
        await _until(lambda: len(list(folder.iterdir())) == 2)
        yield pool, running
    finally:
        pool.stop()
        await running


async def test_a_killed_process_comes_back_and_the_other_one_goes_on(tmp_path: Path) -> None:
    """One that ends, however, is started again; nobody else is touched."""
    async with _pool(tmp_path) as (pool, _):
        first, second = pool.pids
        assert first is not None
        os.kill(first, signal.SIGKILL)
        await _until(lambda: len(_lives(tmp_path, 1)) == 2)
        assert pool.pids[1] == second
        assert pool.pids[0] not in {None, first}


async def test_stopping_ends_all_and_leaves_nobody(tmp_path: Path) -> None:
    """All processes are asked to end, and the pool returns when they have."""
    async with _pool(tmp_path) as (pool, running):
        pids = [pid for pid in pool.pids if pid is not None]
        assert len(pids) == 2
        pool.stop()
        async with asyncio.timeout(DEADLINE_SECONDS):
            assert await running == 0
        assert not [pid for pid in pids if psutil.pid_exists(pid)]


async def test_a_process_that_cannot_start_is_tried_with_pauses_that_grow() -> None:
    """Each end in a row doubles the pause, and its status is told."""
    pool = ProcessPool([sys.executable, "-I", "-S", "-c", "raise SystemExit(70)"], [{}])
    with capture_logs() as logs:
        running = asyncio.ensure_future(pool.run())
        try:
            await _until(lambda: sum(line["event"] == "process_ended" for line in logs) == 3)
        finally:
            pool.stop()
            await running
    ends = [line for line in logs if line["event"] == "process_ended"]
    assert [line["status"] for line in ends] == [70, 70, 70]
    assert [line["started_again_in_seconds"] for line in ends] == [0.1, 0.2, 0.4]


async def test_a_status_that_no_start_mends_ends_the_pool() -> None:
    """Wrong settings are wrong for every process and for every life: the pool ends with that status."""
    script = "import os, signal; os.environ['NUMBER'] == '2' and exit(2); signal.pause()"
    command = [sys.executable, "-I", "-c", script]
    pool = ProcessPool(command, [{"NUMBER": "1"}, {"NUMBER": "2"}], lambda status: status == 2)
    async with asyncio.timeout(DEADLINE_SECONDS):
        assert await pool.run() == 2
    assert pool.pids == [None, None]


def test_processes_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    """A parent that is killed tells nobody; its processes hear of it from the kernel."""
    parent = f"""
import asyncio, sys
from inventory_stream.adapters.process_pool import ProcessPool
command = [sys.executable, "-I", "-S", "-c", {WORKER!r}, {str(tmp_path)!r}]
asyncio.run(ProcessPool(command, [{{"NUMBER": "1"}}]).run())
"""
    with psutil.Popen([sys.executable, "-c", parent], stdout=-3) as started:
        asyncio.run(_until(lambda: len(_lives(tmp_path, 1)) == 1))
        (name,) = _lives(tmp_path, 1)
        child = psutil.Process(int(name.partition("-")[2]))
        started.kill()
        child.wait(DEADLINE_SECONDS)
