"""R3, R15, R28, R30: who gets units, from where, and why not."""

import pytest

from inventory_stream.ledger.decide import DecodedRecord, decide_batch
from inventory_stream.ledger.state import PartitionState
from models.commands import Adjust, Reserve
from models.ids import partition_of
from models.outcomes import Outcome
from models.rows import ReceiptRow, decode_row
from tests.unit.ledger.table import NOON, SKU, Ledger


@pytest.mark.parametrize("positional", [False, True], ids=["objects", "positional"])
def test_last_unit_is_granted_once_when_two_shoppers_race(positional: bool) -> None:  # noqa: FBT001
    """R3, R15: a grant needs units <= ATP; whoever comes second hears ALL_RESERVED and why."""
    Ledger(positional=positional).run(
        """
        given on_hand=10 safety_stock=2
        reserve R1 units=8          -> GRANTED atp=0 said.units=8
        reserve R2 units=1 -> ALL_RESERVED atp=0 breakdown.on_hand=10 \
            breakdown.reserved=8 breakdown.safety_stock=2 breakdown.available_to_promise=0
        tick 61s, sweep             -> atp=8 R1.expired=8
        confirm R1                  -> CONFIRMED_LATE atp=0
        reserve R3 units=1          -> SOLD_OUT breakdown.allocated=8 breakdown.earliest_deadline_ms=0
        """
    )


def test_safety_stock_is_never_promised() -> None:
    """R3: the common path offers ATP, which leaves safety stock out."""
    Ledger().run(
        """
        given on_hand=5 safety_stock=5
        reserve R1 units=1          -> SOLD_OUT breakdown.safety_stock=5
        """
    )


def test_refusal_names_the_earliest_deadline_when_live_reservations_might_expire() -> None:
    """R15: ALL_RESERVED says when units may next come free, also after extends and releases."""
    ledger = Ledger().run(
        """
        given on_hand=3
        reserve R1 units=1 ttl=30s  -> GRANTED
        reserve R2 units=2 ttl=60s  -> GRANTED
        reserve R3 units=1          -> ALL_RESERVED
        """
    )
    assert ledger.answers["c4"].breakdown is not None
    assert ledger.answers["c4"].breakdown.earliest_deadline_ms == NOON + 30_000
    ledger.run("extend R1 ttl=90s -> EXTENDED\n reserve R4 units=1 -> ALL_RESERVED")
    assert ledger.answers["c6"].breakdown is not None
    assert ledger.answers["c6"].breakdown.earliest_deadline_ms == NOON + 60_000


def test_reservation_gets_what_is_left_when_it_allows_a_part() -> None:
    """R15: allow_partial takes what the path still offers; nothing at all is a refusal."""
    Ledger().run(
        """
        given on_hand=3
        reserve R1 units=5 partial=yes -> PARTIALLY_GRANTED said.units=3 atp=0
        reserve R2 units=5 partial=yes -> ALL_RESERVED
        reserve R3 units=5             -> SOLD_OUT
        """
    )


def test_group_takes_the_first_location_that_fits_and_says_when_none_does() -> None:
    """R15: first_fit tries the group's order; NO_SINGLE_LOCATION when only together they have it."""
    Ledger().run(
        """
        given on_hand=2 at=L1
        given on_hand=5 at=L2
        group G locations=L1+L2+L3
        reserve R1 units=3 group=G  -> GRANTED at=L2 reserved=3
        reserve R2 units=3 group=G  -> NO_SINGLE_LOCATION breakdown.on_hand=7 breakdown.available_to_promise=4
        reserve R3 units=3 group=G partial=yes -> PARTIALLY_GRANTED said.units=2
        reserve R4 units=3 group=G  -> ALL_RESERVED
        reserve R5 units=9 group=G  -> SOLD_OUT
        reserve R6 units=1 group=H  -> UNKNOWN_GROUP
        """
    )


def test_group_splits_over_locations_when_asked_to() -> None:
    """R15: split takes from each location in the group's order until it has all units."""
    Ledger().run(
        """
        given on_hand=2 at=L1
        given on_hand=5 at=L2
        group G locations=L1+L2
        reserve R1 units=4 group=G strategy=split -> GRANTED at=L1 reserved=2
        show                                      -> at=L2 reserved=2
        reserve R2 units=4 group=G strategy=split -> ALL_RESERVED
        reserve R3 units=4 group=G strategy=split partial=yes -> PARTIALLY_GRANTED at=L2 reserved=5
        """
    )


