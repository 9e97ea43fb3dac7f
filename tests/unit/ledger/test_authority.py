"""R13, R14: whose counts of a location apply, and when its days end."""

import pytest

from inventory_stream.ledger.zones import zone
from models import commands as c
from models.outcomes import Outcome
from tests.unit.ledger.table import SKU, Ledger


def test_counts_of_another_source_move_nothing_when_a_location_has_an_authority() -> None:
    """R14: they become drift hints: the answer names their count beside ours."""
    Ledger().run(
        """
        sync 5 source=shop                        -> APPLIED on_hand=5
        count_authority L1 source=wms             -> APPLIED
        sync 7 source=shop                        -> NOT_AUTHORITY on_hand=5 said.units=7 breakdown.on_hand=5
        sync 8                                    -> NOT_AUTHORITY on_hand=5
        sync 9 source=wms                         -> APPLIED on_hand=9
        sync 3 source=shop at=L2                  -> APPLIED at=L2 on_hand=3
        count_authority L1                        -> APPLIED
        sync 7 source=shop                        -> APPLIED on_hand=7
        """
    )
    assert Outcome.NOT_AUTHORITY.is_refusal
    assert Outcome.NOT_AUTHORITY.is_final


def test_refused_count_makes_no_position() -> None:
    """R14, R15: nothing is known of a SKU because of a count that does not apply."""
    ledger = Ledger().run("count_authority L1 source=wms\n sync 7 -> NOT_AUTHORITY breakdown.on_hand=0")
    assert not ledger.state.skus
    ledger.run("reserve R1 units=1 -> UNKNOWN_SKU")


def test_time_zone_is_kept_when_it_is_known() -> None:
    """R13: a location's days are those of its IANA zone; a name that is none is a dead letter."""
    ledger = Ledger().run("time_zone L1 time_zone=Asia/Tokyo -> APPLIED")
    (sealed,) = ledger.decide(stock=[[c.SetTimeZone("x", "L1", "Asia/../Tokyo")]])
    assert "no IANA time zone" in sealed.refused[0].reason
    assert ledger.state.time_zones == ledger.recovered(compacted=True).time_zones == {"L1": "Asia/Tokyo"}


def test_zones_come_from_the_package_and_not_from_the_machine() -> None:
    """I8, R13: every owner knows the same zones; one that does not exist is an error, not UTC."""
    assert zone("Europe/Berlin").key == "Europe/Berlin"
    with pytest.raises(ValueError, match="Mars"):
        zone("Mars/Olympus")


@pytest.mark.parametrize("kind", [c.SetCountAuthority, c.SetTimeZone])
def test_statement_about_a_location_is_answered_once(kind: type[c.Command]) -> None:
    """R27: a repeat gets its first answer, and does not undo what was stated since."""
    said = {c.SetCountAuthority: ("wms", None), c.SetTimeZone: ("Asia/Tokyo", "UTC")}[kind]
    ledger = Ledger()
    first, second = (kind(f"x{at}", "L1", said[at]) for at in (0, 1))  # type: ignore[call-arg]
    assert [ledger.send(command) for command in (first, second, first)] == [Outcome.APPLIED] * 3
    known = ledger.state.authorities if kind is c.SetCountAuthority else ledger.state.time_zones
    assert known == {"L1": said[1]}
    assert SKU not in ledger.state.skus
