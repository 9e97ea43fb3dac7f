"""R29: how long answers are kept, by time and by count, and what stays true without them."""

import pytest

from inventory_stream.ledger.decide import DecodedRecord, decide_batch
from inventory_stream.ledger.rules import Rules
from inventory_stream.ledger.state import PartitionState
from inventory_stream.ledger.windows import is_fold_due
from models.commands import Adjust, Reserve
from models.outcomes import Outcome
from models.rows import decode_row
from tests.unit.ledger.table import SKU, Ledger


def _tombstones(ledger: Ledger) -> set[bytes]:
    newest = dict(ledger.log)
    return {key for key, value in newest.items() if value is None}


def test_receipts_fold_into_the_base_when_their_window_has_passed() -> None:
    """R29, I4: after 48 h a receipt is a tombstone, what it moved is in `base`, on_hand stays."""
    ledger = Ledger().run(
        """
        adjust 5 id=a               -> APPLIED
        tick 24h
        till_sale 2 id=b            -> APPLIED
        tick 25h, sweep             -> on_hand=3 base=5
        tick 24h, sweep             -> on_hand=3 base=3 version=2
        """
    )
    assert _tombstones(ledger) == {b"c/a", b"c/b"}
    assert not ledger.recovered(compacted=True).receipts


def test_ended_reservations_fold_when_the_return_window_has_passed() -> None:
    """R29: an ended reservation is kept until returns are over; then its movements are in `base`."""
    ledger = Ledger(Rules(return_window_ms=3 * 86_400_000)).run(
        """
        given on_hand=5
        reserve R1 units=2          -> GRANTED
        confirm R1                  -> CONFIRMED
        fulfil R1                   -> FULFILLED on_hand=3
        tick 71h, sweep             -> R1.fulfilled=2
        return R1 units=1           -> RETURNED on_hand=4
        tick 2h, sweep              -> on_hand=4 base=4
        """
    )
    assert b"r/R1" in _tombstones(ledger)
    ledger.run("return R1 units=1 at=L1 -> REMEMBERED on_hand=5")


def test_refused_reservations_fold_with_the_receipts() -> None:
    """R29: a refusal has no units to return: it is kept as long as a receipt."""
    ledger = Ledger().run("given on_hand=1\n reserve R1 units=2 -> SOLD_OUT\n tick 49h, sweep")
    assert b"r/R1" in _tombstones(ledger)


def test_reservation_lives_when_it_was_refused_and_granted_and_ended_in_one_batch() -> None:
    """R29: having been refused before does not shorten the return window of what was granted later."""
    Ledger().run(
        """
        given on_hand=2
        reserve R1 units=3          -> SOLD_OUT
        reserve R1 units=2          -> GRANTED
        fulfil R1                   -> FULFILLED
        tick 49h, sweep             -> R1.fulfilled=2
        return R1 units=1           -> RETURNED
        """
    )


@pytest.mark.parametrize("ended", ["reserve R{n} units=9", "reserve R{n} units=1, release R{n}"])
def test_ended_reservations_are_bounded_by_count(ended: str) -> None:
    """R29: past the bound the oldest go first, however young."""
    ledger = Ledger(Rules(ended_reservations_max=3)).run("given on_hand=5")
    for number in range(6):
        for step in ended.format(n=number).split(","):
            ledger.run(step)
        ledger.run("tick 1s")
    ledger.run("sweep")
    assert sorted(ledger.state.reservations) == ["R3", "R4", "R5"]


@pytest.mark.parametrize(
    "sold", ["reserve R{n} units=1 -> GRANTED\n confirm R{n} -> CONFIRMED", "record R{n} units=1 -> RECORDED"]
)
def test_position_forgets_a_reservation_when_its_row_is_folded(sold: str) -> None:
    """R29: neither the window nor the count bounds memory while positions list what is gone (R9)."""
    ledger = Ledger(Rules(return_window_ms=1_200_000)).run("given on_hand=1000")
    for number in range(300):
        ledger.run(
            f"""
            {sold.format(n=number)}
            fulfil R{number}                   -> FULFILLED
            tick 1m, sweep
            """
        )
    position = ledger.state.skus[SKU]["L1"]
    assert len(ledger.state.reservations) <= 21
    # Those, and at most 64 that ended before the list is walked again, in the list and beyond it.
    assert len(position.settled or ()) + len(position.reservations) <= 21 + 2 * 64


def test_count_bound_counts_reservations_when_one_was_refused_many_times() -> None:
    """R29: asking again under one reservation id is one reservation, not many."""
    ledger = Ledger(Rules(ended_reservations_max=3)).run("given on_hand=5\n reserve R1 units=6 -> SOLD_OUT")
    for _ in range(5):
        ledger.run("tick 1s\n reserve R2 units=6 -> SOLD_OUT")
    ledger.run("sweep")
    assert sorted(ledger.state.reservations) == ["R1", "R2"]


