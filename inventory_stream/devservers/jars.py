"""Fetches the broker's jars with Maven, once per machine, into a cache that is whole or absent."""

import hashlib
import json
import logging
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Final

from inventory_stream.devservers import logs
from inventory_stream.devservers.cache import cache_dir, made_once
from inventory_stream.devservers.errors import JarFetchError
from inventory_stream.devservers.guarded import run_guarded
from inventory_stream.devservers.toolchain import MVN

logger = logging.getLogger(__name__)

KAFKA_VERSION: Final = "4.2.0"

# The jar without which there is no broker: a Maven that ends well without it did not fetch.
BROKER_JAR: Final = f"kafka_2.13-{KAFKA_VERSION}.jar"

# Lists the jars and their sizes; written last, so a folder that has it was complete once.
MARKER_NAME: Final = "jars.json"

# 43 MB took 5-7 s here; this is a line of 0.6 Mbit/s, or a mirror that is asleep.
FETCH_SECONDS_MAX: Final = 600.0


def kafka_jars() -> Path:
    """Return a folder with every jar that the broker needs, fetching them when it is not there.

    Raises:
        MissingToolError: They must be fetched and mvn is absent or too old.
        JarFetchError: Maven failed or took too long.
        CacheError: The cache cannot be written, or another process fetches for too long.
    """
    pom = resources.files(__package__).joinpath("pom.xml").read_bytes()
    jars = cache_dir() / f"kafka-{KAFKA_VERSION}"
    is_whole = partial(_is_whole, pom)
    if is_whole(jars):
        return jars
    mvn = MVN.find()
    return made_once(jars, jars.name, partial(_fetch, mvn, pom), FETCH_SECONDS_MAX, is_whole=is_whole)


def _is_whole(pom: bytes, jars: Path) -> bool:
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


def _fetch(mvn: Path, pom: bytes, work: Path) -> Path:
    """Fetch into a folder of `work`, and give it."""
    logger.info("Fetching Kafka %s with mvn into %s (43 MB, once)", KAFKA_VERSION, work.parent)
    (work / "pom.xml").write_bytes(pom)
    fetched = work / "lib"
    log_path = work / "mvn.log"
    command = [
        *(str(mvn), "--batch-mode", "--quiet", "-Dstyle.color=never"),
        *("dependency:copy-dependencies", f"-DoutputDirectory={fetched}", "-DincludeScope=runtime"),
    ]
    status = run_guarded(command, log_path=log_path, working_dir=work, timeout_seconds=FETCH_SECONDS_MAX)
    if status != 0 or not (fetched / BROKER_JAR).is_file():
        outcome = f"took over {FETCH_SECONDS_MAX:g} s" if status is None else f"ended with status {status}"
        raise JarFetchError(f"mvn did not fetch Kafka {KAFKA_VERSION}: it {outcome}.\n{logs.tail(log_path)}")
    marker = {
        "pom_sha256": hashlib.sha256(pom).hexdigest(),
        "size_bytes": {jar.name: jar.stat().st_size for jar in sorted(fetched.glob("*.jar"))},
    }
    (fetched / MARKER_NAME).write_text(json.dumps(marker, indent=1))
    return fetched
