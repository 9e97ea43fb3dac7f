"""The demo as a user runs it: one command in a pipe, to its end or to Ctrl-C."""

import json
import os
import re
import select
import shlex
import signal
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self
from urllib.error import HTTPError

import psutil
import pytest

from tests.integration.host_world import REPOSITORY
from tests.integration.processes import DEADLINE_SECONDS, Deaths

pytestmark = [pytest.mark.broker, pytest.mark.redis, pytest.mark.slow]

# A small demo takes 40 s here, and 90 s on a machine with everything else on it.
DEMO_SECONDS_MAX = 240.0
LOOK_SECONDS = 0.2
PROGRAM = (sys.executable, "-m", "inventory_stream.cli")


class Demo:
    """A demo under way; whatever happens, it is gone at the end of the block."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.text = ""
        self._process = subprocess.Popen(  # noqa: S603  # our own program
            [*PROGRAM, "demo", "--small", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=REPOSITORY,
            env={**os.environ, "CI": "true", "TMPDIR": str(folder), "PYTHONUNBUFFERED": "1"},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def read_until(self, word: str | None) -> None:
        """Read its output until a word has come, None: until it ends."""
        assert self._process.stdout is not None
        deadline = time.monotonic() + DEMO_SECONDS_MAX
        while word is None or word not in self.text:
            ready, _, _ = select.select([self._process.stdout], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, f"no {word!r} within {DEMO_SECONDS_MAX:.0f} s:\n{self.text}"
            received = os.read(self._process.stdout.fileno(), 65_536)
            if not received:
                assert word is None, self.text
                return
            self.text += received.decode()

    def descendants(self) -> list[int]:
        """Give the ids of all processes that it started and that still run."""
        return [child.pid for child in psutil.Process(self._process.pid).children(recursive=True)]

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def status(self) -> int:
        """Wait for its end and give its exit status."""
        self.read_until(None)
        return self._process.wait(DEADLINE_SECONDS)


def _run(arguments: Sequence[str], environment: Mapping[str, str]) -> str:
    """Run one of our commands against the demo, and give what it prints."""
    answer = subprocess.run(  # noqa: S603  # our own program
        [*PROGRAM, *arguments],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        check=True,
        timeout=DEADLINE_SECONDS,
    )
    return answer.stdout.decode()


def _table_of(text: str) -> dict[str, str]:
    """Give the rows of the final table: what each is called, and the rest of its line."""
    lines = [line.strip() for line in text.partition("What happened")[2].splitlines()]
    cells = [re.split(r"\s{2,}", line, maxsplit=1) for line in lines]
    return {row[0]: row[1] for row in cells if len(row) > 1}


def _post(url: str, api_key: str, key: str, body: str) -> tuple[int, dict[str, Any]]:
    """Send a request as the printed curl does; gives status and answer."""
    headers = {
        "Authorization": f"Bearer {api_key}",
        "Idempotency-Key": key,
        "Content-Type": "application/json",
    }
    request = urllib.request.Request(url, body.encode(), headers, method="POST")  # noqa: S310  # http, printed
    try:
        with urllib.request.urlopen(request, timeout=DEADLINE_SECONDS) as answer:  # noqa: S310
            return answer.status, json.loads(answer.read())
    except HTTPError as refusal:
        return refusal.code, json.loads(refusal.read())


def _is_sold_to_one_of_two(page: str) -> None:
    """Buy the page's last unit twice at once, as two browsers with its own words do."""
    with urllib.request.urlopen(f"{page}config.json", timeout=DEADLINE_SECONDS) as answer:  # noqa: S310  # http, printed
        product = json.loads(answer.read())
    wish = json.dumps({"sku": product["sku"], "location": product["location"], "units": 1})
    url = page.replace("/storefront/", "/v1/reservations")
    with ThreadPoolExecutor(2) as browsers:
        # As a page must: its key is everybody's, so that only a random word tells two shoppers apart.
        keys = [uuid.uuid4().hex for _ in range(2)]
        answers = list(browsers.map(lambda key: _post(url, product["key"], key, wish), keys))
    assert sorted(status for status, _ in answers) == [201, 409], answers


