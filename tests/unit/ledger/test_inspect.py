"""Inspect: a reservation's row once more, as it is; it answers and binds nothing."""

from typing import cast

from inventory_stream.flows.event_rows import exceptions_of
from inventory_stream.ports.ledger_log import LedgerRecord
from models import commands as c
from models.outcomes import Outcome
from models.rows import NO_ANSWER, ReservationRow, decode_row, reservation_key
from tests.unit.ledger.table import SKU, Ledger


def shown(ledger: Ledger, command_id: str = "look") -> ReservationRow:
    """Inspect R1; gives the one reservation row that was written for it."""
    (sealed,) = ledger.decide(orders=[[c.Inspect(command_id, "R1", SKU)]])
    assert sealed.outcomes[Outcome.INSPECTED] == 1
    assert sealed.repeats == 0
    ((_, value),) = [row for row in sealed.rows if row[0] != b"@progress"]
    return cast("ReservationRow", decode_row(reservation_key("R1"), value or b""))


def test_inspect_shows_a_reservation_as_it_is() -> None:
    """The row holds what became of it, and says that it answers nobody (I3)."""
    ledger = Ledger().run("given on_hand=5\nreserve R1 units=3\nconfirm R1 units=1")
    row = shown(ledger)
    assert (row.answered, row.repeat) == (-1, NO_ANSWER)
    assert (row.lines[0].reserved, row.lines[0].allocated) == (2, 1)
    assert [answer.kind for answer in row.answers] == ["reserve", "confirm"]


def test_inspect_binds_no_id_and_counts_as_no_command() -> None:
    """R27: asked again and again under one id, it is heard again and again; the id is anybody's."""
    ledger = Ledger().run("given on_hand=5\nreserve R1 units=3")
    rows = [shown(ledger, "same") for _ in range(3)]
    assert [row.commands for row in rows] == [1, 1, 1]
    assert ledger.send(c.Confirm("same", "R1", SKU)) is Outcome.CONFIRMED


def test_inspect_of_what_is_not_there_says_so() -> None:
    """An unknown reservation is named as such, without binding the id; one that was refused is shown."""
    ledger = Ledger().run("given on_hand=5")
    look = c.Inspect("look", "R1", SKU)
    assert ledger.send(look) is Outcome.UNKNOWN_RESERVATION
    ledger.run("reserve R1 units=9 -> SOLD_OUT")
    assert shown(ledger).answers[0].outcome == Outcome.SOLD_OUT


def test_inspect_of_a_revoked_reservation_raises_no_second_event() -> None:
    """R11: the revocation was an event once; to be asked about it is none."""
    ledger = Ledger().run("given on_hand=5\nreserve R1 units=3\nadjust -4")
    ledger.decide(orders=[[c.Inspect("look", "R1", SKU)]])
    raised = [
        [one.detail.kind for one in exceptions_of(LedgerRecord(at, 0, key, value))]
        for at, (key, value) in enumerate(ledger.log)
        if key == reservation_key("R1")
    ]
    assert raised == [[], ["revoked"], []]
