"""Which reservations the ledger wrote of lately."""

from inventory_stream.flows.recent_reservations import RecentReservations
from inventory_stream.ports.ledger_log import LedgerRecord
from models.rows import position_key, receipt_key, reservation_key


def rows(*keys: bytes) -> list[LedgerRecord]:
    """Give rows with these keys."""
    return [LedgerRecord(offset, 0, key, b"") for offset, key in enumerate(keys)]


def test_reservations_are_known_and_nothing_else_is() -> None:
    """Rows of other kinds are not taken for reservations."""
    recent = RecentReservations()
    recent.take(0, 1, rows(reservation_key("R/1"), position_key("R2", "L"), receipt_key("R3")))
    assert recent.knows("R/1")
    assert not any(recent.knows(other) for other in ("R1", "R2", "R3"))


def test_memory_is_bounded_and_the_newest_are_always_known() -> None:
    """At least so many are known as promised, and never more than twice that."""
    recent = RecentReservations(remembered_min=10)
    for number in range(100):
        recent.take(0, 1, rows(reservation_key(f"R{number}")))
        assert all(recent.knows(f"R{late}") for late in range(max(0, number - 9), number + 1))
        assert sum(recent.knows(f"R{any_}") for any_ in range(100)) <= 20
    recent.start_over(0)
    assert recent.knows("R99")
