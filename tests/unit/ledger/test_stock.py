"""R1, R2, R5-R8, R10, R11: facts, counts, and what they do to promises."""

from datetime import UTC, datetime, timedelta

import pytest

from inventory_stream.ledger.position import Position
from inventory_stream.ledger.rules import Rules
from models.commands import Adjust
from models.outcomes import Outcome
from tests.unit.ledger.table import NOON, SKU, Ledger


def test_quantities_add_up_to_atp_when_all_of_them_are_set() -> None:
    """R1, R2: ATP = on_hand - unavailable - reserved - allocated - safety_stock; shortfall ignores safety."""
    Ledger().run(
        """
        given on_hand=20 unavailable=3 safety_stock=2
        reserve R1 units=4          -> GRANTED atp=11 reserved=4 uncommitted=13
        confirm R1                  -> CONFIRMED atp=11 reserved=0 allocated=4
        fulfil R1                   -> FULFILLED atp=11 allocated=0 on_hand=16
        adjust -14                  -> APPLIED atp=-3 short=1 uncommitted=-1
        """
    )


def test_readers_get_atp_and_shortfall_per_location_when_positions_are_written() -> None:
    """R5 (rows): each position's row carries what a reader needs: ATP and shortfall, version growing."""
    ledger = Ledger().run(
        """
        given on_hand=5
        given on_hand=2 safety_stock=3 at=L2
        reserve R1 units=5          -> GRANTED
        confirm R1                  -> CONFIRMED
        adjust -4                   -> APPLIED short=4 atp=-4 version=4
        show                        -> at=L2 atp=-1 short=0 version=2
        """
    )
    assert {
        row.location: (max(0, row.available_to_promise), row.shortfall) for row in ledger._versions.values()
    } == {
        "L1": (0, 4),
        "L2": (0, 0),
    }


def test_zero_adjust_is_a_dead_letter_when_it_decodes() -> None:
    """R6: an adjust by nothing is impossible: refused by name, with no answer and no change."""
    ledger = Ledger().run("given on_hand=5")
    sealed = ledger.decide(stock=[[Adjust("zero", SKU, "L1", 0, NOON)]])
    assert [(letter.offset, letter.pack_index) for letter in sealed[0].refused] == [(1, 0)]
    assert "0 units" in sealed[0].refused[0].reason
    ledger.run("show -> on_hand=5 version=1")


@pytest.mark.parametrize(
    ("ahead", "kept"), [("+5s", 5_000), ("+6s", 0)], ids=["within tolerance", "beyond it: clamped"]
)
def test_effective_time_is_clamped_to_arrival_when_it_is_more_than_five_seconds_ahead(
    ahead: str, kept: int
) -> None:
    """R7: further ahead than 5 s counts as arrived now, and is counted CLOCK_AHEAD."""
    ledger = Ledger().run(f"adjust 5 eff={ahead} -> APPLIED on_hand=5 move.effective_at_ms={NOON + kept}")
    assert ledger.sealed[-1].clock_ahead == (0 if kept else 1)


def test_late_movements_count_once_when_a_sync_came_between() -> None:
    """R8, its vector: 102 at 12:02, -2 @12:02, sync 100 @12:03, -1 @12:04, arriving -1, sync, -2: 99."""
    Ledger().run(
        """
        adjust 102 eff=11:00        -> APPLIED on_hand=102
        tick 5m
        adjust -1 eff=12:04         -> APPLIED on_hand=101
        sync 100 eff=12:03          -> APPLIED on_hand=99
        adjust -2 eff=12:02         -> APPLIED on_hand=99 move.delta=0
        """
    )


def test_sync_is_refused_when_it_is_older_than_the_last_one() -> None:
    """R8: an older count has no effect; one of the same time replaces it."""
    Ledger().run(
        """
        sync 10 eff=-60s            -> APPLIED on_hand=10
        sync 99 eff=-61s            -> STALE_SYNC on_hand=10 version=1
        sync 12 eff=-60s            -> APPLIED on_hand=12
        """
    )


def test_fact_at_or_before_the_count_leaves_on_hand_but_does_its_other_work() -> None:
    """R8: a fulfil that the count already saw still lowers allocated."""
    Ledger().run(
        """
        given on_hand=10
        reserve R1 units=3          -> GRANTED
        confirm R1                  -> CONFIRMED allocated=3
        tick 60s
        sync 7                      -> APPLIED on_hand=7
        fulfil R1 eff=-5s           -> FULFILLED on_hand=7 allocated=0 atp=7 move.delta=0
        """
    )


