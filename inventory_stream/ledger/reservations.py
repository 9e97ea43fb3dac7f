"""Reservations by id, the new ones as small as they lie in the log."""

from collections.abc import Iterable, Iterator, MutableMapping
from itertools import chain
from typing import Final, cast

from models.rows import Fresh, ReservationRow

# A dict of 1.4 million grows in 80 ms, and nothing is decided meanwhile; one of 64, which come to it at
# about the same time but not at once, in 1.3. A power of two: a shelf is picked by some bits of the hash,
# above those by which a dict of fewer than 2**32 finds its place: with the lowest every entry of a shelf
# would want one place in 64 of it, and a grant take a fifth more time.
SHELVES: Final = 64
SHELF_BITS: Final = SHELVES - 1
SHELF_SHIFT: Final = 32

Held = Fresh | ReservationRow
"""A reservation as it is kept."""

Listed = list[Held | tuple[Held, ...]]
"""As positions and deadlines list them: those of one run together.

A pass of garbage collection looks at all that a list holds, 50 ms for two million; at a tuple of what it need
not know of, once. One tuple in both lists is also half of what an entry in each takes.
"""

# Fewer are listed one by one: a tuple takes 40 bytes beside its entries.
_TOGETHER_MIN: Final = 8
# In one tuple: what a pass looks at for it takes about 20 us.
_TOGETHER_MAX: Final = 1_000


def each(listed: Iterable[Held | tuple[Held, ...]]) -> Iterator[Held]:
    """Give every reservation of a list."""
    for entry in listed:
        if isinstance(entry, tuple):
            yield from entry
        else:
            yield entry


def together(reservations: list[Held]) -> Listed:
    """Make what adds reservations to a list: themselves, where they are few."""
    count = len(reservations)
    if count < _TOGETHER_MIN:
        return cast(
            "Listed", reservations
        )  # mypy: a list could be added other entries to, through the result
    return [tuple(reservations[at : at + _TOGETHER_MAX]) for at in range(0, count, _TOGETHER_MAX)]


def opened(held: Held) -> ReservationRow:
    """Give the row of a reservation, however it is kept: always the same object."""
    return held if isinstance(held, ReservationRow) else held.opened()


def standing(held: Held) -> ReservationRow | None:
    """Give the row of a reservation that more than its first command was done to, or may have been."""
    return held if isinstance(held, ReservationRow) else held.row


class Reservations(MutableMapping[str, ReservationRow]):
    """The reservations of a partition, as rows to whoever asks for one; in no order.

    Most are granted, wait and expire or are confirmed once: until then a `Fresh` takes a third of a row's
    memory and a quarter of the time to make (benchmarks, `core_loop hot`, scenario `memory`). `held` and
    `shelves` are for who can do without the row; an id is on `shelves[hash(id) >> SHELF_SHIFT & SHELF_BITS]`.
    """

    __slots__ = ("shelves",)

    def __init__(self) -> None:
        self.shelves: Final[list[dict[str, Held]]] = [{} for _ in range(SHELVES)]

    def _shelf(self, reservation_id: object) -> dict[str, Held]:
        return self.shelves[hash(reservation_id) >> SHELF_SHIFT & SHELF_BITS]

    def held(self, reservation_id: str) -> Held | None:
        """Give a reservation as it is kept; None when there is none."""
        return self._shelf(reservation_id).get(reservation_id)

    def hold(self, held: Held) -> None:
        """Keep a reservation, in place of another of its id."""
        reservation_id = held.reservation_id
        self._shelf(reservation_id)[reservation_id] = held

    def all_held(self) -> Iterator[Held]:
        """Give every reservation as it is kept."""
        return chain.from_iterable(shelf.values() for shelf in self.shelves)

    def forget(self, reservation_id: str) -> Held:
        """Let go of a reservation that is there; gives it."""
        return self._shelf(reservation_id).pop(reservation_id)

    def __getitem__(self, reservation_id: str) -> ReservationRow:
        row = self.get(reservation_id)
        if row is None:
            raise KeyError(reservation_id)
        return row

    def get(  # type: ignore[override]
        self,
        reservation_id: str,
        default: None = None,  # noqa: ARG002  # as mappings have it
    ) -> ReservationRow | None:
        """Give the row of a reservation; None when there is none."""
        shelf = self._shelf(reservation_id)
        held = shelf.get(reservation_id)
        if held is None or isinstance(held, ReservationRow):
            return held
        row = shelf[reservation_id] = held.opened()
        return row

    def __setitem__(self, reservation_id: str, row: ReservationRow) -> None:
        self._shelf(reservation_id)[reservation_id] = row

    def __delitem__(self, reservation_id: str) -> None:
        del self._shelf(reservation_id)[reservation_id]

    def __contains__(self, reservation_id: object) -> bool:
        return reservation_id in self._shelf(reservation_id)

    def __iter__(self) -> Iterator[str]:
        return chain.from_iterable(self.shelves)

    def __len__(self) -> int:
        return sum(map(len, self.shelves))
