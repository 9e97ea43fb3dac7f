"""One SKU at one location, as its owner holds it in memory."""

from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from heapq import heappop, heappush
from itertools import chain
from operator import attrgetter
from sys import intern
from typing import Final, cast

from inventory_stream.ledger.claims import Claims
from inventory_stream.ledger.moved import NOTHING_MOVED, Moved
from inventory_stream.ledger.reservations import Held, Listed, each, opened, standing, together
from inventory_stream.ledger.rules import NETTING_WINDOW_MS
from models.rows import ROW_SCHEMA, PositionRow, ReservationRow, encode_row, position_key

# Below this many listed reservations a walk over ended ones costs less than avoiding it.
_PRUNE_MIN: Final = 64
# A walk over a million takes half a second: none while fewer than one in so many of them holds nothing.
_FREE_SHARE: Final = 4
# From so many on the deadlines are counted whether somebody asked or not. A hot SKU counts a run at a time,
# and the first refusal of a sale would otherwise wait for all of its grants: 0.26 s after 570,000.
_COUNT_FROM: Final = 1_000
_AGE: Final = attrgetter("created_ms", "reservation_id")


_EncodableRow = tuple[
    int, int, str, str, int, int, int, int, int, int, int, int, int, int, int, int, int, int, str | None
]
"""The schema, then the fields of a `PositionRow`."""


class _Holders:
    """Who holds units at a position: see Position; `deadlines` is a heap of the keys of `holds`.

    Both are None until somebody asks for the earliest deadline, or many are listed, and again when neither
    was so between two walks: where few are and nothing sells out, they were a third of each grant.
    """

    __slots__ = ("count", "deadlines", "holding", "holds", "is_asked", "ordered", "prune_at", "reservations")

    def __init__(self) -> None:
        self.holds: dict[int, int] | None = None
        self.deadlines: list[int] = []
        self.is_asked = False
        self.reservations: Listed = []
        # Of reservations, however they are listed.
        self.count = 0
        self.prune_at = _PRUNE_MIN
        # How many of them hold units; any other may have ended.
        self.holding = 0
        # How long `reservations` was when it was last in order, each for itself then.
        self.ordered = 0


