"""R10, R16-R20: what becomes of a reservation."""

import pytest

from inventory_stream.ledger.decide import DecodedRecord, decide_batch
from inventory_stream.ledger.rules import Rules
from inventory_stream.ledger.state import PartitionState
from models.commands import Adjust, Cancel, Command, Confirm, Extend, RecordOrder, Release, Reserve
from models.outcomes import Outcome
from models.rows import Answer, ReceiptRow, ReservationRow, decode_row
from tests.unit.ledger.table import NOON, SKU, Ledger


def test_units_of_a_line_are_counted_where_they_went_when_all_happens_to_them() -> None:
    """R16: granted = reserved + allocated + fulfilled + released + expired + cancelled + revoked."""
    Ledger().run(
        """
        given on_hand=20
        reserve R1 units=10         -> GRANTED
        confirm R1 units=6          -> CONFIRMED R1.allocated=6 R1.reserved=4
        release R1 units=1          -> RELEASED R1.reserved=3
        fulfil R1 units=2           -> FULFILLED R1.fulfilled=2 on_hand=18
        cancel R1 units=1           -> CANCELLED R1.allocated=3
        return R1 units=1           -> RETURNED R1.returned=1 on_hand=19
        tick 61s, sweep             -> R1.expired=3 R1.granted=10 R1.allocated=3 atp=16
        """
    )


def test_rest_stays_reserved_to_its_deadline_when_only_a_part_is_confirmed() -> None:
    """R16: a partial confirm leaves the rest; it expires, and a late confirm may get it back."""
    Ledger().run(
        """
        given on_hand=5
        reserve R1 units=5          -> GRANTED
        confirm R1 units=2          -> CONFIRMED said.units=2
        confirm R1 units=4          -> MORE_THAN_HELD
        tick 61s, sweep             -> R1.expired=3 atp=3
        confirm R1 units=2          -> CONFIRMED_LATE said.units=2 R1.expired=1 R1.allocated=4
        reserve R2 units=1          -> GRANTED atp=0
        confirm R1                  -> RESERVATION_EXPIRED breakdown.reserved=1 R1.allocated=4
        """
    )


def test_release_and_cancel_take_the_last_sourced_line_first() -> None:
    """R16: without a location the last sourced line goes first; with one, only that line."""
    Ledger().run(
        """
        given on_hand=2 at=L1
        given on_hand=5 at=L2
        group G locations=L1+L2
        reserve R1 units=6 group=G strategy=split -> GRANTED
        release R1 units=1          -> RELEASED at=L2 reserved=3
        release R1 units=1 at=L1    -> RELEASED at=L1 reserved=1
        confirm R1                  -> CONFIRMED
        cancel R1 units=3           -> CANCELLED at=L2 allocated=0
        show                        -> at=L1 allocated=1
        cancel R1 units=2           -> MORE_THAN_HELD
        cancel R1                   -> CANCELLED at=L1 allocated=0
        cancel R1                   -> NOT_LIVE
        """
    )


@pytest.mark.parametrize(
    ("arrival_ms", "outcome"),
    [(60_000, Outcome.CONFIRMED), (60_001, Outcome.CONFIRMED_LATE)],
    ids=["at the deadline", "one ms after"],
)
def test_confirm_is_on_time_up_to_and_with_the_deadline(arrival_ms: int, outcome: Outcome) -> None:
    """R17: on time iff the record's arrival time <= deadline, whenever it is decided."""
    ledger = Ledger().run("given on_hand=5\n reserve R1 units=2 ttl=60s -> GRANTED\n tick 10m")
    assert ledger.send(Confirm("c", "R1", SKU), arrival_ms=NOON + arrival_ms) is outcome
    ledger.run("show -> allocated=2")


def test_late_confirm_is_refused_when_the_units_are_gone() -> None:
    """R17: RESERVATION_EXPIRED with the breakdown; asking again under a new id is a new decision."""
    Ledger().run(
        """
        given on_hand=2
        reserve R1 units=2          -> GRANTED
        tick 61s
        reserve R2 units=1          -> GRANTED R1.expired=2
        confirm R1 -> RESERVATION_EXPIRED \
            breakdown.available_to_promise=1 breakdown.reserved=1
        release R2                  -> RELEASED
        again c4                    -> RESERVATION_EXPIRED
        confirm R1                  -> CONFIRMED_LATE atp=0
        """
    )


