"""The supervisor over real, small processes."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from inventory_stream.devservers import ServerStateError
from inventory_stream.devservers.supervisor import BACK_OFF_SECONDS_MIN, Supervisor
from tests.integration.processes import DEADLINE_SECONDS, Deaths, Mailbox

# Says its process id, then does what the second argument says.
CHILD = """
import os, signal, sys
with open(sys.argv[1], "w") as box:
    box.write(f"{os.getpid()} {os.environ.get('GREETING', '')}\\n")
if sys.argv[2] == "wait":
    signal.pause()
sys.exit(int(sys.argv[2]))
"""


@pytest.fixture
def mailbox(tmp_path: Path) -> Iterator[Mailbox]:
    """Give the pipe into which children report."""
    with Mailbox(tmp_path / "mailbox") as box:
        yield box


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    """Give a supervisor that stops everything at the end."""
    with Supervisor(tmp_path / "logs") as one:
        yield one


def child(mailbox: Mailbox, then: str) -> list[str]:
    """Give the command of a child."""
    return [sys.executable, "-c", CHILD, str(mailbox.path), then]


def test_a_killed_program_is_started_again(supervisor: Supervisor, mailbox: Mailbox) -> None:
    """A program that dies of a signal has a new process soon, with the same environment."""
    supervisor.start("one", child(mailbox, "wait"), {"GREETING": "hello"})
    first, greeting = mailbox.read_line().split()
    assert supervisor.pid("one") == int(first)
    assert supervisor.kill("one") == int(first)
    second, greeting_again = mailbox.read_line().split()
    assert second != first
    assert greeting == greeting_again == "hello"
    assert supervisor.exit_statuses("one") == [-signal.SIGKILL]


def test_a_failing_program_is_started_again_ever_more_slowly(
    supervisor: Supervisor, mailbox: Mailbox
) -> None:
    """Each exit with a status other than 0 is followed by a new start, after a pause that doubles."""
    supervisor.start("bad", child(mailbox, "70"))
    assert supervisor.wait_for_exits("bad", 3, DEADLINE_SECONDS)
    assert supervisor.exit_statuses("bad")[:3] == [70, 70, 70]
    assert supervisor._programs["bad"].pause_seconds >= BACK_OFF_SECONDS_MIN * 8


def test_a_program_that_ends_well_is_over(supervisor: Supervisor, mailbox: Mailbox) -> None:
    """Exit status 0 means that there is nothing more to do."""
    supervisor.start("good", child(mailbox, "0"))
    assert supervisor.wait_for_exits("good", 1, DEADLINE_SECONDS)
    assert supervisor.exit_statuses("good") == [0]
    assert supervisor.pid("good") is None
    with pytest.raises(ServerStateError):
        supervisor.kill("good")


def test_a_paused_program_stands_still_until_resumed(supervisor: Supervisor, mailbox: Mailbox) -> None:
    """Between pause and resume the process is stopped, and it is the same one afterwards."""
    supervisor.start("one", child(mailbox, "wait"))
    pid = int(mailbox.read_line())
    supervisor.pause("one")
    state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    assert state == "T"
    supervisor.resume("one")
    assert supervisor.pid("one") == pid


def test_stop_all_ends_every_program(tmp_path: Path, mailbox: Mailbox) -> None:
    """On return of `stop_all` no process of the supervisor is left, and calling it again is harmless."""
    supervisor = Supervisor(tmp_path / "logs")
    for name in ("a", "b"):
        supervisor.start(name, child(mailbox, "wait"))
    pids = [int(mailbox.read_line()), int(mailbox.read_line())]
    with Deaths(pids) as deaths:
        supervisor.stop_all()
        assert deaths.still_alive() == []
    supervisor.stop_all()
    with pytest.raises(ServerStateError):
        supervisor.start("c", child(mailbox, "0"))


def test_no_program_outlives_a_killed_supervisor(tmp_path: Path, mailbox: Mailbox) -> None:
    """When the process of the supervisor dies of SIGKILL, so do its programs."""
    owner = f"""
import sys, threading
from pathlib import Path
from inventory_stream.devservers.supervisor import Supervisor
supervisor = Supervisor(Path({str(tmp_path / "logs")!r}))
supervisor.start("one", {child(mailbox, "wait")!r})
threading.Event().wait()
"""
    process = subprocess.Popen([sys.executable, "-c", owner])  # noqa: S603  # our own text
    with Deaths([int(mailbox.read_line())]) as deaths:
        process.kill()
        process.wait(DEADLINE_SECONDS)
        assert deaths.still_alive() == []
