"""Makes the environment of the Quix Streams peer: it allows only older versions of our dependencies."""

import sys
from functools import cache
from pathlib import Path
from typing import Final

from benchmarks.peers.process_build import Build

LOCK_NAME: Final = "quix.lock"


def _commands(_: Path) -> list[list[str]]:
    pip = ["env/bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    return [
        [sys.executable, "-m", "venv", "env"],
        [*pip, "--no-deps", "--require-hashes", "-r", LOCK_NAME],
    ]


_BUILD: Final = Build(
    name="quix-peer",
    title="making the environment of the Quix Streams peer with pip, 60 MB at the first time",
    root=Path(__file__).parent,
    sources=(LOCK_NAME,),
    commands=_commands,
    product="env",
    proof="bin/python",
)


@cache
def quix_python() -> Path:
    """Give the interpreter that has Quix Streams, making its environment when it is not there.

    Raises:
        PeerBuildError: pip failed or took too long.
    """
    return _BUILD.done() / "bin" / "python"