def test_revoked_reservation_is_confirmed_as_a_late_one_and_a_released_one_is_not_live() -> None:
    """R17: a revoked one is decided again, also before its deadline; a released one answers NOT_LIVE."""
    Ledger().run(
        """
        given on_hand=4
        reserve R1 units=4          -> GRANTED
        adjust -1                   -> APPLIED R1.revoked=4
        confirm R1                  -> RESERVATION_EXPIRED
        adjust 1                    -> APPLIED
        confirm R1                  -> CONFIRMED_LATE R1.revoked=0 allocated=4
        adjust 3                    -> APPLIED
        reserve R2 units=1          -> GRANTED
        release R2                  -> RELEASED
        confirm R2                  -> NOT_LIVE
        """
    )


def test_confirm_takes_what_is_held_when_only_a_part_was_revoked() -> None:
    """R17: lines that still hold are confirmed; PARTIALLY_CONFIRMED says that the rest must be refunded."""
    Ledger().run(
        """
        given on_hand=2 at=L1
        given on_hand=2 at=L2
        group G locations=L1+L2
        reserve R1 units=4 group=G strategy=split -> GRANTED
        adjust -1 at=L2             -> APPLIED R1.revoked=2 R1.reserved=2
        confirm R1                  -> PARTIALLY_CONFIRMED said.units=2 R1.allocated=2 breakdown.on_hand=3
        """
    )


def test_confirm_is_late_when_the_owners_clock_ran_behind_the_brokers() -> None:
    """R17: a deadline from a slow clock may lie before the arrival of a confirm in the same record."""
    ledger = Ledger().run("given on_hand=5")
    reserve = Reserve("c1", "R1", SKU, 2, 1, location="L1")
    outcome = ledger.send(reserve, Confirm("c2", "R1", SKU), arrival_ms=NOON + 5_000)
    assert outcome is Outcome.CONFIRMED_LATE
    ledger.run("show -> allocated=2 reserved=0")


def test_deadlines_pass_in_their_order_and_only_before_a_later_arrival() -> None:
    """R18: an arrival > D expires D, also inside a batch, earlier deadlines first; nothing else does."""
    ledger = Ledger().run(
        """
        given on_hand=5
        reserve R1 units=1 ttl=50s  -> GRANTED
        reserve R2 units=1 ttl=30s  -> GRANTED
        tick 10m
        adjust 1                    -> APPLIED R1.reserved=1 R2.reserved=1
        """
    )
    ledger.decide(orders=[[Reserve("x", "R3", SKU, 1, 60, location="L1")]], arrival_ms=NOON + 50_000)
    ledger.run("show -> R2.expired=1 R1.reserved=1")
    ledger.decide(orders=[[Reserve("y", "R4", SKU, 1, 60, location="L1")]], arrival_ms=NOON + 50_001)
    ledger.run("show -> R1.expired=1")


def test_arrival_that_went_back_burns_no_deadline() -> None:
    """R17, R18: after a broker's clock jumped ahead and back, later reservations live their whole life."""
    ledger = Ledger().run(
        """
        given on_hand=5
        reserve R1 units=1 arrival=+1h -> GRANTED
        reserve R2 units=1 arrival=+1s -> GRANTED R1.reserved=1
        reserve R3 units=1 arrival=+2s -> GRANTED R2.reserved=1
        confirm R2 arrival=+3s         -> CONFIRMED
        """
    )
    assert ledger.state.orders_arrival_ms == NOON + 3_600_000


def test_deadline_moves_when_extended_up_to_the_total() -> None:
    """R19: extend sets the deadline from the decision, never shortens, and stops at the total life."""
    ledger = Ledger(Rules(reservation_ms_max=120_000)).run(
        """
        given on_hand=5
        reserve R1 units=1 ttl=60s  -> GRANTED
        tick 30s
        extend R1 ttl=10s           -> EXTENDED
        extend R1 ttl=60s           -> EXTENDED
        tick 31s, sweep             -> R1.reserved=1
        extend R1 ttl=60s           -> EXTENDED
        extend R1 ttl=61s           -> EXTEND_LIMIT
        tick 60s, sweep             -> R1.expired=1
        extend R1 ttl=60s           -> NOT_LIVE
        """
    )
    assert ledger.state.reservations["R1"].deadline_ms == NOON + 120_000


def test_order_taken_elsewhere_is_recorded_when_there_is_no_stock() -> None:
    """R20: confirmed at once and never refused; RECORDED_SHORT is an exception; exempt from I2."""
    Ledger().run(
        """
        given on_hand=2
        record O1 units=2 order=A   -> RECORDED allocated=2
        record O2 units=1 order=B   -> RECORDED_SHORT allocated=3 short=1 move.shortfall_units=1
        fulfil O1                   -> FULFILLED on_hand=0
        again c3                    -> RECORDED_SHORT allocated=1
        record O2 units=1           -> ALREADY_CONFIRMED
        """
    )
    assert Outcome.RECORDED_SHORT.is_exception


