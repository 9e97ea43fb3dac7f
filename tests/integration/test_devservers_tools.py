"""What stands under the development servers: guardians, Maven's jars, tools on PATH. No server needed."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from inventory_stream.devservers import GuardianError, JarFetchError, MissingToolError
from inventory_stream.devservers.cache import CACHE_DIR_VARIABLE, cache_dir
from inventory_stream.devservers.guarded import GuardedProcess, run_guarded
from inventory_stream.devservers.jars import BROKER_JAR, MARKER_NAME, kafka_jars
from inventory_stream.devservers.toolchain import JAVA, MVN, Tool
from tests.integration.processes import DEADLINE_SECONDS, Deaths, Mailbox

# Does nothing until a signal ends it.
IDLE = ("sleep", "600")

# Deaf to SIGTERM, and says so once it is.
DEAF = """
import signal, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
open(sys.argv[1], "w").write("deaf\\n")
signal.pause()
"""

# Owns an idle command, as does (as far as pipes go) its forked child; names both.
FORKING_OWNER = """
import os, signal, sys
from pathlib import Path
from inventory_stream.devservers.guarded import GuardedProcess
folder = Path(sys.argv[1])
process = GuardedProcess(("sleep", "600"), log_path=folder / "log", working_dir=folder, grace_seconds=5.0)
if os.fork() == 0:
    (folder / "mailbox").write_text(f"{os.getpid()} {process.pid}\\n")
