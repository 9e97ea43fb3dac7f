"""Kafka and Valkey as local processes, without containers, for the demo, tests and benchmarks.

    with KafkaServer(folder / "kafka") as kafka, ValkeyServer(folder / "valkey") as valkey:
        print(kafka.bootstrap_servers, valkey.url)

`python -m inventory_stream.devservers --help` runs both from a shell.
"""

from inventory_stream.devservers.errors import (
    CacheError,
    DataDirInUseError,
    DevServerError,
    GuardianError,
    JarFetchError,
    MissingToolError,
    PortTakenError,
    ServerStartError,
    ServerStateError,
)
from inventory_stream.devservers.kafka import JVM_FOR_LOAD, JVM_FOR_TESTS, KafkaServer, KafkaSettings
from inventory_stream.devservers.security import KafkaSecurity, ValkeySecurity
from inventory_stream.devservers.valkey import ValkeyServer, ValkeySettings

__all__ = [
    "JVM_FOR_LOAD",
    "JVM_FOR_TESTS",
    "CacheError",
    "DataDirInUseError",
    "DevServerError",
    "GuardianError",
    "JarFetchError",
    "KafkaSecurity",
    "KafkaServer",
    "KafkaSettings",
    "MissingToolError",
    "PortTakenError",
    "ServerStartError",
    "ServerStateError",
    "ValkeySecurity",
    "ValkeyServer",
    "ValkeySettings",
]