def test_recorded_order_takes_soft_reservations_back_when_it_needs_their_units() -> None:
    """R11, R20: a paid order comes before a soft reservation."""
    Ledger().run(
        """
        given on_hand=3
        reserve R1 units=2          -> GRANTED
        record O1 units=2           -> RECORDED R1.revoked=2 short=0
        """
    )


def test_recorded_order_confirms_the_reservation_whose_id_it_carries() -> None:
    """R20: it is the confirm of that reservation; where R17 would refuse, it is recorded all the same."""
    Ledger().run(
        """
        given on_hand=2
        reserve R1 units=2          -> GRANTED
        record R1 units=1           -> CONFIRMED R1.allocated=1 R1.reserved=1
        record R1 units=2           -> CONFIRMED R1.allocated=2 allocated=2
        record R1 units=2           -> ALREADY_CONFIRMED allocated=2
        """
    )
    Ledger().run(
        """
        given on_hand=2
        reserve R1 units=2          -> GRANTED
        tick 61s
        reserve R2 units=2          -> GRANTED R1.expired=2
        confirm R2                  -> CONFIRMED
        record R1 units=3           -> RECORDED_SHORT R1.allocated=3 R1.granted=3 short=3
        """
    )


def test_recorded_order_is_taken_when_its_id_was_only_refused_before() -> None:
    """R20, R27: a refusal binds its command id only, also for another SKU."""
    ledger = Ledger().run("given on_hand=2\n reserve R1 units=5 -> SOLD_OUT")
    other = Reserve("c0", "R2", "SKU9", 1, 60, location="L1")
    assert ledger.send(other) is Outcome.UNKNOWN_SKU
    ledger.run(
        """
        record R1 units=2           -> RECORDED allocated=2
        again c2                    -> SOLD_OUT
        record R2 units=1           -> RECORDED_SHORT allocated=3
        """
    )


def test_recorded_order_without_a_place_is_a_dead_letter() -> None:
    """R6, R20: an order that names no location and no known group cannot be sourced."""
    ledger = Ledger().run("given on_hand=2")
    sealed = ledger.decide(orders=[[RecordOrder("c", "R1", SKU, 1)]])
    assert "no location" in sealed[0].refused[0].reason
    assert not ledger.state.reservations


def test_recorded_order_of_a_group_goes_where_it_fits() -> None:
    """R20: the first location of the group that has it; where none has, the one with most."""
    Ledger().run(
        """
        given on_hand=1 at=L1
        given on_hand=4 at=L2
        group G locations=L1+L2
        record O1 units=3 group=G   -> RECORDED at=L2 allocated=3
        record O2 units=3 group=G   -> RECORDED_SHORT at=L1 allocated=3
        """
    )


def test_fulfil_moves_the_line_when_it_ships_from_another_location() -> None:
    """R10: a fulfil elsewhere moves the line there first, confirmed or not yet."""
    Ledger().run(
        """
        given on_hand=5 at=L1
        given on_hand=5 at=L2
        reserve R1 units=3          -> GRANTED
        confirm R1                  -> CONFIRMED
        fulfil R1 at=L2 units=2     -> FULFILLED at=L2 on_hand=3 atp=3
        show                        -> at=L1 allocated=1 on_hand=5
        reserve R2 units=2          -> GRANTED
        fulfil R2 at=L2             -> FULFILLED at=L2 on_hand=1 atp=1
        show                        -> at=L1 reserved=0 atp=4
        """
    )


def test_fulfil_ships_reserved_units_when_the_confirm_never_came() -> None:
    """R10: what left the building needs no confirm any more; more than was held is UNMATCHED."""
    Ledger().run(
        """
        given on_hand=9
        reserve R1 units=3          -> GRANTED
        fulfil R1 units=1           -> FULFILLED reserved=2 on_hand=8
        fulfil R1 units=4           -> FULFIL_UNMATCHED reserved=0 on_hand=4 R1.fulfilled=3
        fulfil R1                   -> NOT_LIVE on_hand=4
        """
    )


def test_fulfil_of_an_expired_reservation_moves_on_hand() -> None:
    """R10: facts are never refused for state."""
    Ledger().run(
        """
        given on_hand=5
        reserve R1 units=2          -> GRANTED
        tick 61s, sweep             -> R1.expired=2
        fulfil R1 units=2           -> FULFIL_UNMATCHED on_hand=3 atp=3 R1.expired=2
        return R1 units=1           -> RETURN_UNMATCHED on_hand=4
        """
    )


def test_returned_units_are_sellable_unless_said_otherwise() -> None:
    """R10, R22: returns go to common at any location; more than was shipped is UNMATCHED."""
    Ledger().run(
        """
        given on_hand=5
        reserve R1 units=3          -> GRANTED
        confirm R1                  -> CONFIRMED
        fulfil R1                   -> FULFILLED on_hand=2
        return R1 units=1 at=L2     -> RETURNED at=L2 on_hand=1 atp=1
        return R1 units=1 sellable=no -> RETURNED at=L1 on_hand=3 unavailable=1 atp=2
        return R1 units=2           -> RETURN_UNMATCHED said.units=1 R1.returned=3 at=L1 on_hand=5
        """
    )


def test_extension_of_an_unknown_reservation_binds_nothing() -> None:
    """R27: what cannot wait for its reservation is not final; the same id is decided anew later."""
    Ledger().run(
        """
        given on_hand=5
        extend R1 id=X ttl=60s      -> UNKNOWN_RESERVATION on_hand=5
        reserve R1 units=1          -> GRANTED
        again X                     -> EXTENDED
        """
    )


def test_command_for_another_sku_than_the_reservations_moves_nothing() -> None:
    """R28: a reservation id belongs to one SKU; a fact of another SKU is unmatched, never dropped."""
    ledger = Ledger().run("given on_hand=5\n reserve R1 units=2 -> GRANTED")
    assert ledger.send(Confirm("x", "R1", "SKU2")) is Outcome.RESERVATION_ID_REUSED
    ledger.run("show -> reserved=2")


def test_one_command_names_twenty_short_orders_however_many_lines_it_has() -> None:
    """R11: what a shortfall names is bounded by command: a row of 16 answers must fit one append."""
    places = [f"L{number}" for number in range(1, 8)]
    ledger = Ledger().run(f"group G locations={'+'.join(places)}")
    for place in places:
        orders = [RecordOrder(f"{place}{n}", f"{place}{n}", SKU, 1, location=place) for n in range(9)]
        ledger.decide(orders=[orders])
        ledger.run(f"adjust 10 at={place} -> APPLIED")
    ledger.run("reserve R1 units=7 group=G strategy=split -> GRANTED")
    for place in places:
        ledger.run(f"adjust -10 at={place} -> APPLIED at={place} short=9")
    ledger.run("record R1 units=7 -> RECORDED_SHORT")
    named = [movement.short_orders for movement in ledger.answers[ledger._last].movements]
    assert sum(len(names) for names in named) == 20
    assert len(named) == 7


def test_every_refusal_of_a_command_carries_the_breakdown() -> None:
    """R15: whoever is told no, by whatever command, is told the numbers of R2 behind it."""
    state = PartitionState()
    script: list[Command] = [
        Extend(id="unknown", ttl_seconds=60, reservation_id="R", sku="A"),
        Reserve(id="one", units=2, ttl_seconds=3_600, location="DC1", reservation_id="R", sku="A"),
        Reserve(id="other", units=3, ttl_seconds=60, location="DC1", reservation_id="R", sku="A"),
        Extend(id="longer", ttl_seconds=86_400, reservation_id="R", sku="A"),
        Confirm(id="more", units=9, reservation_id="R", sku="A"),
        Release(id="more-back", units=9, reservation_id="R", sku="A"),
        Release(id="back", reservation_id="R", sku="A"),
        Cancel(id="nothing", reservation_id="R", sku="A"),
        Reserve(id="too-many", reservation_id="S", sku="A", units=99, ttl_seconds=60, location="DC1"),
    ]
    stock = Adjust(id="a", sku="A", location="DC1", delta=5, effective_at=1)
    rows = []
    records = [DecodedRecord(number, 1_000_000, [command]) for number, command in enumerate(script)]
    for sealed in decide_batch(state, [DecodedRecord(0, 0, [stock])], records, 1_000_000):
        rows += [decode_row(key, value) for key, value in sealed.rows if value]
    answers = [row.answers[row.answered] for row in rows if isinstance(row, ReservationRow)]
    receipts = [row for row in rows if isinstance(row, ReceiptRow)]
    everything: list[Answer | ReceiptRow] = [*answers, *receipts]
    refused = {Outcome(one.outcome): one.breakdown for one in everything if Outcome(one.outcome).is_refusal}
    assert set(refused) == {
        Outcome.UNKNOWN_RESERVATION,
        Outcome.RESERVATION_ID_REUSED,
        Outcome.EXTEND_LIMIT,
        Outcome.MORE_THAN_HELD,
        Outcome.NOT_LIVE,
        Outcome.SOLD_OUT,
    }
    assert all(breakdown is not None for breakdown in refused.values())
    told = refused[Outcome.MORE_THAN_HELD]
    assert told is not None
    assert (told.on_hand, told.reserved, told.available_to_promise) == (5, 2, 3)
