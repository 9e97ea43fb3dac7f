"""Where a location is, as stated: for whoever looks for the nearest store."""

from models import commands as c
from models.outcomes import Outcome
from models.rows import PlaceRow
from tests.unit.ledger.table import Ledger


def test_newest_statement_of_a_place_stands() -> None:
    """It is kept by location, found again by a recovery, and a repeat of an older one changes nothing."""
    ledger = Ledger()
    first = c.SetPlace("p1", "L1", 52.5, 13.4, "Mitte")
    ledger.send(first)
    ledger.send(c.SetPlace("p2", "L1", 48.1, 11.6, ships=False))
    assert ledger.send(first) is Outcome.APPLIED
    row = ledger.state.places["L1"]
    assert row == PlaceRow(row.term, "L1", 48.1, 11.6, None, pickup=True, ships=False)
    assert ledger.recovered(compacted=True).places["L1"].latitude == 48.1
