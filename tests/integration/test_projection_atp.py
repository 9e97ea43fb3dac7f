"""`atp get|watch` against a real Valkey."""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import IO

import pytest
import uvloop
from typer.testing import CliRunner

from inventory_stream.adapters.redis.projection import RedisProjection
from inventory_stream.cli.atp import app
from inventory_stream.errors import UnreachableError
from inventory_stream.ports.projection import Announcement, Extent, Paths, SkuChange
from inventory_stream.settings import RedisSettings
from tests.contract.projection_suite import change, taken
from tests.fakes.projection import OURS

WAIT_SECONDS_MAX = 20.0


@pytest.fixture
def environment(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Point the settings at an empty Valkey, with two partitions."""
    monkeypatch.setenv("INVENTORY_STREAM_REDIS__URL", redis_url)
    monkeypatch.setenv("INVENTORY_STREAM_KAFKA__PARTITIONS", "2")
    return redis_url


def put(redis_url: str, *changes: SkuChange, beating: tuple[int, ...] = ()) -> None:
    """Write as the projection would, into partition 0."""

    async def run() -> None:
        projection = RedisProjection.connect(RedisSettings(url=redis_url), OURS)
        written = await projection.write(0, changes)
        await projection.announce(
            [Announcement(c, t) for c, t in zip(changes, written.results, strict=True) if isinstance(t, int)]
        )
        for partition in beating:
            await projection.beat(partition, await taken(projection, partition), 60_000)
        await projection.close()

    uvloop.run(run())


def test_get_prints_a_table_and_says_when_nobody_vouches(environment: str) -> None:
    """Without heartbeats the numbers are shown, and stderr says that they may be old."""
    put(environment, change("[red] shoe", 1, {"A": 3, "B": (0, 2)}, Extent.WHOLE))
    result = CliRunner().invoke(app, ["get", "[red] shoe"])
    assert result.exit_code == 0
    assert "[red] shoe" in result.stdout
    assert "A 3, B 0" in result.stdout
    assert "not fresh: no heartbeat for partition 0, 1" in result.stderr


def test_get_as_json_is_one_object_per_line(environment: str) -> None:
    """Scripts get every field; freshness is that of the SKU's own partition; an absent SKU exits 1."""
    put(environment, change("S", 1, {"A": 3, "B": (0, 2)}, Extent.WHOLE), beating=(0,))
    result = CliRunner().invoke(app, ["get", "--json", "S", "missing"])
    assert result.exit_code == 1
    assert [json.loads(line) for line in result.stdout.splitlines()] == [
        {
            "sku": "S",
            "found": True,
            "fresh": True,
            "total": 3,
            "short": 2,
            "locations": {"A": 3, "B": 0},
            "channels": {},
            "sales": {},
            "backorder": 0,
            "v": "1700000000000:1",
            "at": 1_700_000_000_001,
        },
        {"sku": "missing", "found": False, "fresh": False},
    ]


def test_get_of_an_unreachable_server_is_one_clear_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fault names the server; the command line turns it into one line and exit 1."""
    monkeypatch.setenv("INVENTORY_STREAM_REDIS__URL", "redis://user:secret@127.0.0.1:1/0")
    result = CliRunner().invoke(app, ["get", "S"])
    assert isinstance(result.exception, UnreachableError)
    assert "127.0.0.1:1" in str(result.exception)
    assert "secret" not in str(result.exception)


class Lines:
    """Lines of a process, each with a deadline."""

    def __init__(self, stream: IO[str]) -> None:
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        # A thread, because select() does not see what a text stream has read ahead.
        threading.Thread(target=self._read, args=(stream,), daemon=True).start()

    def _read(self, stream: IO[str]) -> None:
        for line in stream:
            self._lines.put(line.rstrip())

    def next(self) -> str:
        """Give the next line, or fail with queue.Empty."""
        return self._lines.get(timeout=WAIT_SECONDS_MAX)


def test_get_tells_sales_channels_and_what_may_be_ordered_ahead(environment: str) -> None:
    """What only other paths can sell is told beside the common units, in the table and as JSON."""
    paths = Paths({"web": 7}, {"drop": 2}, 3, 5, 9)
    put(environment, change("S", 1, {"A": 4}, Extent.WHOLE, paths=paths), beating=(0, 1))
    result = CliRunner().invoke(app, ["get", "S"], terminal_width=200, env={"COLUMNS": "200"})
    assert "sale drop 2, channel web 7, backorder 3" in result.stdout
    told = json.loads(CliRunner().invoke(app, ["get", "--json", "S"]).stdout)
    assert (told["channels"], told["sales"], told["backorder"]) == ({"web": 7}, {"drop": 2}, 3)


@pytest.fixture
def watching(environment: str) -> Iterator[subprocess.Popen[str]]:
    """Run `atp watch S` after S has 5 units."""
    put(environment, change("S", 1, {"A": 5}, Extent.WHOLE), beating=(0, 1))
    with subprocess.Popen(
        [sys.executable, "-c", "from inventory_stream.cli.atp import app; app()", "watch", "S", "T"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        bufsize=1,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as process:
        yield process
        process.kill()


def test_watch_prints_changes_until_ctrl_c(environment: str, watching: subprocess.Popen[str]) -> None:
    """The first lines show what is there, later ones each change and by how much; Ctrl-C ends it clean."""
    assert watching.stdout is not None
    assert watching.stderr is not None
    lines = Lines(watching.stdout)
    assert lines.next().endswith("S: 5  v=1700000000000:1")
    assert lines.next().endswith("T: not there (yet)")
    put(environment, change("S", 2, {"A": 2}))
    assert lines.next().endswith("S: 2  (-3)  v=1700000000000:2")
    put(environment, change("other", 3, {"A": 2}, Extent.WHOLE), change("T", 4, {"A": 1}, Extent.WHOLE))
    assert lines.next().endswith("T: 1  v=1700000000000:4")
    watching.send_signal(signal.SIGINT)
    assert watching.wait(WAIT_SECONDS_MAX) == 0
    assert watching.stderr.read() == ""
