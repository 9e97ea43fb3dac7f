"""R23, I8: what is left in the log of a customer's use that is given back and folded in one batch."""

from inventory_stream.ledger.batch import Batch
from inventory_stream.ledger.limits import fold_limits, give_back
from models.rows import limit_use_key
from tests.unit.ledger.table import TERM, Ledger


def test_use_that_is_given_back_and_folded_in_one_batch_leaves_a_tombstone() -> None:
    """A revocation at the beginning of a batch comes before its fold: a recovery finds what the owner has."""
    ledger = Ledger().run(
        """
        given on_hand=4
        purchase_limit LIM units=4 end=+10s -> APPLIED
        reserve R1 units=4 by=ann -> GRANTED
        """
    )
    state = ledger.state
    state.orders_arrival_ms += 20_000
    batch = Batch(TERM, ledger.now_ms)
    give_back(state, batch, state.reservations["R1"], 2)
    fold_limits(state, batch, 10)
    rows = batch.seal(state).rows
    assert [value for key, value in rows if key == limit_use_key("LIM", "ann")][-1] is None
    assert not state.limit_uses
