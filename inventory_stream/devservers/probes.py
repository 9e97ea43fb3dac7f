"""Asks a server, over its own protocol, whether it serves: an open socket is not an answer."""

import socket
import ssl
import struct
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

from inventory_stream.devservers.ports import LOOPBACK

# One question's patience. The answer takes under 10 ms on a free machine; the caller asks
# again until its own deadline, so this only keeps one lost answer from eating it all.
PROBE_SECONDS_MAX: Final = 2.0

# Kafka's protocol: API key and version of the question. Version 4 is the first in which the
# asker can forbid topics to be made, and the last with fixed-size lengths.
METADATA_API_KEY: Final = 3
METADATA_API_VERSION: Final = 4
CORRELATION_ID: Final = 1
CLIENT_ID: Final = b"devservers"

# The answer names one broker and no topic: about 70 bytes. More is not Kafka.
KAFKA_ANSWER_BYTES_MAX: Final = 65_536

# `INFO server` is about 1 kB.
VALKEY_ANSWER_BYTES_MAX: Final = 65_536


class ProbeError(Exception):
    """No answer, or not one that a serving server gives; ask again until the deadline."""


@dataclass(frozen=True, slots=True)
class KafkaMetadata:
    """What the broker says of itself."""

    cluster_id: str
    broker_ports: tuple[int, ...]
    """Ports that clients are told to connect to (`advertised.listeners`); empty until the broker serves."""


def _receive(connection: socket.socket, length: int) -> bytes:
    received = b""
    while len(received) < length:
        part = connection.recv(length - len(received))
        if not part:
            raise ProbeError("connection closed in the middle of an answer")
        received += part
    return received


class _Reader:
    """Kafka's primitive types, read one after the other."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    def number(self, code: str) -> int:
        (value,) = struct.unpack_from(f">{code}", self._content, self._at)
        self._at += struct.calcsize(f">{code}")
        return int(value)

    def string(self) -> str:
        length = max(0, self.number("h"))  # -1 is null
        self._at += length
        return self._content[self._at - length : self._at].decode()


def kafka_metadata(port: int) -> KafkaMetadata:
    """Return the broker's answer to a metadata question about no topic.

    Raises:
        ProbeError: Nothing there, or no such answer yet.
    """
    header = struct.pack(">hhih", METADATA_API_KEY, METADATA_API_VERSION, CORRELATION_ID, len(CLIENT_ID))
    no_topics_none_made = struct.pack(">ib", 0, 0)
    request = header + CLIENT_ID + no_topics_none_made
    try:
        with socket.create_connection((LOOPBACK, port), timeout=PROBE_SECONDS_MAX) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            (length,) = struct.unpack(">i", _receive(connection, 4))
            if not 0 < length <= KAFKA_ANSWER_BYTES_MAX:
                raise ProbeError(f"an answer of {length} bytes is not Kafka's")
            reader = _Reader(_receive(connection, length))
        reader.number("i")  # correlation id
        reader.number("i")  # throttle time
        broker_ports = []
        for _ in range(reader.number("i")):
            reader.number("i")  # node id
            reader.string()  # host
            broker_ports.append(reader.number("i"))
            reader.string()  # rack
        return KafkaMetadata(cluster_id=reader.string(), broker_ports=tuple(broker_ports))
    except (OSError, struct.error, UnicodeDecodeError) as error:
        raise ProbeError(str(error)) from error


def valkey_process_id(port: int, tls: ssl.SSLContext | None = None, user: str | None = None) -> int:
    """Return the process id of the server that answers PING and INFO on the port.

    Args:
        port: On loopback.
        tls: What the server is trusted by, where it speaks TLS.
        user: A user that needs no password, where the server asks for one.

    Raises:
        ProbeError: Nothing there, still loading its data, or no such answer.
    """
    try:
        with ExitStack() as open_:
            connection = open_.enter_context(
                socket.create_connection((LOOPBACK, port), timeout=PROBE_SECONDS_MAX)
            )
            if tls is not None:
                connection = open_.enter_context(tls.wrap_socket(connection, server_hostname=LOOPBACK))
            stream = open_.enter_context(connection.makefile("rwb"))
            if user is not None:
                stream.write(f"AUTH {user} -\r\n".encode())
                stream.flush()
                stream.readline(VALKEY_ANSWER_BYTES_MAX)
            stream.write(b"PING\r\nINFO server\r\n")
            stream.flush()
            pong = stream.readline(VALKEY_ANSWER_BYTES_MAX)
            if pong != b"+PONG\r\n":
                raise ProbeError(f"answered {pong!r} to PING")
            length = int(stream.readline(VALKEY_ANSWER_BYTES_MAX).removeprefix(b"$"))
            information = stream.read(min(length, VALKEY_ANSWER_BYTES_MAX)).decode()
        fields = dict(line.split(":", 1) for line in information.splitlines() if ":" in line)
        return int(fields["process_id"])
    except (OSError, ValueError, KeyError) as error:
        raise ProbeError(str(error)) from error
