"""R21: commands that come before their order."""

import pytest

from inventory_stream.ledger.rules import Rules
from models.outcomes import Outcome
from tests.unit.ledger.table import Ledger


def test_confirm_waits_for_its_reserve_and_is_decided_with_it() -> None:
    """R21: the final outcome is appended under the early id too, and a repeat hears it."""
    ledger = Ledger().run(
        """
        given on_hand=5
        confirm R1 id=X             -> REMEMBERED on_hand=5 reserved=0
        confirm R1 id=X             -> REMEMBERED
        reserve R1 units=2          -> GRANTED R1.allocated=2 atp=3
        again X                     -> CONFIRMED allocated=2
        """
    )
    assert not ledger.state.early
    assert not ledger.state.receipts.keys() - {b"c/c1"}


def test_early_confirm_hears_no_when_its_reserve_is_refused() -> None:
    """R21: whoever waited is told: the payer must refund."""
    Ledger().run(
        """
        given on_hand=1
        confirm R1 id=X             -> REMEMBERED
        reserve R1 units=2          -> SOLD_OUT
        again X                     -> NOT_LIVE
        """
    )


@pytest.mark.parametrize("verb", ["release", "cancel"])
@pytest.mark.parametrize("order", ["reserve R1 units=2", "record R1 units=2"])
def test_order_that_was_called_off_before_it_came_holds_nothing(verb: str, order: str) -> None:
    """R21: after a release or cancel the order answers RELEASED_EARLY, under this id and any other."""
    done = {"release": "RELEASED", "cancel": "CANCELLED"}[verb]
    Ledger().run(
        f"""
        given on_hand=5
        {verb} R1 id=X              -> REMEMBERED
        {order} id=Y                -> RELEASED_EARLY atp=5
        {order}                     -> RELEASED_EARLY atp=5
        again Y                     -> RELEASED_EARLY
        again X                     -> {done} said.units=0
        confirm R1                  -> NOT_LIVE
        fulfil R1 units=1 at=L1     -> FULFIL_UNMATCHED on_hand=4
        """
    )


def test_order_that_was_paid_before_it_was_released_stands() -> None:
    """R21: in the order in which they came: a release after a confirm finds nothing reserved."""
    Ledger().run(
        """
        given on_hand=5
        confirm R1 id=X             -> REMEMBERED
        release R1 id=Y             -> REMEMBERED
        reserve R1 units=2          -> GRANTED R1.allocated=2 atp=3
        again X                     -> CONFIRMED
        again Y                     -> NOT_LIVE
        """
    )


def test_fact_moves_on_hand_at_once_and_nothing_again_when_its_order_comes() -> None:
    """R21: units already fulfilled move nothing again, and need no stock."""
    Ledger().run(
        """
        given on_hand=5
        fulfil R1 units=5 at=L1 id=X -> REMEMBERED on_hand=0 atp=0
        reserve R1 units=5          -> GRANTED on_hand=0 atp=0 R1.granted=5 R1.fulfilled=5 R1.reserved=0
        again X                     -> FULFILLED on_hand=0
        return R1 units=2           -> RETURNED on_hand=2
        """
    )


@pytest.mark.parametrize("order", ["reserve R1 units=3 ttl=60s", "record R1 units=3"])
def test_rest_of_an_order_that_was_shipped_in_part_needs_stock(order: str) -> None:
    """R21: the order asks for what has not left yet."""
    held = "reserved" if order.startswith("reserve") else "allocated"
    Ledger().run(
        f"""
        given on_hand=3
        fulfil R1 units=2 at=L1 id=X -> REMEMBERED on_hand=1
        {order}                     -> {"GRANTED" if held == "reserved" else "RECORDED"} {held}=1 atp=0
        again X                     -> FULFILLED on_hand=1
        fulfil R1                   -> FULFILLED on_hand=0 {held}=0
        """
    )


