"""Ids that follow from the caller and the Idempotency-Key: a retry is the same command anywhere (R27)."""

import re
from collections.abc import Mapping
from hashlib import blake2b
from typing import Final

from inventory_stream.gateway.endpoint import Call
from inventory_stream.gateway.problems import Problem
from models.ids import ID_CHARACTERS_MAX
from models.reservation_ids import escaped

KEY_HEADER: Final = "Idempotency-Key"
PUBLIC_KEY_CHARACTERS_MIN: Final = 16
"""Of keys that come with a public API key, which all shoppers share: 16 random characters meet no other."""
KEY_CHARACTERS_MAX: Final = 255
"""Longest key: what HTTP's own draft of this header suggests; it is hashed, so longer would cost nothing."""

_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")
_DIGEST_BYTES: Final = 16
"""16 bytes: among 10^12 ids a chance clash is below 2 in 10^15."""
_DIGITS: Final = "abcdefghijklmnopqrstuvwxyz234567"
_PAIRS: Final = tuple(first + second for first in _DIGITS for second in _DIGITS)
_LOW_BITS: Final = (1 << 70) - 1
"""128 bits and two that are 0 make 26 digits, 13 pairs of 10 bits: 6 pairs above, 7 below."""


def check_key(headers: Mapping[str, str], *, is_public: bool = False) -> str:
    """Give the Idempotency-Key of a request; `is_public`: it came with a public key.

    Raises:
        Problem: `malformed`: there is none, or it is not 1 to 255 visible ASCII characters, 16 at least of
            public callers.
    """
    key = headers.get(KEY_HEADER)
    if key is None:
        raise Problem(
            "malformed",
            f"a write needs the header {KEY_HEADER}: any word that is new for each thing you want, "
            "and the same when you ask for it again",
        )
    if not _KEY.fullmatch(key):
        raise Problem(
            "malformed", f"{KEY_HEADER} must have 1 to {KEY_CHARACTERS_MAX} visible ASCII characters"
        )
    if is_public and len(key) < PUBLIC_KEY_CHARACTERS_MIN:
        raise Problem(
            "malformed",
            f"with a public key, {KEY_HEADER} must have {PUBLIC_KEY_CHARACTERS_MIN} characters or more, "
            "drawn at random, as `crypto.randomUUID()` does: all shoppers share the key",
        )
    return key


def hidden_key(secret: bytes, caller: str, key: str) -> str:
    """Give what stands for an Idempotency-Key in all ids of a request.

    It is keyed, so that nobody without the secret can tell from a caller's name and key the id of what was
    reserved with them: such an id alone lets its reservation be read and released.
    """
    return _digest(caller, key, "", secret)


def key_of(call: Call) -> str:
    """Give what a call's ids are made of."""
    return call.key


def command_id_of(caller: str, key: str, step: str) -> str:
    """Give the id of one command of a request; `step` tells the commands of one request apart."""
    return "http:" + _digest(caller, key, step)


def reservation_id_of(caller: str, key: str, sku: str, line: int | str = 0) -> str:
    """Give the id of the reservation that a request makes; the SKU can be read out of it again.

    Where a SKU is so long that the id would pass 128 characters, the id has none of it.
    """
    digest = _digest(caller, key, f"line {line}")
    named = f"{escaped(sku)}.{digest}"
    return named if len(named) <= ID_CHARACTERS_MAX else digest


def _digest(caller: str, key: str, step: str, secret: bytes = b"") -> str:
    # Length before each part: "a", "bc" and "ab", "c" are two things.
    text = f"{len(caller)}:{caller}{len(key)}:{key}{len(step)}:{step}"
    raw = blake2b(text.encode(), digest_size=_DIGEST_BYTES, key=secret).digest()
    # Base 32 as `base64.b32encode` gives it in small letters, two digits at a time and in two halves, as
    # small numbers are shifted faster: 1.6 us with the hash, where the standard module takes 13.
    number, pairs = int.from_bytes(raw, "big") << 2, _PAIRS
    high, low = number >> 70, number & _LOW_BITS
    return (
        f"{pairs[high >> 50]}{pairs[high >> 40 & 1023]}{pairs[high >> 30 & 1023]}{pairs[high >> 20 & 1023]}"
        f"{pairs[high >> 10 & 1023]}{pairs[high & 1023]}"
        f"{pairs[low >> 60]}{pairs[low >> 50 & 1023]}{pairs[low >> 40 & 1023]}{pairs[low >> 30 & 1023]}"
        f"{pairs[low >> 20 & 1023]}{pairs[low >> 10 & 1023]}{pairs[low & 1023]}"
    )
