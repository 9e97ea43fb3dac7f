"""R15 at its bounds: each figure one below, at and one above what decides; found by mutation."""

from tests.unit.ledger.table import NOON, Ledger


def test_first_location_that_has_exactly_enough_is_taken() -> None:
    """R15: enough is enough; a later location with more is not asked."""
    Ledger().run("""
        given on_hand=3 at=L1
        given on_hand=9 at=L2
        group G locations=L1+L2
        reserve R1 units=3 group=G             -> GRANTED at=L1 reserved=3
        show                                   -> at=L2 reserved=0
    """)


def test_best_part_is_taken_from_the_earlier_of_two_equal_locations() -> None:
    """R15: the order of the group decides between equals, and one unit is a part too."""
    Ledger().run("""
        given on_hand=1 at=L1
        given on_hand=1 at=L2
        group G locations=L1+L2
        reserve R1 units=2 group=G partial=yes -> PARTIALLY_GRANTED said.units=1 at=L1 reserved=1
        show                                   -> at=L2 reserved=0
    """)


def test_group_that_never_had_the_sku_is_sold_out() -> None:
    """R15: no position of the group exists; nothing there could expire either."""
    Ledger().run("""
        given on_hand=5 at=L9
        group G locations=L1+L2
        reserve R1 units=1 group=G             -> SOLD_OUT breakdown.on_hand=0
        reserve R2 units=1 group=G partial=yes -> SOLD_OUT
    """)


def test_refusal_of_one_location_turns_at_the_last_unit_that_may_come_free() -> None:
    """R15: ALL_RESERVED iff what is held would make it; for a part one unit does."""
    Ledger().run("""
        given on_hand=3
        reserve R1 units=1                     -> GRANTED
        reserve R2 units=3                     -> ALL_RESERVED
        reserve R3 units=4                     -> SOLD_OUT
        confirm R1                             -> CONFIRMED
        reserve R4 units=2                     -> GRANTED
        reserve R5 units=3                     -> SOLD_OUT
        release R4 units=1                     -> RELEASED
        reserve R6 units=1                     -> GRANTED
        confirm R4                             -> CONFIRMED
        reserve R7 units=9 partial=yes         -> ALL_RESERVED breakdown.reserved=1
        confirm R6                             -> CONFIRMED
        reserve R8 units=9 partial=yes         -> SOLD_OUT breakdown.reserved=0
    """)


def test_refusals_of_a_group_turn_at_their_last_unit() -> None:
    """R15: together is a sum for a split, and no hope for who wants one location."""
    Ledger().run("""
        given on_hand=2 at=L1
        given on_hand=2 at=L2
        group G locations=L1+L2
        reserve R1 units=4 group=G                -> NO_SINGLE_LOCATION
        reserve R2 units=5 group=G                -> SOLD_OUT
        reserve R3 units=2 at=L1                  -> GRANTED
        reserve R4 units=2 at=L2                  -> GRANTED
        reserve R5 units=2 group=G                -> ALL_RESERVED
        reserve R6 units=3 group=G                -> SOLD_OUT
        reserve R7 units=4 group=G strategy=split -> ALL_RESERVED
        reserve R8 units=5 group=G strategy=split -> SOLD_OUT
        confirm R3                                -> CONFIRMED
        confirm R4                                -> CONFIRMED
        reserve R9 units=1 group=G partial=yes    -> SOLD_OUT
    """)


def test_deadline_of_a_group_is_its_ttl_from_the_decision() -> None:
    """R15: 60 s are 60,000 ms, wherever the units come from."""
    ledger = Ledger().run("""
        given on_hand=2
        group G locations=L1+L2
        reserve R1 units=1 group=G ttl=60s     -> GRANTED
    """)
    assert ledger.state.reservations["R1"].deadline_ms == NOON + 60_000


def test_answer_tells_all_units_that_were_granted_wherever_they_are() -> None:
    """R15, R21: over every location of a split, and those shipped before; it is told as a reserve."""
    Ledger().run("""
        given on_hand=2 at=L1
        given on_hand=5 at=L2
        group G locations=L1+L2
        fulfil R1 units=1 at=L1                            -> REMEMBERED
        reserve R1 units=5 group=G strategy=split id=X     -> GRANTED said.units=5 said.kind=reserve
    """)


def test_too_late_tells_what_its_group_had() -> None:
    """R15: the breakdown is of all that it asked, under its SKU."""
    Ledger().run("""
        given on_hand=2 at=L1
        given on_hand=5 at=L2
        group G locations=L1+L2
        reserve R1 units=1 group=G answer_by=-1ms -> TOO_LATE breakdown.on_hand=7 said.sku=SKU1
    """)