def test_sync_is_refused_when_it_lies_before_the_kept_movements() -> None:
    """R8: movements are kept for the window; a count from before what was dropped cannot be computed."""
    Ledger(Rules(movement_window_ms=60_000)).run(
        """
        adjust 5 eff=+0s            -> APPLIED
        tick 61s
        adjust 7 eff=+0s            -> APPLIED on_hand=12
        sync 0 eff=-62s             -> STALE_SYNC on_hand=12
        sync 4 eff=-61s             -> APPLIED on_hand=11
        """
    )


def test_sync_is_refused_when_movements_were_dropped_for_their_number() -> None:
    """R8: at most so many movements are kept; the dropped ones are the oldest in effect."""
    Ledger(Rules(movements_max=2)).run(
        """
        adjust 1 eff=-30s           -> APPLIED
        adjust 2 eff=-10s           -> APPLIED
        adjust 4 eff=-20s           -> APPLIED on_hand=7
        sync 0 eff=-31s             -> STALE_SYNC
        sync 0 eff=-30s             -> APPLIED on_hand=6
        """
    )


def test_unavailable_and_safety_stock_are_absolute_when_they_arrive_out_of_order() -> None:
    """R8: the statement with the later effective_at stands; an older one is STALE_SYNC."""
    Ledger().run(
        """
        given on_hand=10
        unavailable 3 eff=-10s      -> APPLIED unavailable=3
        unavailable 5 eff=-20s      -> STALE_SYNC unavailable=3
        safety_stock 4 eff=-10s     -> APPLIED safety_stock=4
        safety_stock 1 eff=-20s     -> STALE_SYNC safety_stock=4 atp=3
        """
    )


def test_sync_adds_unavailable_units_when_the_feed_excludes_them() -> None:
    """R8: a feed may say that its count leaves unavailable units out."""
    Ledger().run(
        """
        given on_hand=10 unavailable=3
        sync 7 excludes_unavailable=yes -> APPLIED on_hand=10 atp=7
        """
    )


@pytest.mark.parametrize("at_ms", [0, 1], ids=["epoch", "one ms later"])
def test_movement_counts_when_its_time_is_the_start_of_the_epoch(at_ms: int) -> None:
    """R7, R10: a fact is never lost: where nothing was counted, even the oldest time moves on_hand."""
    ledger = Ledger()
    assert ledger.send(Adjust("a", SKU, "L1", 5, at_ms)) is Outcome.APPLIED
    ledger.run("show -> on_hand=5")


def test_movement_counts_when_its_time_lies_before_the_epoch() -> None:
    """R7, R10: RFC 3339 can say 1969; the fact still moves on_hand where nothing was counted."""
    ledger = Ledger()
    ledger.send(Adjust("a", SKU, "L1", 5, datetime(1969, 7, 20, tzinfo=UTC)))
    ledger.run("show -> on_hand=5")


@pytest.mark.parametrize("ms", [1, 2, 7, 29, 57, 58, 999])
def test_both_wire_forms_of_a_time_mean_the_same_millisecond(ms: int) -> None:
    """R7: RFC 3339 text and epoch ms name the same moment, whatever floating point makes of it."""
    ledger = Ledger()
    when = datetime(2026, 1, 1, 11, 0, 0, tzinfo=UTC) + timedelta(milliseconds=ms)
    ledger.send(Adjust("a", SKU, "L1", 5, when))
    row = ledger.answers["a"]
    assert row.movements[0].effective_at_ms == NOON - 3_600_000 + ms


def test_facts_apply_when_on_hand_goes_negative() -> None:
    """R10: a till sale is never refused for want of stock."""
    Ledger().run(
        """
        till_sale 3                 -> APPLIED on_hand=-3 short=3 atp=-3 move.shortfall_units=3
        adjust -1                   -> APPLIED on_hand=-4
        """
    )