signal.pause()
"""

# Fetches the jars and tells where they are.
FETCHER = "from inventory_stream.devservers.jars import kafka_jars; print(kafka_jars())"

# A Maven that fetches nothing: it writes each call's first argument to the mailbox and waits
# at the gate (named pipes, if they are there), then makes one jar.
FAKE_MVN = """#!/bin/sh
here=$(dirname "$0")
if [ -p "$here/calls" ]; then echo "$1" > "$here/calls"; fi
if [ "$1" = -v ]; then echo "Apache Maven {version}"; exit 0; fi
if [ -p "$here/gate" ]; then read line < "$here/gate"; fi
for argument; do case "$argument" in -DoutputDirectory=*) out=${{argument#*=}};; esac; done
mkdir -p "$out" && echo jar > "$out/{jar}" && echo "mvn was here" && exit {status}
"""


@pytest.fixture
def bin_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a folder for fake programs in front of PATH, and the cache of jars beside it."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setenv(CACHE_DIR_VARIABLE, str(tmp_path / "cache"))
    return folder


def write_program(path: Path, text: str) -> None:
    """Make an executable file."""
    path.write_text(text)
    path.chmod(0o755)


def write_fake_mvn(bin_dir: Path, *, version: str = "3.9.9", jar: str = BROKER_JAR, status: int = 0) -> None:
    """Make a Maven that behaves as described at FAKE_MVN."""
    write_program(bin_dir / "mvn", FAKE_MVN.format(version=version, jar=jar, status=status))


def guard(tmp_path: Path, *command: str, grace_seconds: float = DEADLINE_SECONDS) -> GuardedProcess:
    """Start a command under a guardian."""
    return GuardedProcess(
        command, log_path=tmp_path / "log", working_dir=tmp_path, grace_seconds=grace_seconds
    )


def test_status_names_the_signal_when_a_command_is_ended(tmp_path: Path) -> None:
    """A stop is a SIGTERM, a kill is a SIGKILL."""
    assert guard(tmp_path, *IDLE).stop() == -signal.SIGTERM
    assert guard(tmp_path, *IDLE).kill() == -signal.SIGKILL


def test_status_is_kept_when_a_command_ends_by_itself(tmp_path: Path) -> None:
    """The owner learns the exit status of what ended unasked, and may still stop or kill it."""
    process = guard(tmp_path, "sh", "-c", "exit 3")
    assert process.wait(DEADLINE_SECONDS) == 3
    assert (process.is_running(), process.stop(), process.kill()) == (False, 3, 3)


def test_deaf_command_is_killed_when_its_grace_is_over(tmp_path: Path) -> None:
    """Who ignores SIGTERM gets SIGKILL."""
    with Mailbox(tmp_path / "mailbox") as mailbox:
        process = guard(tmp_path, sys.executable, "-c", DEAF, str(mailbox.path), grace_seconds=0.2)
        assert mailbox.read_line() == "deaf"
        assert process.stop() == -signal.SIGKILL


def test_whole_group_ends_when_its_leader_does(tmp_path: Path) -> None:
    """What a crashed command had started ends with it."""
    with Mailbox(tmp_path / "mailbox") as mailbox:
        process = guard(tmp_path, "sh", "-c", f"sleep 600 & echo $! > {mailbox.path}; wait")
        child_pid = int(mailbox.read_line())
    assert process.pid is not None
    with Deaths([child_pid]) as child:
        os.kill(process.pid, signal.SIGKILL)
        assert child.still_alive() == []
    assert process.stop() == -signal.SIGKILL


def test_command_ends_when_its_guardian_is_killed(tmp_path: Path) -> None:
    """The kernel ends the command when the guardian cannot; the owner hears of it."""
    process = guard(tmp_path, *IDLE)
    assert process.pid is not None
    with Deaths([process.pid]) as command:
        os.kill(psutil.Process(process.pid).ppid(), signal.SIGKILL)
        assert command.still_alive() == []
    with pytest.raises(GuardianError):
        process.stop()


def test_command_ends_when_its_owner_is_killed_while_a_fork_holds_the_pipe(tmp_path: Path) -> None:
    """A forked child of the owner keeps every descriptor, but does not keep the command alive."""
    with Mailbox(tmp_path / "mailbox") as mailbox:
        owner = subprocess.Popen([sys.executable, "-c", FORKING_OWNER, str(tmp_path)])  # noqa: S603 - the text above
        fork_pid, command_pid = map(int, mailbox.read_line().split())
    with owner, Deaths([command_pid]) as command, Deaths([fork_pid]) as fork:
        owner.kill()
        try:
            assert command.still_alive() == []
            assert fork.still_alive(0.0) == [fork_pid]
        finally:
            os.kill(fork_pid, signal.SIGKILL)


def test_absent_program_is_an_exit_and_not_a_hang(tmp_path: Path) -> None:
    """A command that cannot be started counts as ended, with the reason in the log."""
    process = guard(tmp_path, str(tmp_path / "absent"))
    assert process.wait(DEADLINE_SECONDS) == 127
    assert "absent" in (tmp_path / "log").read_text()


def test_short_command_is_ended_when_it_takes_too_long(tmp_path: Path) -> None:
    """A bounded run returns None and leaves nothing running."""
    log_path = tmp_path / "log"
    assert run_guarded(IDLE, log_path=log_path, working_dir=tmp_path, timeout_seconds=0.1) is None
    assert "sleep" not in [child.name() for child in psutil.Process().children(recursive=True)]


@pytest.mark.parametrize(
    ("tool", "says"),
    [
        (JAVA, 'openjdk version "11.0.25" 2024-10-15'),
        (JAVA, 'java version "1.8.0_392"'),
        (MVN, "Apache Maven 3.6.3"),
    ],
    ids=["java 11", "java 8", "mvn 3.6"],
)
def test_old_tool_is_one_clear_line(bin_dir: Path, tool: Tool, says: str) -> None:
    """A tool that is too old is refused in one line with its version and what to install."""
    write_program(bin_dir / tool.name, f"#!/bin/sh\necho '{says}' >&2\n")
    with pytest.raises(MissingToolError, match=r"apt install maven.*docker-compose\.yml") as caught:
        tool.find()
    assert "\n" not in str(caught.value)
    assert str(bin_dir) in str(caught.value)


@pytest.mark.parametrize(
    "says", ['openjdk version "17.0.15" 2025-04-15', 'openjdk version "25-ea" 2025-09-16']
)
def test_new_java_is_accepted(bin_dir: Path, says: str) -> None:
    """Java 17 and everything after it will do, also a version without a dot."""
    write_program(bin_dir / "java", f"#!/bin/sh\necho '{says}' >&2\n")
    assert JAVA.find() == bin_dir / "java"


@pytest.mark.parametrize(
    "program", ["#!/bin/sh\nexit 1\n", "#!/no/such/interpreter\n"], ids=["says nothing", "does not start"]
)
def test_broken_tool_is_one_clear_line(bin_dir: Path, program: str) -> None:
    """A tool that does not run, or names no version, is refused like an absent one."""
    write_program(bin_dir / "java", program)
    with pytest.raises(MissingToolError, match="apt install maven"):
        JAVA.find()


def test_missing_mvn_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without jars and without mvn the error is one line that names what to install."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv(CACHE_DIR_VARIABLE, str(tmp_path / "cache"))
    with pytest.raises(MissingToolError, match=r"mvn >= 3\.8 on PATH.*apt install maven") as caught:
        kafka_jars()
    assert "\n" not in str(caught.value)


def test_cache_has_one_good_copy_when_two_processes_fetch_at_once(bin_dir: Path) -> None:
    """Two processes that both find no jars run Maven once and get the same whole folder."""
    write_fake_mvn(bin_dir)
    with Mailbox(bin_dir / "calls") as calls, Mailbox(bin_dir / "gate") as gate:
        fetchers = [
            subprocess.Popen([sys.executable, "-c", FETCHER], stdout=subprocess.PIPE, text=True)  # noqa: S603 - the text above
            for _ in range(2)
        ]
        # Both have found the cache empty once both have asked Maven for its version; one of
        # them then stands at the gate.
        assert sorted(calls.read_line() for _ in range(3)) == ["--batch-mode", "-v", "-v"]
        gate.path.write_text("open\nopen\n")  # for two, should there wrongly be two
        answers = {fetcher.communicate(timeout=DEADLINE_SECONDS)[0].strip() for fetcher in fetchers}
        assert calls.waiting() == ""
    assert answers == {str(cache_dir() / "kafka-4.2.0")}
    assert sorted(path.name for path in cache_dir().iterdir()) == ["kafka-4.2.0", "kafka-4.2.0.lock"]
    marker = json.loads((cache_dir() / "kafka-4.2.0" / MARKER_NAME).read_bytes())
    assert marker["size_bytes"] == {BROKER_JAR: len("jar\n")}


def test_jars_are_not_fetched_again_when_they_are_whole(bin_dir: Path) -> None:
    """The second time needs no Maven at all."""
    write_fake_mvn(bin_dir)
    first = kafka_jars()
    write_program(bin_dir / "mvn", "#!/bin/sh\nexit 1\n")
    assert kafka_jars() == first


@pytest.mark.parametrize("damage", [b"", None], ids=["cut short", "removed"])
def test_jars_are_fetched_again_when_one_is_damaged(bin_dir: Path, damage: bytes | None) -> None:
    """A jar that is not whole is noticed and the folder replaced."""
    write_fake_mvn(bin_dir)
    jar = kafka_jars() / BROKER_JAR
    jar.unlink()
    if damage is not None:
        jar.write_bytes(damage)
    assert (kafka_jars() / BROKER_JAR).read_text() == "jar\n"


@pytest.mark.parametrize(
    ("jar", "status"), [(BROKER_JAR, 1), ("other.jar", 0)], ids=["mvn fails", "the broker is missing"]
)
def test_incomplete_fetch_is_never_used(bin_dir: Path, jar: str, status: int) -> None:
    """A Maven that fails half-way leaves nothing behind, its words are shown, and the next try works."""
    write_fake_mvn(bin_dir, jar=jar, status=status)
    with pytest.raises(JarFetchError, match="mvn was here"):
        kafka_jars()
    assert [path.name for path in cache_dir().iterdir()] == ["kafka-4.2.0.lock"]
    write_fake_mvn(bin_dir)
    assert (kafka_jars() / BROKER_JAR).is_file()


def test_left_over_is_removed_when_a_fetch_had_been_killed(bin_dir: Path) -> None:
    """What killed fetches left in the cache does not pile up."""
    write_fake_mvn(bin_dir)
    left_over = cache_dir() / ".kafka-4.2.0-killed"
    left_over.mkdir(parents=True)
    kafka_jars()
    assert not left_over.exists()


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        (CACHE_DIR_VARIABLE, "/chosen", "/chosen"),
        ("XDG_CACHE_HOME", "/xdg", "/xdg/inventory-stream"),
        ("XDG_CACHE_HOME", "relative", "/home/me/.cache/inventory-stream"),
        ("XDG_CACHE_HOME", "", "/home/me/.cache/inventory-stream"),
    ],
)
def test_cache_is_where_the_environment_says(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, expected: str
) -> None:
    """Our own variable wins, then XDG's if it is absolute, then ~/.cache."""
    monkeypatch.delenv(CACHE_DIR_VARIABLE, raising=False)
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv(variable, value)
    assert cache_dir() == Path(expected)
