"""Identifiers: their form, their place in row keys, and the partition that a key belongs to."""

import re
from typing import Annotated, Final

from msgspec import Meta

ID_CHARACTERS_MAX: Final = 128
"""Longest identifier, in characters (docs/contracts.md). Bounds every row key and Redis key."""

Id = Annotated[str, Meta(min_length=1, max_length=ID_CHARACTERS_MAX)]
"""Any identifier on the wire: 1-128 characters, none of them a control character."""

# C0 and C1 control characters and DEL: they would break keys, logs and terminals.
_CONTROL_CHARACTER: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
# The characters with a meaning in row keys (/), Redis keys ({}), and in this encoding itself (%).
_RESERVED_CHARACTER: Final = re.compile(r"[%/{}]")
_ESCAPED: Final = re.compile(r"%(25|2F|7B|7D)")

_MURMUR2_SEED: Final = 0x9747B28C
_MURMUR2_M: Final = 0x5BD1E995
_UINT32: Final = 0xFFFFFFFF


def has_control_character(identifier: str) -> bool:
    """Say whether an identifier holds a character that no identifier may hold."""
    return _CONTROL_CHARACTER.search(identifier) is not None


def encode_id(identifier: str) -> str:
    """Percent-encode the characters that separate the parts of row and Redis keys.

    `decode_id` is the inverse; different identifiers never share an encoding.
    """
    # Four looks cost a third of a regular expression, and nearly no id needs more.
    if not ("/" in identifier or "%" in identifier or "{" in identifier or "}" in identifier):
        return identifier
    return _RESERVED_CHARACTER.sub(lambda match: f"%{ord(match[0]):02X}", identifier)


def decode_id(encoded: str) -> str:
    """Undo `encode_id`."""
    return _ESCAPED.sub(lambda match: chr(int(match[1], 16)), encoded)


def murmur2(key: bytes) -> int:
    """Hash a Kafka key as Kafka's Java client does (32-bit MurmurHash2, sign bit kept)."""
    length = len(key)
    hashed = (_MURMUR2_SEED ^ length) & _UINT32
    whole = length & ~3
    for start in range(0, whole, 4):
        word = int.from_bytes(key[start : start + 4], "little")
        word = (word * _MURMUR2_M) & _UINT32
        word ^= word >> 24
        word = (word * _MURMUR2_M) & _UINT32
        hashed = ((hashed * _MURMUR2_M) & _UINT32) ^ word
    if length > whole:
        hashed ^= int.from_bytes(key[whole:], "little")
        hashed = (hashed * _MURMUR2_M) & _UINT32
    hashed ^= hashed >> 13
    hashed = (hashed * _MURMUR2_M) & _UINT32
    return hashed ^ (hashed >> 15)


def partition_of(key: str, partitions: int) -> int:
    """Give the partition of a Kafka key, as every default Kafka producer computes it (R30)."""
    return (murmur2(key.encode()) & 0x7FFFFFFF) % partitions
