"""Fetches the broker's jars with Maven, once per machine, into a cache that is whole or absent."""

import hashlib
import json
import logging
import os
import shutil
import tempfile
from importlib import resources
from pathlib import Path
from typing import Final

from inventory_stream.devservers import locks, logs
from inventory_stream.devservers.errors import JarFetchError
from inventory_stream.devservers.guarded import run_guarded
from inventory_stream.devservers.toolchain import MVN

logger = logging.getLogger(__name__)

KAFKA_VERSION: Final = "4.2.0"

CACHE_DIR_VARIABLE: Final = "INVENTORY_STREAM_DEV_CACHE_DIR"

# The jar without which there is no broker: a Maven that ends well without it did not fetch.
BROKER_JAR: Final = f"kafka_2.13-{KAFKA_VERSION}.jar"

# Lists the jars and their sizes; written last, so a folder that has it was complete once.
MARKER_NAME: Final = "jars.json"

# 43 MB took 5-7 s here; this is a line of 0.6 Mbit/s, or a mirror that is asleep.
FETCH_SECONDS_MAX: Final = 600.0

# Whoever finds another process fetching waits for one whole fetch, and its tidying up.
LOCK_SECONDS_MAX: Final = FETCH_SECONDS_MAX + 60.0


def cache_dir() -> Path:
    """Return the folder that holds one folder of jars per Kafka version."""
    chosen = os.environ.get(CACHE_DIR_VARIABLE)
    if chosen:
        return Path(chosen).absolute()
    xdg = os.environ.get("XDG_CACHE_HOME", "")
    # The XDG rules: a path that is not absolute counts as absent.
    base = Path(xdg) if Path(xdg).is_absolute() else Path.home() / ".cache"
    return base / "inventory-stream"


def kafka_jars() -> Path:
    """Return a folder with every jar that the broker needs, fetching them when it is not there.

    Raises:
        MissingToolError: They must be fetched and mvn is absent or too old.
        JarFetchError: Maven failed or took too long.
    """
    pom = resources.files(__package__).joinpath("pom.xml").read_bytes()
    cache = cache_dir()
    jars = cache / f"kafka-{KAFKA_VERSION}"
    if _is_whole(jars, pom):
        return jars
    mvn = MVN.find()
    try:
        cache.mkdir(parents=True, exist_ok=True)
        lock = locks.acquire(cache / f"kafka-{KAFKA_VERSION}.lock", LOCK_SECONDS_MAX)
    except OSError as error:
        raise JarFetchError(f"cannot write the cache {cache} ({error}); set {CACHE_DIR_VARIABLE}") from error
    if lock is None:
        raise JarFetchError(f"another process has been fetching jars into {cache} for {LOCK_SECONDS_MAX:g} s")
    try:
        if not _is_whole(jars, pom):  # it may have been fetched while we waited for the lock
            _fetch(mvn, pom, jars)
    finally:
        os.close(lock)
    return jars


def _is_whole(jars: Path, pom: bytes) -> bool:
    """Tell whether every jar that the marker lists is there in its size, for this very pom."""
    try:
        marker = json.loads((jars / MARKER_NAME).read_bytes())
        sizes: dict[str, int] = marker["size_bytes"]
        return (
            marker["pom_sha256"] == hashlib.sha256(pom).hexdigest()
            and BROKER_JAR in sizes
            and all((jars / name).stat().st_size == size for name, size in sizes.items())
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def _fetch(mvn: Path, pom: bytes, jars: Path) -> None:
    """Fetch beside the final place and move there in one step; the caller holds the lock."""
    logger.info("Fetching Kafka %s with mvn into %s (43 MB, once)", KAFKA_VERSION, jars)
    for left_over in jars.parent.glob(f".{jars.name}-*"):  # of a fetch that was killed
        shutil.rmtree(left_over, ignore_errors=True)
    work = Path(tempfile.mkdtemp(prefix=f".{jars.name}-", dir=jars.parent))
    try:
        (work / "pom.xml").write_bytes(pom)
        fetched = work / "lib"
        log_path = work / "mvn.log"
        command = [
            *(str(mvn), "--batch-mode", "--quiet", "-Dstyle.color=never"),
            *("dependency:copy-dependencies", f"-DoutputDirectory={fetched}", "-DincludeScope=runtime"),
        ]
        status = run_guarded(command, log_path=log_path, working_dir=work, timeout_seconds=FETCH_SECONDS_MAX)
        if status != 0 or not (fetched / BROKER_JAR).is_file():
            outcome = (
                f"took over {FETCH_SECONDS_MAX:g} s" if status is None else f"ended with status {status}"
            )
            raise JarFetchError(
                f"mvn did not fetch Kafka {KAFKA_VERSION}: it {outcome}.\n{logs.tail(log_path)}"
            )
        marker = {
            "pom_sha256": hashlib.sha256(pom).hexdigest(),
            "size_bytes": {jar.name: jar.stat().st_size for jar in sorted(fetched.glob("*.jar"))},
        }
        (fetched / MARKER_NAME).write_text(json.dumps(marker, indent=1))
        if jars.exists():  # damaged, or for another pom
            jars.rename(work / "replaced")
        fetched.rename(jars)
    except OSError as error:
        raise JarFetchError(f"cannot write the cache {jars.parent} ({error})") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
