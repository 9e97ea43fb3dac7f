"""Builds what a peer needs, once for each state of its sources, into the cache."""

import hashlib
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from inventory_stream.devservers import logs
from inventory_stream.devservers.cache import cache_dir, made_once
from inventory_stream.devservers.errors import DevServerError
from inventory_stream.devservers.guarded import run_guarded

COMMAND_SECONDS_MAX: Final = 600.0
"""Of one command of a build: 8 s and 20 s here; the bound of the broker's jars."""
COMMANDS_MAX: Final = 2
"""Of a build; whoever finds another process building waits for as many."""


class PeerBuildError(DevServerError):
    """What a peer needs could not be built; carries the end of the log."""


@dataclass(frozen=True, slots=True)
class Build:
    """How something is built.

    `sources` are copied from `root` into a work folder, where the `commands` for it run one after the other
    and make the folder `product` with the file `proof` in it. `title` is said when it begins.
    """

    name: str
    title: str
    root: Path
    sources: Sequence[str]
    commands: Callable[[Path], Sequence[Sequence[str]]]
    product: str
    proof: str

    def done(self) -> Path:
        """Give the folder `product`, building it when it is not in the cache.

        Raises:
            MissingToolError: a tool that `commands` looks for is absent or too old.
            PeerBuildError: a command failed or took too long.
            CacheError: the cache cannot be written, or another process builds for too long.
        """
        place = cache_dir() / f"{self.name}-{self._digest()}"
        return made_once(place, self.name, self._build, COMMANDS_MAX * COMMAND_SECONDS_MAX)

    def _files(self) -> list[Path]:
        chosen = [self.root / name for name in self.sources]
        folded = [path.rglob("*") if path.is_dir() else (path,) for path in chosen]
        return sorted(path for paths in folded for path in paths if path.is_file())

    def _digest(self) -> str:
        sha256 = hashlib.sha256()
        for path in self._files():
            content = path.read_bytes()
            sha256.update(f"{path.relative_to(self.root)}\0{len(content)}\0".encode() + content)
        return sha256.hexdigest()[:16]

    def _build(self, work: Path) -> Path:
        """Build in a folder, and give what is to be kept of it."""
        print(f"{self.title} (once)", file=sys.stderr, flush=True)
        for path in self._files():
            copy = work / path.relative_to(self.root)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, copy)
        log_path = work / "build.log"
        for command in self.commands(work):
            status = run_guarded(
                command, log_path=log_path, working_dir=work, timeout_seconds=COMMAND_SECONDS_MAX
            )
            if status != 0:
                outcome = f"took over {COMMAND_SECONDS_MAX:g} s" if status is None else f"ended with {status}"
                raise PeerBuildError(f"{Path(command[0]).name} {outcome}: {logs.tail(log_path)}")
        product = work / self.product
        if not (product / self.proof).is_file():
            raise PeerBuildError(f"no {self.proof} was built: {logs.tail(log_path)}")
        return product


@cache
def why_not(get: Callable[[], Path]) -> str | None:
    """Say in one line why something cannot be had, None: it can. Asked once: nothing is tried again."""
    try:
        get()
    except DevServerError as error:
        return " ".join(str(error).split())
    return None