def test_more_shipped_than_ordered_is_unmatched() -> None:
    """R10, R21: the order takes what it asked; the rest is an exception."""
    Ledger().run(
        """
        given on_hand=5
        fulfil R1 units=4 at=L1 id=X -> REMEMBERED on_hand=1
        reserve R1 units=3          -> GRANTED R1.fulfilled=3 on_hand=1 atp=1
        again X                     -> FULFIL_UNMATCHED on_hand=1
        """
    )


def test_fact_stays_unmatched_when_its_order_is_refused() -> None:
    """R10, R21: the units left whatever the order became."""
    Ledger().run(
        """
        given on_hand=3
        fulfil R1 units=1 at=L1 id=X -> REMEMBERED on_hand=2
        reserve R1 units=9          -> SOLD_OUT on_hand=2 atp=2
        again X                     -> FULFIL_UNMATCHED on_hand=2
        """
    )


def test_fulfil_without_a_place_moves_when_its_order_says_where() -> None:
    """R21: what cannot be applied yet waits as a whole."""
    Ledger().run(
        """
        given on_hand=5
        fulfil R1 id=X              -> REMEMBERED on_hand=5
        record R1 units=2           -> RECORDED on_hand=3 allocated=0
        again X                     -> FULFILLED R1.fulfilled=2
        """
    )


def test_return_before_its_order_is_counted_against_what_it_ships_early() -> None:
    """R21, R16: returned stays within fulfilled."""
    Ledger().run(
        """
        given on_hand=5
        fulfil R1 units=2 at=L1     -> REMEMBERED on_hand=3
        return R1 units=1 at=L1 id=X -> REMEMBERED on_hand=4
        return R1 units=3 at=L1 id=Y -> REMEMBERED on_hand=7
        record R1 units=2           -> RECORDED R1.fulfilled=2 R1.returned=2 on_hand=7
        again X                     -> RETURNED on_hand=7
        again Y                     -> RETURN_UNMATCHED
        """
    )


def test_answer_that_binds_nothing_leaves_the_early_commands_waiting() -> None:
    """R21, R27: a reserve that came too late was no order yet."""
    Ledger().run(
        """
        given on_hand=5
        confirm R1 id=X             -> REMEMBERED
        reserve R1 units=1 answer_by=-1s -> TOO_LATE
        again X                     -> REMEMBERED
        reserve R1 units=1          -> GRANTED allocated=1
        """
    )


def test_memory_is_dropped_after_its_window_and_the_id_decided_anew() -> None:
    """R21: dropped ones are counted and raised; a fact that moved units stays as unmatched."""
    ledger = Ledger(Rules(early_window_ms=3_600_000)).run(
        """
        given on_hand=5
        confirm R1 id=X             -> REMEMBERED
        fulfil R2 units=1 at=L1 id=Y -> REMEMBERED on_hand=4
        tick 61m, sweep
        again Y                     -> FULFIL_UNMATCHED on_hand=4
        reserve R1 units=1          -> GRANTED allocated=0 reserved=1
        again X                     -> CONFIRMED
        """
    )
    assert sum(sealed.dropped_memories for sealed in ledger.sealed) == 2
    assert {Outcome.MEMORY_DROPPED, Outcome.FULFIL_UNMATCHED} <= {
        outcome for outcome in Outcome if outcome.is_exception
    }


def test_oldest_memory_is_dropped_when_too_many_wait() -> None:
    """R21: bounded by count as well as by time."""
    ledger = Ledger(Rules(early_max=2)).run(
        """
        confirm R1 id=X             -> REMEMBERED
        tick 1s
        confirm R2                  -> REMEMBERED
        confirm R3                  -> REMEMBERED
        sweep
        """
    )
    assert ledger.state.early.keys() == {"R2", "R3"}
    assert ledger.state.receipts[b"c/R1/X"].outcome == Outcome.MEMORY_DROPPED
    assert sum(sealed.folded_by_count for sealed in ledger.sealed) == 1


