"""Ids that follow from who asks and the key."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from inventory_stream.gateway.idempotency import check_key, command_id_of, hidden_key, reservation_id_of
from inventory_stream.gateway.problems import Problem
from inventory_stream.gateway.routes.reservations import address_of, asked_sku
from models.ids import ID_CHARACTERS_MAX
from models.reservation_ids import sku_of

SKUS = st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=ID_CHARACTERS_MAX)


@given(SKUS)
def test_a_reservation_id_tells_its_sku(sku: str) -> None:
    """An id fits into 128 characters, and where the SKU fits too, the id alone tells it."""
    made = reservation_id_of("anna", "k", sku)
    assert len(made) <= ID_CHARACTERS_MAX
    assert sku_of(made) in {sku, None}
    if len(sku.encode()) * 3 + 27 <= ID_CHARACTERS_MAX:
        assert sku_of(made) == sku


@given(st.text(max_size=140))
def test_only_the_one_spelling_of_an_id_is_ours(text: str) -> None:
    """No other text reads as an id of a SKU."""
    sku = sku_of(text)
    if sku is not None:
        assert text.startswith(reservation_id_of("anna", "k", sku)[:-26])


def test_who_asks_the_key_and_the_step_all_count() -> None:
    """Another caller, key, step or line is another id; the same are the same; parts do not run together."""
    ids = {
        command_id_of("anna", "k", "reserve 0"),
        command_id_of("bob", "k", "reserve 0"),
        command_id_of("anna", "l", "reserve 0"),
        command_id_of("anna", "k", "reserve 1"),
        command_id_of("ann", "ak", "reserve 0"),
    }
    assert len(ids) == 5
    assert command_id_of("anna", "k", "reserve 0") in ids
    assert reservation_id_of("anna", "k", "A", 0) != reservation_id_of("anna", "k", "A", 1)


def test_an_id_is_the_same_for_ever() -> None:
    """A gateway of a later version must give a retry the ids that this one gave."""
    assert reservation_id_of("anna", "k", "shoe/42") == "shoe~2F42.xmrx5ox73piffti5b26l4fu3la"
    assert command_id_of("anna", "k", "confirm") == "http:q4ifxiondb2f5zljz6vskayamu"


def test_what_stands_for_a_key_cannot_be_told_without_the_secret() -> None:
    """Callers' names and keys can be guessed; by the secret each request's ids are its own, for ever."""
    words = {
        hidden_key(secret, caller, key)
        for secret in (b"", b"s" * 32, b"t" * 32)
        for caller in ("anna", "bob")
        for key in ("k", "l")
    }
    assert len(words) == 12
    assert hidden_key(b"s" * 32, "anna", "k") == "xzw3ykh3quuvam6ee7ewlbbvk4"


def test_a_key_that_all_shoppers_may_use_is_long() -> None:
    """With a public key short words would meet another shopper's."""
    assert check_key({"Idempotency-Key": "k" * 15}) == "k" * 15
    assert check_key({"Idempotency-Key": "k" * 16}, is_public=True) == "k" * 16
    with pytest.raises(Problem, match="16 characters"):
        check_key({"Idempotency-Key": "k" * 15}, is_public=True)


def test_an_address_names_the_sku_where_the_id_does_not() -> None:
    """An id that no gateway made needs the SKU beside it, and a wrong one is refused."""
    made = reservation_id_of("anna", "k", "A")
    assert address_of(made, "A") == f"/v1/reservations/{made}"
    assert address_of("theirs/1", "a b") == "/v1/reservations/theirs%2F1?sku=a%20b"
    assert asked_sku(made, None) == asked_sku(made, "A") == "A"
    assert asked_sku("theirs", "B") == "B"
    for reservation_id, sku in ((made, "B"), ("theirs", None)):
        with pytest.raises(Problem, match="SKU"):
            asked_sku(reservation_id, sku)
