"""The topic `dead-letters`: poison input, kept with the reason until somebody deals with it."""

import asyncio
import base64
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import orjson
from aiokafka.errors import KafkaError

from inventory_stream.adapters.kafka.access import advice
from inventory_stream.adapters.kafka.connection import KafkaConnection
from inventory_stream.adapters.kafka.lazy_producer import LazyProducer
from inventory_stream.errors import LedgerLogError
from inventory_stream.ports.dead_letters import DeadLetter, StoredLetter

SCHEMA: Final = 1
"""First field of every letter. A reader that meets a higher one stops, loudly."""

VALUE_BYTES_MAX: Final = 1024 * 1024
"""Most bytes kept of an original's value: the largest that the contract allows, whole. Base64 makes
1.33 MiB of it, which fits into the topic's `max.message.bytes` of 2 MiB. What is cut is stated with
its full length and hash: the input topic still has it for its retention (P12)."""

KEY_BYTES_MAX: Final = 1024
"""Most bytes kept of an original's key. Every refused command of a pack has it in its letter, so a
long one would be kept 1,000 times."""

ROUND_BYTES_MAX: Final = 4 * 1024 * 1024
"""Of encoded letters, handed to the producer before it is waited for: two of the largest. A batch of
input can be refused as a whole, and all its letters at once would be held in memory twice."""

ROUND_LETTERS_MAX: Final = 1_000
"""Of letters, for small ones: encoding and queueing so many takes 25 ms, then the event loop's heartbeats
get their turn. With 17,000 in a round a worker on a busy machine lost its session of 3 s amid 1 M letters,
and the next owner wrote the same again. A pack's worth, so that a round trip is small beside it."""

REASON_CHARACTERS_MAX: Final = 2_000
"""Most of a reason that is kept: decoders quote the input, which may be large."""

WRITE_SECONDS_MAX: Final = 120.0
"""Longest wait for the acknowledgement, as for an append of the ledger (P7): the progress that
passes a letter is not written before it, so the partition stands still meanwhile."""

RECORD_BYTES_MAX: Final = 2 * 1024 * 1024
"""Largest letter: key and value at their bounds, in base64 (1.34 MiB), and the fields around them."""


def letter_key(letter: DeadLetter) -> bytes:
    """Give `topic/partition/offset[/pack_index]`: a letter written again replaces the first."""
    place = f"{letter.topic}/{letter.partition}/{letter.offset}"
    return (place if letter.pack_index is None else f"{place}/{letter.pack_index}").encode()


def encode_letter(letter: DeadLetter) -> bytes:
    """Give the JSON object that the topic holds of a letter."""
    return orjson.dumps(
        {
            "schema": SCHEMA,
            "topic": letter.topic,
            "partition": letter.partition,
            "offset": letter.offset,
            "pack_index": letter.pack_index,
            # Quoted input may hold lone surrogates, which JSON text cannot.
            "reason": letter.reason[:REASON_CHARACTERS_MAX].encode(errors="replace").decode(),
            "timestamp_ms": letter.timestamp_ms,
            "key": _original(letter.key, KEY_BYTES_MAX),
            "value": _original(letter.value, VALUE_BYTES_MAX),
        }
    )


def rounds(letters: Iterable[DeadLetter]) -> Iterator[list[tuple[bytes, bytes]]]:
    """Encode letters as they are asked for: keys and values, bounded by number and by bytes.

    A round never holds less than one letter.
    """
    encoded: list[tuple[bytes, bytes]] = []
    size_bytes = 0
    for letter in letters:
        key, value = letter_key(letter), encode_letter(letter)
        if len(encoded) == ROUND_LETTERS_MAX or (encoded and size_bytes + len(value) > ROUND_BYTES_MAX):
            yield encoded
            encoded, size_bytes = [], 0
        encoded.append((key, value))
        size_bytes += len(value)
    if encoded:
        yield encoded


def decode_letter(value: bytes) -> DeadLetter:
    """Read a letter back; a cut original comes back cut.

    Raises:
        ValueError: not a letter, or of another schema version.
    """
    return _letter_of(_fields_of(value))


def decode_stored(key: bytes, value: bytes, written_ms: int) -> StoredLetter:
    """Read a letter back as it waits in the topic.

    Raises:
        ValueError: not a letter, or of another schema version.
    """
    fields = _fields_of(value)
    is_cut = any(fields[name] is not None and fields[name]["cut"] for name in ("key", "value"))
    return StoredLetter(key.decode(), _letter_of(fields), written_ms, is_cut)


def _fields_of(value: bytes) -> dict[str, Any]:
    fields = orjson.loads(value)
    if not isinstance(fields, dict) or fields.get("schema") != SCHEMA:
        raise ValueError(f"not a dead letter of schema version {SCHEMA}")
    return fields


def _letter_of(fields: dict[str, Any]) -> DeadLetter:
    return DeadLetter(
        topic=fields["topic"],
        partition=fields["partition"],
        offset=fields["offset"],
        pack_index=fields["pack_index"],
        reason=fields["reason"],
        key=_bytes_of(fields["key"]),
        value=_bytes_of(fields["value"]),
        timestamp_ms=fields["timestamp_ms"],
    )


def _original(content: bytes | None, bytes_max: int) -> dict[str, str | int | bool] | None:
    if content is None:
        return None
    original: dict[str, str | int | bool] = {
        "base64": base64.b64encode(content[:bytes_max]).decode(),
        "length_bytes": len(content),
        "cut": len(content) > bytes_max,
    }
    if original["cut"]:
        original["sha256"] = hashlib.sha256(content).hexdigest()
    return original


def _bytes_of(original: dict[str, str] | None) -> bytes | None:
    return None if original is None else base64.b64decode(original["base64"])


class KafkaDeadLetters:
    """Writes letters to the topic; implements `ports.dead_letters.DeadLetters`."""

    def __init__(
        self,
        *,
        connection: KafkaConnection,
        topic: str,
        request_timeout_seconds: float = 30.0,
        write_seconds_max: float = WRITE_SECONDS_MAX,
    ) -> None:
        self._connection = connection
        self._topic = topic
        self._write_seconds_max = write_seconds_max
        self._producer = LazyProducer(connection, request_timeout_seconds, RECORD_BYTES_MAX)

    async def write(self, letters: Sequence[DeadLetter]) -> None:
        """Keep the letters; see the port."""
        if not letters:
            return
        try:
            async with asyncio.timeout(self._write_seconds_max):
                producer = await self._producer.open()
                for round_ in rounds(letters):
                    acks = [await producer.send(self._topic, value, key=key) for key, value in round_]
                    await asyncio.gather(*acks)
        except (KafkaError, TimeoutError) as error:
            raise LedgerLogError(
                f"{len(letters)} dead letters could not be kept in {self._topic} at "
                f"{self._connection}: {error!r}{advice(error)}"
            ) from error

    async def close(self) -> None:
        """Let go of the connection; bounded. What `write` returned from is kept already."""
        await self._producer.close()
