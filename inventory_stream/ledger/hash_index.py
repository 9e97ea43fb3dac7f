"""Numbers found by the hash of a key, for keys that are kept elsewhere."""

from collections.abc import Iterable
from typing import Final

HASH_MASK: Final = 0xFFFF_FFFF
"""As much of a key's hash as an index takes: `hash(key) & HASH_MASK`."""
ENTRIES_PER_BUCKET: Final = 20
"""On average. More would be searched for longer, 0.35 us at 48; fewer would have more overhead each."""

_ENTRY_BYTES: Final = 8
_HASH_BYTES: Final = 4
_HASH_BITS: Final = 32


class HashIndex:
    """Numbers below 2**32 in buckets of `bytes`: an entry is 4 bytes of hash and 4 of the number.

    About 10 bytes for each, where an entry of a dict takes 100 with its two integers. It does not know the
    keys, of which several may share a hash: who asks compares. It grows by one bucket at a time (linear
    hashing), so no growth holds anybody up. It never shrinks: an empty bucket is one place in a list.
    Python's own hash of `bytes` has a secret of the process, so nobody can aim at a bucket.
    """

    __slots__ = ("_buckets", "_entries", "_mask")

    def __init__(self) -> None:
        self._buckets: list[bytes] = [b""]
        self._entries = 0
        # Of the hash's bits those that name a bucket when this round of splits is over.
        self._mask = 1

    def numbers_of(self, hashed: int) -> tuple[int, ...]:
        """Give the numbers of all keys with this hash; mostly none, or one."""
        buckets = self._buckets
        which = hashed & self._mask
        # `_bucket_of` without a call: every new command looks here for its id.
        bucket = buckets[which if which < len(buckets) else which & (self._mask >> 1)]
        wanted = hashed.to_bytes(_HASH_BYTES, "little")
        at = bucket.find(wanted)
        if at < 0:
            return ()
        numbers: tuple[int, ...] = ()
        while at >= 0:
            if at % _ENTRY_BYTES == 0:
                numbers += (int.from_bytes(bucket[at + _HASH_BYTES : at + _ENTRY_BYTES], "little"),)
            at = bucket.find(wanted, at + 1)
        return numbers

    def add(self, hashes: Iterable[int], first: int) -> None:
        """Add numbers from `first` on, one for each hash in turn."""
        buckets, mask = self._buckets, self._mask
        existing = len(buckets)
        number = first
        for hashed in hashes:  # without a call for each: to add is most of what a receipt costs
            which = hashed & mask
            if which >= existing:
                which &= mask >> 1
            buckets[which] += (number << _HASH_BITS | hashed).to_bytes(_ENTRY_BYTES, "little")
            number += 1
        self._entries += number - first
        while self._entries > ENTRIES_PER_BUCKET * len(buckets):
            self._split()

    def remove(self, hashed: int, number: int) -> None:
        """Take out a number that is there."""
        which = self._bucket_of(hashed)
        bucket = self._buckets[which]
        # The hash first and its lowest byte first: the bits that all entries of a bucket share are not last,
        # where `bytes.find` looks first.
        entry = (number << _HASH_BITS | hashed).to_bytes(_ENTRY_BYTES, "little")
        at = bucket.find(entry)
        while at > 0 and at % _ENTRY_BYTES:  # the end of one entry and the beginning of the next
            at = bucket.find(entry, at + 1)
        assert at >= 0, "a number that is not in the index"
        self._buckets[which] = bucket[:at] + bucket[at + _ENTRY_BYTES :]
        self._entries -= 1

    def _bucket_of(self, hashed: int) -> int:
        which = hashed & self._mask
        return which if which < len(self._buckets) else which & (self._mask >> 1)

    def _split(self) -> None:
        """Move about half of one bucket, the next in turn, to a new one."""
        buckets, mask = self._buckets, self._mask
        which = len(buckets) & (mask >> 1)
        # Of the hash's bits the one by which a new bucket's entries differ from those that stay.
        byte, bit = divmod(((mask >> 1) + 1).bit_length() - 1, 8)
        bucket = buckets[which]
        stays: list[bytes] = []
        goes: list[bytes] = []
        for place, hash_byte in enumerate(bucket[byte::_ENTRY_BYTES]):
            entry = bucket[_ENTRY_BYTES * place : _ENTRY_BYTES * place + _ENTRY_BYTES]
            (goes if hash_byte >> bit & 1 else stays).append(entry)
        buckets[which] = b"".join(stays)
        buckets.append(b"".join(goes))
        if len(buckets) > mask:
            self._mask = 2 * mask + 1
