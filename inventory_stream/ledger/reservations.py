"""Reservations by id, the new ones as small as they lie in the log."""

from collections.abc import Iterator, MutableMapping
from typing import Final

from models.rows import Fresh, ReservationRow

Held = Fresh | ReservationRow
"""A reservation as it is kept, and as positions and deadlines list it."""


def opened(held: Held) -> ReservationRow:
    """Give the row of a reservation, however it is kept: always the same object."""
    return held if isinstance(held, ReservationRow) else held.opened()


def standing(held: Held) -> ReservationRow | None:
    """Give the row of a reservation that more than its first command was done to, or may have been."""
    return held if isinstance(held, ReservationRow) else held.row


class Reservations(MutableMapping[str, ReservationRow]):
    """The reservations of a partition, as rows to whoever asks for one.

    Most are granted, wait and expire or are confirmed once: until then a `Fresh` takes a third of a row's
    memory and a quarter of the time to make (benchmarks, `core_loop hot`, scenario `memory`). `kept` is for
    the loops that look at all, or make the plain ones.
    """

    __slots__ = ("kept",)

    def __init__(self) -> None:
        self.kept: Final[dict[str, Held]] = {}

    def __getitem__(self, reservation_id: str) -> ReservationRow:
        held = self.kept[reservation_id]
        if isinstance(held, ReservationRow):
            return held
        row = self.kept[reservation_id] = held.opened()
        return row

    def get(  # type: ignore[override]
        self,
        reservation_id: str,
        default: None = None,  # noqa: ARG002  # as mappings have it
    ) -> ReservationRow | None:
        """Give the row of a reservation; None when there is none."""
        held = self.kept.get(reservation_id)
        if held is None or isinstance(held, ReservationRow):
            return held
        row = self.kept[reservation_id] = held.opened()
        return row

    def __setitem__(self, reservation_id: str, row: ReservationRow) -> None:
        self.kept[reservation_id] = row

    def __delitem__(self, reservation_id: str) -> None:
        del self.kept[reservation_id]

    def __contains__(self, reservation_id: object) -> bool:
        return reservation_id in self.kept

    def __iter__(self) -> Iterator[str]:
        return iter(self.kept)

    def __len__(self) -> int:
        return len(self.kept)