class Position:
    """The quantities of R1 with the indexes that decisions need; changed in place.

    `movements` holds (effective_at_ms, delta) of what moved on_hand after the last count and the
    horizon, by time: exactly what a recovery finds in the rows (R8, I8). `holds` counts live lines
    by deadline, `reservations` lists those with a line here, with some that ended since, `settled`
    those that ended lately and were allocated here once (R9). `short` is the shortfall after the last
    change, to tell one that appears or grows (R11). `claims` are the pools, fences and backorders here.

    Most positions sell nothing today: their indexes are made with the first entry, or they would be half
    of the memory that a position takes.
    """

    __slots__ = (
        "_holders",
        "_movements",
        "allocated",
        "base",
        "claims",
        "fenced",
        "horizon_ms",
        "in_transit",
        "key",
        "location",
        "on_hand",
        "orders_through_ms",
        "product",
        "reserved",
        "safety_stock",
        "safety_stock_at_ms",
        "settled",
        "short",
        "sku",
        "sync_at_ms",
        "unavailable",
        "unavailable_at_ms",
        "version",
    )

    def __init__(self, sku: str, location: str) -> None:
        self.sku = sku
        self.location = intern(location)  # of a few names each is at thousands of positions
        self.key = position_key(sku, location)
        self.on_hand = 0
        self.unavailable = 0
        self.reserved = 0
        self.allocated = 0
        self.safety_stock = 0
        self.fenced = 0
        self.in_transit = 0
        self.version = 0
        self.base = 0
        self.sync_at_ms = 0
        self.unavailable_at_ms = 0
        self.safety_stock_at_ms = 0
        self.horizon_ms = 0
        self.orders_through_ms = 0
        self.short = 0
        self.product: str | None = None
        self.claims: Claims | None = None
        self.settled: deque[ReservationRow] | None = None
        self._movements: Moved | None = None
        self._holders: _Holders | None = None

    def take(self, row: PositionRow) -> None:
        """Be what a row says; the indexes follow from the reservations and receipts.

        Half of the rows that a recovery reads are positions, most of them of one that it has read before.
        """
        self.on_hand = row.on_hand
        self.unavailable = row.unavailable
        self.reserved = row.reserved
        self.allocated = row.allocated
        self.safety_stock = row.safety_stock
        self.fenced = row.fenced
        self.in_transit = row.in_transit
        self.version = row.version
        self.base = row.base
        self.sync_at_ms = row.sync_at_ms
        self.unavailable_at_ms = row.unavailable_at_ms
        self.safety_stock_at_ms = row.safety_stock_at_ms
        self.horizon_ms = row.horizon_ms
        self.orders_through_ms = row.orders_through_ms
        self.product = row.product
        self.short = row.shortfall

    def to_row(self, term: int) -> PositionRow:
        """The row as of now."""
        return PositionRow(*self._encodable(term)[1:])

    def encoded(self, term: int) -> bytes:
        """Encode the row as of now, without making it first: a batch writes thousands."""
        return encode_row(self._encodable(term))

    def _encodable(self, term: int) -> _EncodableRow:
        """Give the row as of now in the form that encodes to its bytes."""
        return (
            ROW_SCHEMA,
            term,
            self.sku,
            self.location,
            self.on_hand,
            self.unavailable,
            self.reserved,
            self.allocated,
            self.safety_stock,
            self.fenced,
            self.in_transit,
            self.version,
            self.base,
            self.sync_at_ms,
            self.unavailable_at_ms,
            self.safety_stock_at_ms,
            self.horizon_ms,
            self.orders_through_ms,
            self.product,
        )

    @property
    def uncommitted(self) -> int:
        """Units that nobody was promised (R2)."""
        return self.on_hand - self.unavailable - self.reserved - self.allocated

    @property
    def available_to_promise(self) -> int:
        """Units that the common path may still promise (R2); negative when over-committed."""
        return (
            self.on_hand - self.unavailable - self.reserved - self.allocated - self.safety_stock - self.fenced
        )

    @property
    def movements(self) -> Moved:
        """Those that are kept, to read."""
        return self._movements or NOTHING_MOVED

    def keep_movement(self, effective_at_ms: int, delta: int) -> None:
        """Keep a movement for counts from before it."""
        if self._movements is None:
            self._movements = Moved()
        self._movements.add(effective_at_ms, delta)

    def forget_movements(self, until_ms: int) -> None:
        """Drop movements up to a time, that one among them."""
        movements = self._movements
        if movements is not None:
            movements.forget(until_ms)
            if not movements:
                self._movements = None

    @property
    def holds(self) -> Mapping[int, int]:
        """How many live lines there are by deadline."""
        holders = self._holders
        if holders is None:
            return {}
        return self._counted(holders) if holders.holds is None else holders.holds

    @property
    def reservations(self) -> Sequence[ReservationRow]:
        """Those with a line here, in no order, with some that ended since."""
        return () if self._holders is None else [opened(held) for held in each(self._holders.reservations)]

    @property
    def is_claimed(self) -> bool:
        """Whether anything is set aside or promised here beside what is reserved."""
        return self.claims is not None and not self.claims.is_empty

    def long_rows(self) -> Iterator[ReservationRow]:
        """Give those with a line here that are not kept short: opening 500,000 takes 1.8 s."""
        held = () if self._holders is None else each(self._holders.reservations)
        return (row for row in map(standing, held) if row is not None)

    def claims_made(self) -> Claims:
        """Give the claims on it, made when there are none yet."""
        claims = self.claims
        if claims is None:
            claims = self.claims = Claims()
        return claims

    def attach(self, reservation: Held) -> None:
        """List a reservation that got a line here."""
        # After the walk: a late confirm is listed while its reservation still counts as ended.
        holders = self._walked(reservation.created_ms)
        holders.reservations.append(reservation)
        holders.count += 1

    def attach_run(self, run: Listed, count: int, deadline_ms: int, now_ms: int) -> None:
        """List and count `count` new reservations of one unexpired deadline, each with a line here."""
        holders = self._walked(now_ms)
        if holders.holds is None and holders.count >= _COUNT_FROM:
            self._count(holders)
        holders.reservations += run
        holders.count += count
        self.hold(deadline_ms, count)

    def _walked(self, now_ms: int) -> _Holders:
        """Give what lists those with a line here, to add to; now and then it forgets those that ended."""
        holders = self._holders
        if holders is None:
            holders = self._holders = _Holders()
        if holders.count >= holders.prune_at:
            self._prune(holders, now_ms)
        return holders

    def _prune(self, holders: _Holders, now_ms: int) -> None:
        """Forget those that ended, or remember them for a while only, unless hardly one can have ended."""
        if (holders.count - holders.holding) * _FREE_SHARE >= holders.count:
            live: list[Held] = []
            for held in each(holders.reservations):
                row = standing(held)
                if row is not None and row.ended_ms:
                    self.settle(row, now_ms)
                else:
                    live.append(held if row is None else row)
            holders.reservations, holders.count = together(live), len(live)
            holders.ordered = 0
        # Twice what lives: each walk is paid for by as many grants.
        holders.prune_at = 2 * holders.count + _PRUNE_MIN
        if not holders.is_asked and holders.count < _COUNT_FROM:
            holders.holds = None
        holders.is_asked = False

    def settle(self, reservation: ReservationRow, now_ms: int) -> None:
        """Remember for a while a reservation that ended, if units of it were allocated here (R9)."""
        if any(line.allocations for line in reservation.lines if line.location == self.location):
            settled = self.settled
            if settled is None:
                settled = self.settled = deque()
            settled.append(reservation)
            # Nearly in the order of their ends: what is a little too old may stay a little longer.
            while settled[0].ended_ms < now_ms - NETTING_WINDOW_MS:
                forgotten = settled.popleft()
                if not forgotten.ended_ms:
                    self._list_again(forgotten)
                if not settled:
                    break

    def _list_again(self, reservation: ReservationRow) -> None:
        """List one that lives again, at another location: a count may still ask what it was here (R9)."""
        if self._holders is None:
            self._holders = _Holders()
        self._holders.reservations.append(reservation)
        self._holders.count += 1
        self._holders.ordered = 0

    def lately(self, now_ms: int) -> Iterator[ReservationRow]:
        """List what is live here and more than granted, and what ended within the netting window (R9)."""
        oldest_ms = now_ms - NETTING_WINDOW_MS
        for row in chain(self.settled or (), self.long_rows()):
            if not row.ended_ms or row.ended_ms >= oldest_ms:
                yield row

    def by_age(self) -> Sequence[Held]:
        """List the reservations here, oldest first; those of one batch by id, as after a recovery (I8)."""
        holders = self._holders
        if holders is None:
            return ()
        rows, ordered = holders.reservations, holders.ordered
        if ordered != len(rows):
            # Those that came since are nearly always the youngest: a busy position is not sorted anew.
            tail = sorted(each(rows[ordered:]), key=_AGE)
            is_behind = not ordered or _AGE(rows[ordered - 1]) <= _AGE(tail[0])
            rows[ordered:] = tail
            if not is_behind:
                rows.sort(key=_AGE)
            holders.ordered = len(rows)
        return cast("Sequence[Held]", rows)  # none of them a tuple now

    def hold(self, deadline_ms: int, lines: int = 1) -> None:
        """Count more live lines with this deadline, which are listed or will be at once."""
        holders = self._holders
        if holders is None:
            holders = self._holders = _Holders()
        holders.holding += lines
        if holders.holds is None:
            return
        count = holders.holds.get(deadline_ms)
        if count is None:
            heappush(holders.deadlines, deadline_ms)
            count = 0
        holders.holds[deadline_ms] = count + lines

    def unhold(self, deadline_ms: int) -> None:
        """Count one live line less with this deadline. Amortised O(log n)."""
        holders = self._holders
        assert holders is not None, "a line was released that never held"
        holders.holding -= 1
        holds = holders.holds
        if holds is None:
            return
        count = holds.get(deadline_ms, 0) - 1
        assert count >= 0, "a line was released twice"
        if count:
            holds[deadline_ms] = count
            return
        # At once: who is asked again would have to look at all that went since.
        del holds[deadline_ms]
        deadlines = holders.deadlines
        while deadlines and deadlines[0] not in holds:
            heappop(deadlines)

    def _count(self, holders: _Holders) -> None:
        """Count from now on."""
        holders.holds = self._counted(holders)
        holders.deadlines = sorted(holders.holds)

    def _counted(self, holders: _Holders) -> dict[int, int]:
        """Count the live lines here by deadline; one that left and came back is listed twice."""
        deadlines: dict[str, int] = {}
        for held in each(holders.reservations):
            row = standing(held)
            if row is None:
                deadlines[held.reservation_id] = held.deadline_ms
            elif any(line.reserved for line in row.lines if line.location == self.location):
                deadlines[row.reservation_id] = row.deadline_ms
        return dict(Counter(deadlines.values()))

    def raise_horizon(self, effective_at_ms: int) -> None:
        """Forget the movements up to a time: a count from before it can no longer be computed (R8)."""
        self.horizon_ms = max(self.horizon_ms, effective_at_ms)
        self.forget_movements(self.horizon_ms)

    def earliest_deadline_ms(self) -> int:
        """When a live line here may next expire; 0 when none is live."""
        holders = self._holders
        if holders is None:
            return 0
        holders.is_asked = True
        if holders.holds is None:
            self._count(holders)
        return holders.deadlines[0] if holders.deadlines else 0
