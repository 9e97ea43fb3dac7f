"""Runs spin over a Promela model: translate, compile, search the whole state space, read the verdict."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Final, NamedTuple

MEMORY_MIB: Final = 1_024
"""What one search may use. The largest run of this project needs 0.3 GiB; beyond the bound spin gives up
by itself and says so, instead of taking the machine along."""
SEARCH_SECONDS_MAX: Final = 240.0
"""Deadline of one search: fifteen times the slowest one on a quiet machine."""
COMPILE_SECONDS_MAX: Final = 120.0
"""Deadline of spin's translation and of the C compiler, 1 s each on a quiet machine."""
DEPTH_MAX: Final = 100_000
"""Longest path of a search, in steps; the model's are below 200. A longer one is reported, not cut."""

TOOLS: Final = ("spin", "gcc")

_ERRORS: Final = re.compile(r"errors: (\d+)")
_STATES: Final = re.compile(r"(\d+(?:\.\d+)?(?:e\+\d+)?) states, stored")
_VIOLATION: Final = re.compile(r"^pan:1: (.*?)(?: \(at depth \d+\))?$", re.MULTILINE)
# What pan prints when it did not look at everything.
_CUT_SHORT: Final = ("Search not completed", "max search depth too small", "out of memory")


class SpinError(Exception):
    """A tool failed, or its output is not what this module can read."""


class Verdict(NamedTuple):
    """What a search found.

    `complete`: every reachable state was looked at. It is false as soon as there is an error, as spin
    stops there. `violation` is the assertion that failed, None without one.
    """

    complete: bool
    errors: int
    states: int
    violation: str | None


def missing_tools() -> list[str]:
    """Name the tools that are not on PATH."""
    return [tool for tool in TOOLS if shutil.which(tool) is None]


def search(model: Path, defines: tuple[str, ...], directory: Path) -> Verdict:
    """Search a model with some preprocessor names defined, in an empty directory.

    Raises:
        SpinError: a tool failed or said something else than a verdict.
        subprocess.TimeoutExpired: it took longer than its deadline.
    """
    options = [f"-D{define}" for define in defines]
    _run(["spin", "-a", *options, str(model)], directory, COMPILE_SECONDS_MAX)
    # Safety only: no cycles are looked for. COLLAPSE halves the memory for a little time.
    compile_options = ["-O2", "-w", "-DSAFETY", "-DCOLLAPSE", f"-DMEMLIM={MEMORY_MIB}"]
    _run(["gcc", *compile_options, "-o", "pan", "pan.c"], directory, COMPILE_SECONDS_MAX)
    return read_verdict(_run([str(directory / "pan"), f"-m{DEPTH_MAX}"], directory, SEARCH_SECONDS_MAX))


def read_verdict(said: str) -> Verdict:
    """Read what pan printed.

    Raises:
        SpinError: no count of errors or of states is in it.
    """
    errors, states = _ERRORS.search(said), _STATES.search(said)
    if errors is None or states is None:
        raise SpinError(f"no verdict in what spin's search printed: {said[-500:]}")
    violation = _VIOLATION.search(said)
    return Verdict(
        not any(words in said for words in _CUT_SHORT) and errors[1] == "0",
        int(errors[1]),
        int(float(states[1])),
        violation[1] if violation else None,
    )


def _run(command: list[str], directory: Path, seconds_max: float) -> str:
    done = subprocess.run(  # noqa: S603  # fixed tools with our own arguments
        command, cwd=directory, capture_output=True, text=True, timeout=seconds_max, check=False
    )
    if done.returncode != 0:
        raise SpinError(f"{' '.join(command)} ended with {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout
