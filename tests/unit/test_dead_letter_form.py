"""A dead letter holds what is needed to judge and replay it, within a bound."""

import hashlib

import orjson
import pytest

from inventory_stream.adapters.kafka.dead_letters import (
    KEY_BYTES_MAX,
    RECORD_BYTES_MAX,
    ROUND_BYTES_MAX,
    ROUND_LETTERS_MAX,
    VALUE_BYTES_MAX,
    decode_letter,
    encode_letter,
    letter_key,
    rounds,
)
from inventory_stream.ports.dead_letters import DeadLetter

LETTER = DeadLetter("order-events", 3, 17, None, "not JSON", b"SKU1", b"\xff{", 1_700_000_000_000)


@pytest.mark.parametrize(
    "letter",
    [
        LETTER,
        LETTER._replace(pack_index=0),
        LETTER._replace(key=None, value=None),
        LETTER._replace(value=b""),
    ],
    ids=["whole record", "inside a pack", "neither key nor value", "empty value"],
)
def test_letter_comes_back_as_it_was(letter: DeadLetter) -> None:
    """What was refused can be read back byte by byte."""
    assert decode_letter(encode_letter(letter)) == letter


def test_key_names_the_place_so_that_a_repeat_compacts() -> None:
    """The same record refused again replaces its letter; each command of a pack has its own."""
    assert letter_key(LETTER) == b"order-events/3/17"
    assert letter_key(LETTER._replace(pack_index=2)) == b"order-events/3/17/2"


def test_huge_original_is_cut_and_says_so() -> None:
    """Beyond the bound the full length and a hash are stated, and the letter fits its topic."""
    value = bytes(range(256)) * 8_192
    letter = LETTER._replace(key=value, value=value, reason="r" * 100_000)
    encoded = encode_letter(letter)
    assert len(encoded) < RECORD_BYTES_MAX
    stated = orjson.loads(encoded)["value"]
    assert stated["length_bytes"] == len(value)
    assert stated["sha256"] == hashlib.sha256(value).hexdigest()
    assert stated["cut"]
    assert decode_letter(encoded).value == value[:VALUE_BYTES_MAX]
    assert decode_letter(encoded).key == value[:KEY_BYTES_MAX]


def test_a_round_of_letters_is_bounded_and_none_is_left_out() -> None:
    """However much of the input is refused at once, the producer holds one round of it at a time."""
    letters = [LETTER._replace(offset=at, value=b"x" * (1 << 20)) for at in range(10)]
    several = list(rounds(letters))
    assert len(several) > 1
    assert all(sum(len(value) for _, value in one) <= ROUND_BYTES_MAX for one in several)
    assert [decode_letter(value) for one in several for _, value in one] == letters
    assert list(rounds([])) == []


def test_small_letters_are_bounded_by_number() -> None:
    """However small they are, the event loop gets its turn between two rounds, and none is left out."""
    letters = [LETTER._replace(pack_index=number) for number in range(2 * ROUND_LETTERS_MAX + 1)]
    sizes = [len(one) for one in rounds(letters)]
    assert sizes == [ROUND_LETTERS_MAX, ROUND_LETTERS_MAX, 1]


def test_reason_with_broken_text_is_kept() -> None:
    """A decoder's message may quote anything; the letter is written all the same."""
    assert decode_letter(encode_letter(LETTER._replace(reason="bad \udc80 byte"))).reason == "bad ? byte"


@pytest.mark.parametrize("value", [b"[]", b'{"schema":2}', b"{}"])
def test_other_content_is_refused(value: bytes) -> None:
    """A reader does not guess at what is no letter of its version."""
    with pytest.raises(ValueError, match="schema version"):
        decode_letter(value)