def test_fulfil_and_return_apply_when_nobody_knows_the_reservation() -> None:
    """R10: units that left or came back move on_hand; *_UNMATCHED raises an exception event."""
    Ledger().run(
        """
        given on_hand=10
        reserve R9 units=99         -> SOLD_OUT
        fulfil R9 units=3 at=L1     -> FULFIL_UNMATCHED on_hand=7 move.delta=-3
        again c3                    -> FULFIL_UNMATCHED on_hand=7
        return R9 units=2 at=L1     -> RETURN_UNMATCHED on_hand=9
        return R9 units=1 at=L1 sellable=no -> RETURN_UNMATCHED on_hand=10 unavailable=1 atp=9
        """
    )
    assert Outcome.FULFIL_UNMATCHED.is_exception
    assert Outcome.RETURN_UNMATCHED.is_exception


def test_shortfall_revokes_soft_reservations_youngest_first_and_never_confirmed_ones() -> None:
    """R11: what a fact took is taken from the youngest soft reservations; orders are named, not touched."""
    ledger = Ledger().run(
        """
        given on_hand=10
        reserve R1 units=3 order=O1 -> GRANTED
        confirm R1                  -> CONFIRMED
        reserve R2 units=3          -> GRANTED
        tick 1s
        reserve R3 units=4          -> GRANTED atp=0
        till_sale 4                 -> APPLIED R3.revoked=4 R2.reserved=3 R1.allocated=3 short=0 atp=0
        till_sale 4                 -> APPLIED R2.revoked=3 R1.allocated=3 short=1 move.shortfall_units=1
        """
    )
    assert ledger.answers["c7"].movements[0].short_orders == ("O1",)
    assert sum(sealed.revoked_units for sealed in ledger.sealed) == 7


@pytest.mark.parametrize("revoke_on_shortfall", [True, False])
def test_shortfall_is_raised_when_it_appears_or_grows_and_not_when_it_shrinks(
    *, revoke_on_shortfall: bool
) -> None:
    """R11: units that come in leave no less than there was; what only stays short is told once."""
    Ledger(Rules(revoke_on_shortfall=revoke_on_shortfall)).run(
        """
        till_sale 9                 -> APPLIED short=9 move.shortfall_units=9
        adjust 2                    -> APPLIED short=7 move.shortfall_units=0
        adjust 3                    -> APPLIED short=4 move.shortfall_units=0
        unavailable 0               -> APPLIED short=4 move.shortfall_units=0
        unavailable 2               -> APPLIED short=6 move.shortfall_units=6
        unavailable 1               -> APPLIED short=5 move.shortfall_units=0
        sync 0                      -> APPLIED short=1 move.shortfall_units=0
        tick 1s
        till_sale 1                 -> APPLIED short=2 move.shortfall_units=2
        record O2 units=1 order=B   -> RECORDED_SHORT short=3 move.shortfall_units=3
        """
    )


def test_a_recovered_owner_knows_which_shortfall_was_told() -> None:
    """R11, I8: what was short before a restart is not told again by what makes it better after it."""
    position = Position(SKU, "L1")
    position.on_hand = -3
    recovered = Position(SKU, "L1")
    recovered.take(position.to_row(1))
    assert recovered.short == 3


def test_shortfall_revokes_nothing_when_the_setting_is_off() -> None:
    """R11: with revoke_on_shortfall off, soft reservations stay and the shortfall says so."""
    Ledger(Rules(revoke_on_shortfall=False)).run(
        """
        given on_hand=5
        reserve R1 units=5          -> GRANTED
        adjust -2                   -> APPLIED R1.reserved=5 short=2 move.shortfall_units=2
        """
    )


@pytest.mark.parametrize("reservations", [70, 140])
def test_every_reservation_can_be_revoked_when_a_position_has_many(reservations: int) -> None:
    """R11: a position finds all of its live reservations, also those made while its list was pruned."""
    ledger = Ledger().run(f"given on_hand={reservations}\n group G locations=L1")
    for number in range(reservations):
        ledger.run(f"reserve R{number} units=1 group=G -> GRANTED")
    ledger.run("sync 0 -> APPLIED reserved=0 short=0 move.shortfall_units=0")


def test_shortfall_is_named_in_full_when_revoking_does_not_fit_the_batch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """R11, I8: what revocation will give back is no shortfall, wherever a batch happened to be full."""
    monkeypatch.setattr("inventory_stream.ledger.batch.BATCH_BYTES", 1_000)
    ledger = Ledger().run("given on_hand=20")
    for number in range(20):
        ledger.run(f"reserve R{number} units=1 -> GRANTED")
    ledger.run(
        """
        sync 0                      -> APPLIED reserved=0 short=0 move.shortfall_units=0
        """
    )
