"""Numbers by hash: never lost, whatever else has the same hash or the same bytes."""

from collections import defaultdict
from random import Random

import pytest

from inventory_stream.ledger.hash_index import ENTRIES_PER_BUCKET, HASH_MASK, HashIndex


@pytest.mark.parametrize("hashes", [1, 40, 256, HASH_MASK])
def test_numbers_are_those_of_a_dict_of_sets(hashes: int) -> None:
    """Numbers under few hashes and under many must be found and removed one by one."""
    random = Random(hashes)
    index = HashIndex()
    model: defaultdict[int, set[int]] = defaultdict(set)
    for number in range(3_000 if hashes > 1 else 300):
        hashed = random.randrange(hashes)
        index.add([hashed], number)
        model[hashed].add(number)
        other = random.choice(list(model))
        if model[other] and random.random() < 0.6:
            old = random.choice(sorted(model[other]))
            model[other].remove(old)
            index.remove(other, old)
        assert sorted(index.numbers_of(other)) == sorted(model[other])
    for hashed, numbers in model.items():
        assert sorted(index.numbers_of(hashed)) == sorted(numbers)
    assert index.numbers_of(HASH_MASK) == ()


def test_end_of_one_entry_and_beginning_of_the_next_are_no_entry() -> None:
    """Entries lie side by side in bytes: a hash must not be found across two of them."""
    index = HashIndex()
    for hashed, number in ((0x2_0000, 0x0001_0000), (0x1_0000, 0x0002_0000), (0, 0), (0, 1 << 24)):
        index.add([hashed], number)
    assert index.numbers_of(0x1_0000) == (0x0002_0000,)
    assert index.numbers_of(0x0100_0000) == ()
    index.remove(0, 1 << 24)
    assert index.numbers_of(0) == (0,)


def test_number_is_taken_out_where_it_is_not_where_its_bytes_are() -> None:
    """Removing must not tear two others apart whose bytes are those of the one."""
    index = HashIndex()
    for hashed, number in ((1, 7), (9, 5), (7, 9)):
        index.add([hashed], number)
    index.remove(7, 9)
    assert [index.numbers_of(hashed) for hashed in (1, 9, 7)] == [(7,), (5,), ()]


def test_no_bucket_is_long_when_there_are_many() -> None:
    """A look takes as long as its bucket is: with a million entries as with a hundred."""
    random = Random(1)
    index = HashIndex()
    for first in range(0, 20_000, 500):
        index.add([random.randrange(HASH_MASK) for _ in range(500)], first)
    longest = max(len(bucket) for bucket in index._buckets) // 8
    assert longest <= 4 * ENTRIES_PER_BUCKET