def test_reserve_is_too_late_when_it_is_decided_after_answer_by() -> None:
    """R15, R27: TOO_LATE holds nothing and binds nothing; its breakdown says what there was."""
    Ledger().run(
        """
        given on_hand=5
        reserve R1 units=1 answer_by=-1ms id=X -> TOO_LATE atp=5 breakdown.on_hand=5
        reserve R1 units=1 answer_by=+0s id=X  -> GRANTED atp=4
        tick 1s
        reserve R1 units=1 answer_by=-1ms id=X -> GRANTED atp=4
        """
    )


def test_reserve_runs_its_ttl_from_the_decision() -> None:
    """R15: an outage before the decision burns nothing of the deadline."""
    ledger = Ledger().run("given on_hand=5\n reserve R1 units=1 ttl=60s arrival=-30s -> GRANTED")
    assert ledger.state.reservations["R1"].deadline_ms == NOON + 60_000


def test_unknown_sku_is_refused_with_an_empty_breakdown() -> None:
    """R15: every refusal carries a breakdown, also of nothing."""
    Ledger().run("reserve R1 units=1 -> UNKNOWN_SKU breakdown.on_hand=0")


def test_known_sku_is_sold_out_where_it_never_was() -> None:
    """R15: a location without a position has nothing; the SKU itself is known."""
    Ledger().run("given on_hand=5\n reserve R1 units=1 at=L9 -> SOLD_OUT breakdown.on_hand=0")


@pytest.mark.parametrize(
    ("reserve", "reason"),
    [
        (Reserve("c", "R1", SKU, 1, 60), "neither"),
        (Reserve("c", "R1", SKU, 1, 60, location="L1", group="G"), "both"),
        (Reserve("c", "R1", SKU, 1, 60, location="L1", path="sale-1"), "path"),
    ],
    ids=["no place", "two places", "unknown path"],
)
def test_impossible_reserve_is_a_dead_letter_and_holds_nothing(reserve: Reserve, reason: str) -> None:
    """R6, R15: what cannot mean anything is refused in words, never guessed."""
    ledger = Ledger().run("given on_hand=5")
    sealed = ledger.decide(orders=[[reserve]])
    assert reason in sealed[0].refused[0].reason
    ledger.run("show -> atp=5 version=1")
    assert not ledger.state.reservations


def test_reservation_id_is_reused_when_other_content_is_asked() -> None:
    """R28: the same reservation id with other content is refused for good, whatever lives."""
    Ledger().run(
        """
        given on_hand=9
        reserve R1 units=2          -> GRANTED
        reserve R1 units=3          -> RESERVATION_ID_REUSED atp=7
        reserve R1 units=2          -> ALREADY_GRANTED atp=7
        release R1                  -> RELEASED
        reserve R1 units=2          -> NOT_LIVE atp=9
        """
    )


def test_reserve_is_known_again_when_its_confirm_named_the_order() -> None:
    """R27, R28: an order id that the confirm brought does not change what the reserve asked for."""
    Ledger().run(
        """
        given on_hand=9
        reserve R1 units=2          -> GRANTED
        confirm R1 order=O1         -> CONFIRMED
        reserve R1 units=2          -> ALREADY_GRANTED atp=7
        again c2                    -> GRANTED atp=7
        """
    )


def test_command_is_refused_when_its_sku_belongs_to_another_partition() -> None:
    """R30: the owner recomputes the partition; WRONG_PARTITION moves nothing and binds nothing."""
    state = PartitionState(partition=(partition_of(SKU, 8) + 1) % 8, partitions=8)
    (sealed,) = decide_batch(
        state,
        [DecodedRecord(0, NOON, [Adjust("a", SKU, "L1", 5, NOON)])],
        [DecodedRecord(0, NOON, [Reserve("c", "R1", SKU, 1, 60, location="L1")])],
        NOON,
    )
    rows = [decode_row(key, value) for key, value in sealed.rows if value and key.startswith(b"c/")]
    assert [row.outcome for row in rows if isinstance(row, ReceiptRow)] == [Outcome.WRONG_PARTITION] * 2
    assert not state.skus
    assert not Outcome.WRONG_PARTITION.is_final


def test_partition_of_a_key_is_that_of_kafkas_own_producers() -> None:
    """R30: murmur2 with Kafka's seed; vectors from Kafka's own unit test of its Utils class."""
    from models.ids import murmur2  # noqa: PLC0415

    def signed(value: int) -> int:
        return value - (1 << 32) if value >> 31 else value

    assert signed(murmur2(b"21")) == -973932308
    assert signed(murmur2(b"foobar")) == -790332482
    assert signed(murmur2(b"a-little-bit-long-string")) == -985981536