def test_receipts_are_bounded_by_count() -> None:
    """R29: past the bound the oldest receipt goes first; I4 holds without it."""
    ledger = Ledger(Rules(receipts_max=2))
    for number in range(4):
        ledger.run(f"adjust 1 id=a{number}\n tick 1s")
    ledger.run("sweep -> on_hand=4 base=2")
    assert set(ledger.state.receipts) == {b"c/a2", b"c/a3"}


def test_old_count_is_stale_when_the_movements_behind_it_were_folded() -> None:
    """R8, R29: a sync from before a folded movement could not be computed: STALE_SYNC, not a wrong number."""
    Ledger(Rules(receipt_window_ms=1_000)).run(
        """
        adjust 5                    -> APPLIED
        tick 2s
        sweep                       -> base=5
        sync 7 eff=-3s              -> STALE_SYNC on_hand=5
        sync 7 eff=-2s              -> APPLIED on_hand=7
        """
    )


def test_old_count_is_stale_when_its_movements_left_the_sixteen_answers() -> None:
    """R8, R27: a movement whose answer left its row cannot be recovered, so no count may need it."""
    ledger = Ledger().run(
        "given on_hand=50\n record O1 units=40 -> RECORDED\n tick 5s\n fulfil O1 units=1 -> FULFILLED"
    )
    for _ in range(16):
        ledger.run("tick 1s\n cancel O1 units=1 -> CANCELLED")
    ledger.run("sync 40 eff=-17s -> STALE_SYNC on_hand=49\n sync 40 eff=-16s -> APPLIED on_hand=40")


def test_deadlines_of_the_past_cost_no_memory_when_nothing_is_ever_refused() -> None:
    """R15: the earliest-deadline index forgets what ended, also where no refusal ever asks for it."""
    ledger = Ledger().run("given on_hand=5")
    for number in range(50):
        ledger.run(
            f"reserve R{number} units=1 ttl=60s -> GRANTED\n confirm R{number}\n cancel R{number}\n tick 1s"
        )
    assert len(ledger.state.skus[SKU]["L1"].holds) <= 1


def test_tombstones_leave_no_row_behind_when_the_log_is_compacted() -> None:
    """R29: after all windows only the position and progress are left, and they say the same."""
    ledger = Ledger(Rules(return_window_ms=86_400_000)).run(
        """
        given on_hand=5
        reserve R1 units=2          -> GRANTED
        fulfil R1                   -> FULFILLED
        reserve R2 units=9          -> SOLD_OUT
        fulfil R7 units=1 at=L1     -> REMEMBERED
        confirm R8                  -> REMEMBERED
        extend R9 ttl=60s           -> UNKNOWN_RESERVATION
        tick 30d, sweep             # what waited in vain is an answer from now on
        tick 30d, sweep             -> on_hand=2 base=2
        """
    )
    rows = {key: decode_row(key, value) for key, value in dict(ledger.log).items() if value is not None}
    assert set(rows) == {b"p/SKU1/L1", b"@progress"}
    assert Outcome.SOLD_OUT.is_final


@pytest.mark.parametrize("late_at", range(60, 70))
def test_late_confirm_is_listed_at_its_position_when_the_list_is_pruned_then(late_at: int) -> None:
    """R11: a shortfall can name an order however many ended reservations were forgotten around it."""
    ledger = Ledger().run("given on_hand=100\n reserve R units=1 order=LATE -> GRANTED\n tick 61s, sweep")
    commands = [Reserve(f"c{number}", f"R{number}", SKU, 1, 60, location="L1") for number in range(late_at)]
    ledger.decide(orders=[commands])
    ledger.run("confirm R -> CONFIRMED_LATE\n sync 0 -> APPLIED short=1")
    (movement,) = ledger.answers[ledger._last].movements
    assert movement.short_orders == ("LATE",)


def test_bounds_by_count_hold_while_commands_keep_coming() -> None:
    """R29: however fast receipts come, no more than the bound and one batch of them are kept."""
    state = PartitionState(rules=Rules(receipts_max=1_000))
    most = 0
    for batch in range(20):
        commands = [
            Adjust(id=f"{batch}-{number}", sku="A", location="DC1", delta=1, effective_at=number + 1)
            for number in range(1_000)
        ]
        records = [DecodedRecord(batch * 5 + at, 0, commands[at * 200 : at * 200 + 200]) for at in range(5)]
        for _ in decide_batch(state, records, [], 1_000_000 + batch):
            most = max(most, len(state.receipts))
    assert most <= 1_000 + 5_000
    for _ in decide_batch(state, [], [], 2_000_000):
        pass
    assert len(state.receipts) <= 1_000
    assert not is_fold_due(state, 2_000_000)
