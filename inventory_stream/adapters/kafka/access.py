"""Whether the broker lets us in, and in plain words why not.

aiokafka logs why a bootstrap failed and raises only that it did. So before the first client is built
one connection is made by hand, whose error says it all.
"""

import asyncio
from typing import Final

from aiokafka.conn import AIOKafkaConnection, collect_hosts, create_conn
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    IllegalSaslStateError,
    KafkaConnectionError,
    KafkaError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
    UnsupportedSaslMechanismError,
)
from aiokafka.protocol.metadata import MetadataRequest

from inventory_stream.adapters.kafka.connection import KafkaConnection
from inventory_stream.adapters.tls_faults import causes, explain_tls
from inventory_stream.errors import RefusedError, UnreachableError
from inventory_stream.settings import variable

GREET_SECONDS_MAX: Final = 5.0
"""Longest wait for one broker of the list; a handshake with SCRAM takes 50 ms here. The list's others
are asked one after the other, so the caller's own bound may end it sooner."""

_FORBIDDEN: Final = (
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
)

_PROTOCOL: Final = variable(("kafka", "security_protocol"))


async def greet(connection: KafkaConnection) -> None:
    """See that one broker of the list lets us in.

    Raises:
        RefusedError: those that answer do not. One line names the setting and the way out.
        UnreachableError: none answers.
    """
    refusal: RefusedError | None = None
    silence: BaseException | None = None
    for host, port, _ in collect_hosts(connection.bootstrap_servers, randomize=False):
        try:
            async with asyncio.timeout(GREET_SECONDS_MAX):
                await _ask(connection, host, port)
        except (KafkaError, OSError, ValueError) as error:  # ValueError: aiokafka's for a false SCRAM answer
            line = _explain(error, connection, f"{host}:{port}")
            if line is None:
                silence = silence or error
            else:
                refusal = refusal or RefusedError(f"Kafka: {line}")
        else:
            return
    if refusal is not None:
        raise refusal
    raise UnreachableError(f"no Kafka broker answers at {connection}") from silence


def advice(error: BaseException) -> str:
    """Give the way out of a missing right, to stand after the error itself; else nothing."""
    if not any(isinstance(link, _FORBIDDEN) for link in causes(error)):
        return ""
    return (
        ": let the user of kafka.sasl_username (or of our certificate) do that, with kafka-acls; "
        "docs/security.md lists the rights of each process"
    )


async def _ask(connection: KafkaConnection, host: str, port: int) -> None:
    made: AIOKafkaConnection = await create_conn(
        host, port, request_timeout_ms=int(GREET_SECONDS_MAX * 1_000), **connection.security
    )
    try:
        # A listener for SASL takes the question for its versions from anyone, but nothing else.
        await made.send(MetadataRequest([]))
    finally:
        made.close()


def _explain(error: Exception, connection: KafkaConnection, server: str) -> str | None:
    """Say why a broker that is there does not let us in; None when it is not there."""
    protocol = connection.security.get("security_protocol", "PLAINTEXT")
    mechanism, user = (connection.security.get(name) for name in ("sasl_mechanism", "sasl_plain_username"))
    if isinstance(error, SaslAuthenticationFailed):
        return (
            f"{server} refuses kafka.sasl_username = {user} with this kafka.sasl_password by {mechanism}: "
            f"set {variable(('kafka', 'sasl_username'))} and {variable(('kafka', 'sasl_password'))} to a "
            "user that it knows"
        )
    if isinstance(error, UnsupportedSaslMechanismError):
        name = variable(("kafka", "sasl_mechanism"))
        return f"{server} does not take kafka.sasl_mechanism = {mechanism}: set {name} to one that it takes"
    if line := explain_tls(error, "kafka", server, f"set {_PROTOCOL} without SSL"):
        return line
    if isinstance(error, ValueError):  # after TLS, whose faults are ValueErrors, too
        return f"{server} could not prove that it knows our password ({error}): is it the right broker?"
    # It took the connection, and closed it when it saw what we say.
    if isinstance(error, KafkaConnectionError | IllegalSaslStateError | ConnectionResetError):
        return (
            f"{server} takes connections, but not with kafka.security_protocol = {protocol} ({error}): set "
            f"{_PROTOCOL} to what this listener speaks, or name the port of another"
        )
    return None