def _is_ready(url: str) -> None:
    """Wait until a process says so: one that gets no processor for a second says no."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while True:
        try:
            with urllib.request.urlopen(f"{url}/ready", timeout=DEADLINE_SECONDS) as answer:  # noqa: S310  # http, by the pattern
                assert json.loads(answer.read())["ready"] is True
                return
        except HTTPError as no:
            said = no.read()
        assert time.monotonic() < deadline, (url, said)
        time.sleep(LOOK_SECONDS)


def _curl_reserves(text: str) -> None:
    """Do what the three printed lines do."""
    lines = [line.strip() for line in text.partition("A reservation by curl:")[2].splitlines()]
    gateway, api_key = (line.partition("=")[2] for line in lines[1:3])
    words = shlex.split(lines[3])
    assert words[:4] == ["curl", "-X", "POST", "$GATEWAY/v1/reservations"]
    status, answer = _post(f"{gateway}/v1/reservations", api_key, "try-1", words[-1])
    assert (status, answer["outcome"]) == (201, "GRANTED"), answer


def test_the_demo_holds_to_its_end_and_can_be_looked_at(tmp_path: Path) -> None:
    """One command: all decided once, as foretold, nothing oversold over a kill -9; --keep: ask it."""
    with Demo(tmp_path, "--keep", "--data-dir", str(tmp_path / "data")) as demo:
        demo.read_until("/storefront/")
        assert "Not one unit was sold twice: oversold 0" in demo.text
        assert "BROKEN" not in demo.text
        for word in ("kill -9 ledger-", "kill -9 gateway-", "is decided again", "real till sales"):
            assert word in demo.text
        assert "(all generated, seed 1)" in demo.text
        rows = _table_of(demo.text)
        assert rows["life of orders (generated)"].split()[0] == "240"
        assert rows["differences from the demo's own count"].split()[0] == "0"
        had, _, refused = rows["late confirms: had / refused"].split()[:3]
        assert int(had) > 0
        assert int(refused) > 0
        for kind in ("recorded_short", "received_short", "return_unmatched", "revoked", "shortfall"):
            assert kind in rows["exceptions told"]
        for row in ("asked again, heard the same", "answers 201 that are in the ledger"):
            held, _, of = rows[row].split()[:3]
            assert int(held.replace(",", "")) > 0
            assert held == of
        assert rows["most units of one customer"].split()[0] == "2"
        assert rows["channels: listings as the ledger has them"].startswith("24 of 24")
        for word in ("shopify is broken", "kill -9 channels-1", "shopify is mended", "square is told again"):
            assert word in demo.text
        by_metrics, *_, in_ledger = rows["decisions by /metrics"].split()
        assert by_metrics == in_ledger
        exports = [line.split()[1] for line in demo.text.splitlines() if line.startswith("  export ")]
        environment = {**os.environ, **dict(export.split("=", 1) for export in exports)}
        assert json.loads(_run(["atp", "get", "--json", "demo-flash-sale"], environment))["total"] == 0
        standing = _run(["channels", "status"], environment)
        assert "3 integrations" in standing
        for channel in ("shopify", "square", "webhook"):
            assert channel in standing
        hints = [
            line.split() for line in demo.text.splitlines() if line.startswith("  inventory-stream ledger")
        ]
        told = [_run(hint[1:], environment) for hint in hints]
        assert any("RESERVATION_EXPIRED" in text for text in told)
        _curl_reserves(demo.text)
        (page,) = re.findall(r"\S+/storefront/", demo.text)
        _is_sold_to_one_of_two(page)
        for url in re.findall(r"curl (http://\S+)/metrics", demo.text):
            _is_ready(url)
        with Deaths(demo.descendants()) as deaths:
            demo.send(signal.SIGINT)
            assert demo.status() == 0
            assert deaths.still_alive() == []


@pytest.mark.parametrize(
    ("moment", "number"),
    [
        ("Kafka and Valkey: starting", signal.SIGINT),
        ("partitions owned", signal.SIGTERM),
        ("till history: ", signal.SIGINT),
        ("* kill -9", signal.SIGINT),
    ],
)
def test_ctrl_c_at_any_moment_leaves_nothing_behind(
    tmp_path: Path, moment: str, number: signal.Signals
) -> None:
    """Stopped in the middle the demo says so, exits 130, and leaves no process and no folder."""
    with Demo(tmp_path) as demo:
        demo.read_until(moment)
        with Deaths(demo.descendants()) as deaths:
            demo.send(number)
            assert demo.status() == 128 + signal.SIGINT, demo.text
            assert deaths.still_alive() == []
    assert "interrupted" in demo.text
    assert "Traceback" not in demo.text
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_something_in_it_is_refused(tmp_path: Path) -> None:
    """An earlier demo's data would answer this one's commands: one line says what to do instead."""
    (tmp_path / "something").touch()
    with Demo(tmp_path, "--data-dir", str(tmp_path)) as demo:
        assert demo.status() == 1
    assert "not an empty folder" in demo.text
    assert "Traceback" not in demo.text