def test_request_after_a_refusal_is_known_by_all_that_it_asks() -> None:
    """R27, R28: it is the new request that the reservation is compared with from now on."""
    ledger = Ledger().run("""
        given on_hand=1
        group G locations=L1+L2
        reserve R1 units=9                                                  -> SOLD_OUT
        reserve R1 units=1 group=G channel=web order=O1 customer=abc        -> GRANTED
        reserve R1 units=1 group=G channel=web order=O1 customer=abc        -> ALREADY_GRANTED
        reserve R1 units=1 group=G channel=app order=O1 customer=abc        -> RESERVATION_ID_REUSED
        reserve R1 units=1 group=G channel=web order=O2 customer=abc        -> RESERVATION_ID_REUSED
        reserve R1 units=1 group=G channel=web order=O1 customer=xyz        -> RESERVATION_ID_REUSED
        reserve R1 units=1 at=L1 channel=web order=O1 customer=abc          -> RESERVATION_ID_REUSED
    """)
    assert ledger.state.refused_kept == 0


def test_refused_reservations_are_counted_while_they_are_refused() -> None:
    """R29: the bound by count counts ids that hold nothing, each once however often it was refused."""
    ledger = Ledger().run("""
        given on_hand=1
        reserve R1 units=9                     -> SOLD_OUT
        reserve R2 units=9                     -> SOLD_OUT
        reserve R3 units=9                     -> SOLD_OUT
        reserve R3 units=8                     -> SOLD_OUT
        reserve R1 units=1                     -> GRANTED
    """)
    assert ledger.state.refused_kept == 2


def test_one_unit_is_a_part() -> None:
    """R15: allow_partial takes what there is, down to the last unit."""
    Ledger().run("""
        given on_hand=1
        reserve R1 units=2 partial=yes         -> PARTIALLY_GRANTED said.units=1 atp=0
    """)


def test_what_was_shipped_early_is_in_the_grant_of_one_location() -> None:
    """R21: it is told as granted and fulfilled, with a whole grant as with a part."""
    Ledger().run("""
        given on_hand=9
        fulfil R1 units=1 at=L1                -> REMEMBERED
        reserve R1 units=3                     -> GRANTED R1.fulfilled=1 R1.reserved=2 R1.granted=3
        fulfil R2 units=1 at=L1                -> REMEMBERED
        reserve R2 units=9 partial=yes         -> PARTIALLY_GRANTED R2.fulfilled=1 R2.reserved=5 R2.granted=6
    """)


def test_reservation_that_is_refused_again_keeps_its_older_answers() -> None:
    """R27: whatever the refusals are, each id hears its own again."""
    ledger = Ledger().run("""
        given on_hand=2
        group G locations=L1+L2
        reserve R1 units=9 id=a                -> SOLD_OUT said.kind=reserve said.units=0
        reserve R1 units=1 group=H id=b        -> UNKNOWN_GROUP
        reserve R1 units=1 sku=other id=c      -> UNKNOWN_SKU
        reserve R1 units=1 sku=other group=G id=d -> UNKNOWN_SKU breakdown.on_hand=0
        reserve R1 units=3 partial=yes id=e    -> PARTIALLY_GRANTED
        again a                                -> SOLD_OUT
        again b                                -> UNKNOWN_GROUP
        again c                                -> UNKNOWN_SKU
        again d                                -> UNKNOWN_SKU
        again e                                -> PARTIALLY_GRANTED
    """)
    assert ledger.state.refused_kept == 0


def test_seventeenth_refusal_leaves_the_first_as_a_hash() -> None:
    """R27: also where nothing was ever granted, the row keeps 16 answers."""
    ledger = Ledger().run("given on_hand=1")
    for number in range(17):
        ledger.run(f"reserve R1 units=9 id=x{number} -> SOLD_OUT")
    ledger.run("again x0 -> ALREADY_APPLIED\n again x1 -> SOLD_OUT")


def test_new_reservation_is_known_by_all_that_it_asks() -> None:
    """R28: group, channel, order and customer are content; the row of a grant is a first answer."""
    ledger = Ledger().run("""
        given on_hand=9
        group G locations=L1+L2
        reserve R1 units=1 group=G channel=web order=O1 customer=abc -> GRANTED said.kind=reserve
        reserve R1 units=1 group=G channel=web order=O1 customer=abc -> ALREADY_GRANTED
        reserve R2 units=1 at=L1 channel=web order=O1 customer=abc   -> GRANTED said.kind=reserve
    """)
    row = ledger.state.reservations["R2"]
    assert (row.repeat, row.answered, row.commands) == (0, 0, 1)
    ledger.run("reserve R2 units=1 at=L1 channel=web order=O1 customer=abc -> ALREADY_GRANTED")
