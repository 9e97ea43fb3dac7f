"""A secured set-up: broker and Redis with TLS and users, and a user for each process."""

import os
import subprocess
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.admin import CreateAclsRequest

from inventory_stream.adapters.kafka.connection import KafkaConnection
from inventory_stream.cli.rights import Operation, Resource, Right, rights_of
from inventory_stream.devservers import KafkaServer, ValkeyServer
from inventory_stream.settings import ENV_PREFIX, KafkaSettings, RedisSettings, Settings
from tests.security.certificates import Certificates

ADMIN: Final = "admin"
NOBODY: Final = "nobody"
USERS: Final = {
    "ledger": "worker ledger",
    "projection": "worker projection",
    "gateway": "gateway",
    "sender": "replay",
    "maker": "topics create, topics check",
    "doctor": "doctor",
    "reader": "ledger dump, verify, explain",
    "channels": "worker channels",
    "keeper": "channels status, pause, ...",
}
"""Roles by user; ADMIN may do everything, NOBODY nothing."""

PROJECTION_RULES: Final = "~atp:* ~projection:* ~soldout &atp +@all -@admin -@dangerous"
STOREFRONT_RULES: Final = (
    "~atp:* ~projection:* ~soldout &atp +ping +select +hgetall +exists +subscribe +unsubscribe"
)
OPERATOR_RULES: Final = f"{STOREFRONT_RULES} +info +dbsize +time +get +scan +sscan"
GATEWAY_RULES: Final = "~note:* ~waiting-room* +@all -@admin -@dangerous"
"""As docs/security.md has them."""

REDIS_USERS: Final = {
    "projection": f"on >redis-projection {PROJECTION_RULES}",
    "gateway": f"on >redis-gateway {GATEWAY_RULES}",
    "shelf": f"on >redis-shelf {STOREFRONT_RULES}",
    "operator": f"on >redis-operator {OPERATOR_RULES}",
    "deaf": "on >redis-deaf +ping",
}
"""Rules by user, with passwords; the last may do next to nothing."""

PARTITIONS: Final = 2

COMMAND_SECONDS_MAX: Final = 60.0
"""Longest life of a command that has to fail: 10 s of patience with a server, and Python's own start."""


def password_of(user: str) -> str:
    """Give a user's password at the broker."""
    return f"{user}Secret"


@dataclass(frozen=True, slots=True)
class Shop:
    """Where everything is."""

    kafka: KafkaServer
    redis: ValkeyServer
    certificates: Certificates
    prefix: str
    folder: Path

    def variables(self, user: str, **changes: str | None) -> dict[str, str]:
        """Give the environment of a process of a user; `changes` by name without prefix, None unsets."""
        own = {"projection": "projection", "gateway": "gateway", "doctor": "operator", "reader": "operator"}
        redis_user = own.get(user, "shelf")
        values: dict[str, str | None] = {
            "KAFKA__BOOTSTRAP_SERVERS": self.kafka.bootstrap_servers,
            "KAFKA__TOPIC_PREFIX": self.prefix,
            "KAFKA__PARTITIONS": str(PARTITIONS),
            "KAFKA__SECURITY_PROTOCOL": "SASL_SSL",
            "KAFKA__SASL_MECHANISM": "SCRAM-SHA-256",
            "KAFKA__SASL_USERNAME": user,
            "KAFKA__SASL_PASSWORD": password_of(user),
            "KAFKA__TLS_CA_FILE": str(self.certificates.ca),
            "REDIS__URL": self.redis.url,
            "REDIS__USERNAME": redis_user,
            "REDIS__PASSWORD": f"redis-{redis_user}",
            "REDIS__TLS_CA_FILE": str(self.certificates.ca),
            "WORKER__DATA_DIR": str(self.folder / "scratch"),
            **changes,
        }
        return {ENV_PREFIX + name: value for name, value in values.items() if value is not None}

    def settings(self, user: str = ADMIN) -> Settings:
        """Give the settings that a user's process would read."""
        return Settings(
            kafka=KafkaSettings(
                bootstrap_servers=self.kafka.bootstrap_servers,
                topic_prefix=self.prefix,
                partitions=PARTITIONS,
                security_protocol="SASL_SSL",
                sasl_mechanism="SCRAM-SHA-256",
                sasl_username=user,
                sasl_password=password_of(user),
                tls_ca_file=self.certificates.ca,
            ),
            redis=RedisSettings(url=self.redis.url, tls_ca_file=self.certificates.ca),
        )

    async def grant(self, user: str, rights: Collection[Right]) -> None:
        """Give a user rights, as kafka-acls does."""
        connection = KafkaConnection.of(self.settings().kafka)
        client: Any = AIOKafkaClient(**connection.client_options)
        await client.bootstrap()
        try:
            for right in rights:
                for operation in right.operations:
                    # 4: prefixed, 3: literal; 3: allow.
                    pattern = 4 if right.is_prefix else 3
                    answer = await client.send(
                        client.get_random_node(),
                        CreateAclsRequest(
                            *(right.resource.value[1], right.name, pattern),
                            *(f"User:{user}", "*", operation.value, 3),
                        ),
                    )
                    ((code, message),) = answer.creation_responses
                    assert code == 0, message
        finally:
            await client.close()

    async def grant_roles(self) -> None:
        """Give every user what its process needs, and nothing else."""
        for user, role in USERS.items():
            await self.grant(user, rights_of(role, self.settings().topic))


def run(variables: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end as a user would, without any other variable of ours."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(ENV_PREFIX)}
    return subprocess.run(  # noqa: S603
        [sys.executable, "-m", "inventory_stream.cli", *arguments],
        env={**clean, **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=COMMAND_SECONDS_MAX,
    )


def without(rights: Collection[Right], resource: Resource, name: str, operation: Operation) -> list[Right]:
    """Take one operation on one resource out of some rights."""
    return [
        right._replace(operations=tuple(one for one in right.operations if one is not operation))
        if (right.resource, right.name) == (resource, name)
        else right
        for right in rights
    ]
