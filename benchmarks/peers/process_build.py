"""Builds what a peer needs, once per state of its sources, into the cache: whole or absent."""

import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from inventory_stream.devservers import locks, logs
from inventory_stream.devservers.errors import DevServerError
from inventory_stream.devservers.guarded import run_guarded
from inventory_stream.devservers.jars import cache_dir

COMMAND_SECONDS_MAX: Final = 600.0
"""Of one command of a build: 8 s and 20 s here; the bound of the broker's jars."""
LOCK_SECONDS_MAX: Final = 2 * COMMAND_SECONDS_MAX + 60.0
"""Whoever finds another process building waits for one whole build, of two commands at most."""


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
        """
        folder = cache_dir()
        product = folder / f"{self.name}-{self._digest()}"
        if product.is_dir():
            return product
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = locks.acquire(folder / f"{self.name}.lock", LOCK_SECONDS_MAX)
        except OSError as error:
            raise PeerBuildError(f"cannot write the cache {folder} ({error})") from error
        if lock is None:
            raise PeerBuildError(f"another process has been building in {folder} for {LOCK_SECONDS_MAX:g} s")
        try:
            if not product.is_dir():  # it may have been built while we waited for the lock
                self._build(product)
        finally:
            os.close(lock)
        return product

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

    def _build(self, product: Path) -> None:
        """Build beside the final place and move there in one step; the caller holds the lock."""
        print(f"{self.title} (once)", file=sys.stderr, flush=True)
        # Of builds that were killed; what was built of other sources may be running.
        for left_over in product.parent.glob(f"{self.name}-work-*"):
            shutil.rmtree(left_over, ignore_errors=True)
        work = Path(tempfile.mkdtemp(prefix=f"{self.name}-work-", dir=product.parent))
        try:
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
                    outcome = (
                        f"took over {COMMAND_SECONDS_MAX:g} s" if status is None else f"ended with {status}"
                    )
                    raise PeerBuildError(f"{Path(command[0]).name} {outcome}: {logs.tail(log_path)}")
            if not (work / self.product / self.proof).is_file():
                raise PeerBuildError(f"no {self.proof} was built: {logs.tail(log_path)}")
            (work / self.product).rename(product)
        finally:
            shutil.rmtree(work, ignore_errors=True)


@cache
def why_not(get: Callable[[], Path]) -> str | None:
    """Say in one line why something cannot be had, None: it can. Asked once: nothing is tried again."""
    try:
        get()
    except DevServerError as error:
        return " ".join(str(error).split())
    return None