def test_no_more_than_sixteen_commands_wait_for_one_order() -> None:
    """R21, P6: all are decided in one batch; a fact beyond them is unmatched at once."""
    ledger = Ledger().run("given on_hand=9")
    for number in range(16):
        ledger.run(f"confirm R1 id=X{number} -> REMEMBERED")
    ledger.run(
        """
        confirm R1                  -> TOO_MANY_COMMANDS
        fulfil R1 units=1 at=L1     -> FULFIL_UNMATCHED on_hand=8
        reserve R1 units=1          -> GRANTED allocated=1
        """
    )


def test_early_command_that_moved_nothing_may_ask_for_something_else() -> None:
    """R21, R27: REMEMBERED binds nothing."""
    Ledger().run(
        """
        given on_hand=5
        confirm R1 units=1 id=X     -> REMEMBERED
        confirm R1 units=2 id=X     -> REMEMBERED
        reserve R1 units=3          -> GRANTED R1.allocated=2 R1.reserved=1
        again X                     -> CONFIRMED said.units=2
        """
    )


def test_early_id_that_moved_nothing_gives_way_to_the_order_of_the_same_id() -> None:
    """R27: an order command's id is unique within its reservation."""
    Ledger().run(
        """
        given on_hand=5
        confirm R1 id=X             -> REMEMBERED
        reserve R1 units=3 id=X     -> GRANTED reserved=3 allocated=0
        again X                     -> GRANTED
        """
    )


@pytest.mark.parametrize("other", ["extend R1 ttl=60s", "reroute R1 from=L1 to=L2"])
def test_early_command_waits_no_more_when_its_id_asked_what_cannot_wait(other: str) -> None:
    """R21, I8: its row now answers the other command, so nobody, recovered or not, decides it later."""
    ledger = Ledger().run(
        f"""
        given on_hand=5
        confirm R1 id=X             -> REMEMBERED
        release R1 id=Y             -> REMEMBERED
        {other} id=X                -> UNKNOWN_RESERVATION
        reserve R1 units=2          -> RELEASED_EARLY
        """
    )
    assert not ledger.state.early


def test_early_command_waits_no_more_when_its_order_comes_too_late_under_its_id() -> None:
    """R15, R21: TOO_LATE binds nothing, but its row stands where the early command's was."""
    ledger = Ledger().run(
        """
        given on_hand=5
        confirm R1 id=X                     -> REMEMBERED
        reserve R1 units=2 id=X answer_by=-1s -> TOO_LATE
        reserve R1 units=2                  -> GRANTED R1.reserved=2
        """
    )
    assert not ledger.state.early


def test_id_of_a_fact_that_came_early_means_nothing_else_once_its_order_is_there() -> None:
    """R21, R27: an id is unique within its reservation, wherever its answer is kept."""
    Ledger().run("""
        given on_hand=9
        fulfil R1 units=1 at=L1 id=X          -> REMEMBERED on_hand=8
        reserve R1 units=3                    -> GRANTED reserved=2
        confirm R1 id=X                       -> COMMAND_ID_REUSED reserved=2
        fulfil R1 units=1 at=L1 id=X eff=+0s  -> COMMAND_ID_REUSED on_hand=8
        again X                               -> COMMAND_ID_REUSED on_hand=8
    """)


def test_id_of_an_unmatched_fact_means_nothing_else_for_a_refused_reservation() -> None:
    """R10, R27: a fact about a refused reservation keeps its id to itself, too."""
    Ledger().run("""
        given on_hand=1
        reserve R1 units=3                    -> SOLD_OUT
        return R1 units=4 at=L1 id=X          -> RETURN_UNMATCHED on_hand=5
        reserve R1 units=3 id=X               -> COMMAND_ID_REUSED reserved=0
    """)


def test_early_command_outlives_the_window_of_what_its_id_asked_before() -> None:
    """R21, R29: the queue of receipts may still name a moment at which another answer stood under its key."""
    Ledger(Rules(receipts_max=1)).run("""
        reroute R1 from=L1 to=L2 id=X         -> UNKNOWN_RESERVATION
        confirm R1 id=X                       -> REMEMBERED
        tick 1s, adjust 5                     -> APPLIED
        tick 1s, reserve R1 units=2           -> GRANTED allocated=2
    """)
