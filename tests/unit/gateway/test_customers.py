"""Customers leave as keyed hashes: equal for equal texts, and telling nothing."""

import re

from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from inventory_stream.gateway.customers import CustomerHasher
from models.ids import ID_CHARACTERS_MAX

FIRST, SECOND = SecretStr("f" * 32), SecretStr("s" * 32)


@given(st.text(max_size=2_000))
def test_any_text_becomes_an_id_of_one_form(text: str) -> None:
    """Whatever a shop calls its customers fits a row, and does not show."""
    hashed = CustomerHasher("1", FIRST).hash(text)
    assert re.fullmatch(r"k1:[0-9a-f]{32}", hashed)
    assert len(hashed) <= ID_CHARACTERS_MAX


def test_half_a_character_is_a_customer_too() -> None:
    """JSON may carry it, and a fault here would be a 500."""
    assert CustomerHasher("1", FIRST).hash("\ud800")


def test_equal_texts_count_together_and_others_apart() -> None:
    """Under one secret; under another the same customer is somebody else."""
    one, other = CustomerHasher("1", FIRST), CustomerHasher("1", SECOND)
    assert one.hash("ann") == one.hash("ann")
    assert len({one.hash("ann"), one.hash("Ann"), one.hash("ann "), other.hash("ann")}) == 4


def test_the_hash_is_that_of_every_gateway() -> None:
    """A fixed vector: an update must not give customers new names in the middle of a sale."""
    assert CustomerHasher("1", FIRST).hash("ann@example.com") == "k1:bebe90c402493a259e89c032783d25cc"


def test_a_hasher_shows_no_secret() -> None:
    """Its repr may stand in a log."""
    assert "fff" not in repr(CustomerHasher("1", FIRST))
