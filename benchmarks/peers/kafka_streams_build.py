"""Builds the Kafka Streams peer with Maven."""

from functools import cache
from pathlib import Path
from typing import Final

from benchmarks.peers.process_build import Build
from inventory_stream.devservers.toolchain import JAVA, MVN

PROJECT: Final = Path(__file__).parent / "kafka-streams"

_BUILD: Final = Build(
    name="kafka-streams-peer",
    title="building the Kafka Streams peer with mvn, 95 MB of jars at the first time",
    root=PROJECT,
    sources=("pom.xml", "src"),
    commands=lambda _: [[str(MVN.find()), "--batch-mode", "--quiet", "-Dstyle.color=never", "package"]],
    product="target",
    proof="kafka-streams-peer-1.jar",
)


@cache
def kafka_streams_jars() -> Path:
    """Give a folder with the peer's jar and all that it needs, building them when they are not there.

    Raises:
        MissingToolError: java, or mvn where it must be built, is absent or too old.
        PeerBuildError: Maven failed or took too long.
    """
    JAVA.find()
    return _BUILD.done()
