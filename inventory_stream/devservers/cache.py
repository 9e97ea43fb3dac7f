"""The cache of what is fetched or built once for a machine: each folder in it is whole or absent."""

import os
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from inventory_stream.devservers import locks
from inventory_stream.devservers.errors import CacheError

CACHE_DIR_VARIABLE: Final = "INVENTORY_STREAM_DEV_CACHE_DIR"

UNUSED_SECONDS_MAX: Final = 7 * 24 * 3_600.0
"""What another state of the sources gave goes away when nobody has asked for it for so long: processes that
were started from it may load more of it, but none of them lives for a week without being started again."""


def cache_dir() -> Path:
    """Return the folder that holds what was fetched and built."""
    chosen = os.environ.get(CACHE_DIR_VARIABLE)
    if chosen:
        return Path(chosen).absolute()
    xdg = os.environ.get("XDG_CACHE_HOME", "")
    # The XDG rules: a path that is not absolute counts as absent.
    base = Path(xdg) if Path(xdg).is_absolute() else Path.home() / ".cache"
    return base / "inventory-stream"


def made_once(
    place: Path,
    family: str,
    make: Callable[[Path], Path],
    seconds_max: float,
    *,
    is_whole: Callable[[Path], bool] = Path.is_dir,
) -> Path:
    """Give a folder of the cache; where it is not there one process makes it and the others wait.

    Args:
        place: The folder.
        family: What its name begins with: of its lock, of work left over by who was killed, and of what was
            made of other sources.
        make: Makes it in the work folder that it is given, and gives what is to become `place`; what it
            raises goes on, and nothing is left of its work.
        seconds_max: How long `make` takes at most: the others wait for it, and a minute for the tidying up.
        is_whole: Whether `place` is there as it must be; one that is not is replaced.

    Raises:
        CacheError: the cache cannot be written, or another process makes the same for too long.
    """
    if not is_whole(place):
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            lock = locks.acquire(place.parent / f"{family}.lock", seconds_max + 60.0)
        except OSError as error:
            raise _not_writable(place.parent, error) from error
        if lock is None:
            raise CacheError(f"another process has been making {place} for {seconds_max:g} s")
        try:
            if not is_whole(place):  # it may have been made while we waited for the lock
                _make(place, family, make)
        finally:
            os.close(lock)
    with suppress(OSError):  # a cache that is another user's serves as well
        os.utime(place)
    return place


def _make(place: Path, family: str, make: Callable[[Path], Path]) -> None:
    """Make it beside its final place and move it there in one step; the caller holds the lock."""
    cache = place.parent
    try:
        for left_over in cache.glob(f".{family}-*"):  # of who was killed
            shutil.rmtree(left_over, ignore_errors=True)
        for other in cache.glob(f"{family}-*"):
            if time.time() - other.stat().st_mtime > UNUSED_SECONDS_MAX:
                shutil.rmtree(other, ignore_errors=True)
        work = Path(tempfile.mkdtemp(prefix=f".{family}-", dir=cache))
    except OSError as error:
        raise _not_writable(cache, error) from error
    try:
        made = make(work)
        if place.exists():
            place.rename(work / "replaced")
        made.rename(place)
    except OSError as error:
        raise _not_writable(cache, error) from error
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _not_writable(cache: Path, error: OSError) -> CacheError:
    return CacheError(f"cannot write the cache {cache} ({error}); set {CACHE_DIR_VARIABLE}")
