"""Paths: from which units a reserve is granted, and where they go when they are freed (R3, R22).

`common` is the ATP of a position. `sale:<sale id>` is the unsold part of that sale's pool.
`channel:<channel>` is the unused part of the channel's fence and, where it spills over or there is no
fence, the common units too. Units that were taken from a pool or fence are counted in their line's
`from_path`; they are the first to leave a line, whatever becomes of them.
"""

from collections.abc import Sequence

from inventory_stream.ledger.batch import Batch
from inventory_stream.ledger.breakdown import breakdown_of
from inventory_stream.ledger.claims import held_of
from inventory_stream.ledger.limits import give_back
from inventory_stream.ledger.position import Position
from inventory_stream.ledger.state import PartitionState, line_at
from models.outcomes import Outcome
from models.paths import CHANNEL, COMMON, SALE
from models.rows import Breakdown, FenceRow, Line, PoolRow, ReservationRow

Offer = tuple[int, int]
"""What a path offers at a position: units of its own pool or fence, and common ones besides."""


def pool_at(position: Position, path: str) -> PoolRow | None:
    """Give the pool of a sale's path at a position, open or closed."""
    claims = position.claims
    return None if claims is None else claims.pools.get(path[len(SALE) :])


def offer(position: Position, path: str, arrival_ms: int) -> Offer:
    """Say what a path can grant at a position to what arrived at a time, within what there is (R3)."""
    claims = position.claims
    if path == COMMON:
        return 0, max(0, position.available_to_promise)
    if path.startswith(SALE):
        pool = None if claims is None else claims.pools.get(path[len(SALE) :])
        own = 0 if pool is None or not is_selling(pool, arrival_ms) else pool.unsold
        common = 0
    else:
        free = position.available_to_promise
        fence = None if claims is None else claims.fences.get(path[len(CHANNEL) :])
        own = 0 if fence is None else fence.units
        common = max(0, free) if fence is None or fence.spill_over else 0
    # Fences are covered after every command (R4), but between two of its steps they may not be.
    covered = max(0, position.uncommitted)
    own = min(own, covered)
    return own, min(common, covered - own)


def closed_to(asked: Sequence[Position], path: str, arrival_ms: int) -> Outcome | None:
    """Say why a sale grants nothing at the locations asked, whatever there is; None where it may (R15).

    At several locations one open pool is enough.
    """
    if not path.startswith(SALE):
        return None
    if len(asked) == 1:  # what a flash sale asks thousands of times a second
        pool = pool_at(asked[0], path)
        if pool is not None and is_selling(pool, arrival_ms):
            return None
    pools = [pool for pool in (pool_at(position, path) for position in asked) if pool is not None]
    if not pools:
        return Outcome.UNKNOWN_SALE
    if any(is_selling(pool, arrival_ms) for pool in pools):
        return None
    is_early = any(not pool.closed_ms and arrival_ms < pool.starts_ms for pool in pools)
    return Outcome.SALE_NOT_OPEN if is_early else Outcome.SALE_CLOSED


def is_selling(pool: PoolRow, arrival_ms: int) -> bool:
    """Whether a sale is open to what arrived at a time: from its start to its end, both included."""
    return not pool.closed_ms and pool.starts_ms <= arrival_ms <= pool.ends_ms


def draw(
    batch: Batch, position: Position, reservation: ReservationRow, line: Line, units: int, own: int
) -> None:
    """Take up to `own` of the units of a grant from the pool or fence; the rest is common.

    The line and the position have the units already. The caller touches the position.
    """
    taken = min(units, own)
    claims = position.claims
    if not taken or claims is None:
        return
    path = reservation.path
    was_held = held_of(line)
    line.from_path += taken
    position.fenced -= taken
    owner: PoolRow | FenceRow
    if path.startswith(SALE):
        owner = claims.pools[path[len(SALE) :]]
        owner.drawn += taken
    else:
        owner = claims.fences[path[len(CHANNEL) :]]
        owner.units -= taken
    batch.put(claims.key_of(path, owner), owner)
    claims.note_held(reservation, held_of(line) - was_held)


def unreserve(position: Position, reservation: ReservationRow, line: Line, units: int) -> None:
    """Take units out of reserved, in line and position; the caller says where they went."""
    was_held = held_of(line)
    line.reserved -= units
    position.reserved -= units
    if not line.reserved:
        position.unhold(reservation.deadline_ms)
    if was_held:
        note_held(position, reservation, line, was_held)


def leave(position: Position, reservation: ReservationRow, line: Line, units: int) -> int:
    """Let units of a line go that were shipped or moved: those of its path first; gives how many of them."""
    taken = min(units, line.from_path)
    if taken:
        was_held = held_of(line)
        line.from_path -= taken
        note_held(position, reservation, line, was_held)
    return taken


def free(
    state: PartitionState,
    batch: Batch,
    position: Position,
    reservation: ReservationRow,
    line: Line,
    units: int,
) -> None:
    """Let units of a line go that are free again, those of its path first (R22, R23).

    They go to the pool that is open, or to the fence that exists; else, and all others, to common. The
    customer has them no more. The line says already what became of them; the caller touches the position.
    """
    taken = leave(position, reservation, line, units)
    claims = position.claims
    if taken and claims is not None:
        owner = claims.owner_of(reservation)
        if isinstance(owner, PoolRow):
            owner.drawn -= taken
        elif owner is not None:
            owner.units += taken
        if owner is not None:
            batch.put(claims.key_of(reservation.path, owner), owner)
            position.fenced += taken
    if reservation.limits:
        give_back(state, batch, reservation, units)


def note_held(position: Position, reservation: ReservationRow, line: Line, was_held: int) -> None:
    """Count a change of what a line holds of its path; `was_held` is `held_of` it before."""
    if position.claims is not None:
        position.claims.note_held(reservation, held_of(line) - was_held)


def hoped(position: Position, path: str, arrival_ms: int, but: ReservationRow | None = None) -> int:
    """What a path could offer at a position if all reservations there expired, `but` one (R15)."""
    claims = position.claims
    line = line_at(but, position.location) if but is not None else None
    freed = position.available_to_promise + position.reserved - (line.reserved if line is not None else 0)
    if claims is None:
        return 0 if path.startswith(SALE) else freed
    held = sum(claims.held.values())
    own = offer(position, path, arrival_ms)[0] + claims.held.get(path, 0)
    if but is not None and line is not None and claims.owner_of(but) is not None:
        held -= held_of(line)
        own -= held_of(line) if but.path == path else 0
    fence = claims.fences.get(path[len(CHANNEL) :]) if path.startswith(CHANNEL) else None
    if path.startswith(SALE) or (fence is not None and not fence.spill_over):
        return own
    return own + max(0, freed - held)


def sells_to(position: Position, reservation: ReservationRow) -> bool:
    """Whether a position's pool of a reservation's sale, if it has one, is its own.

    One that was opened after the reservation is another, and would not get its units back (R22).
    """
    if not reservation.path.startswith(SALE):
        return True
    pool = pool_at(position, reservation.path)
    return pool is None or reservation.created_ms >= pool.opened_ms


def offered_more(position: Position, reservation: ReservationRow, arrival_ms: int) -> Offer:
    """Say what a reservation may have more of by its path, as `offer` (R19, R20)."""
    return offer(position, reservation.path, arrival_ms) if sells_to(position, reservation) else (0, 0)


def offered_again(position: Position, reservation: ReservationRow, arrival_ms: int) -> Offer | None:
    """Say what a late confirm may have there: the pool while it sells, then common unless forbidden (R17).

    None where it is forbidden: nothing, and not by waiting either. A pool that is forgotten may have
    forbidden it. What was rerouted from the one location asked is common (R19).
    """
    path = reservation.path
    common = 0, max(0, position.available_to_promise)
    if not path.startswith(SALE):
        return offer(position, path, arrival_ms)
    if reservation.location not in {None, position.location}:
        return common
    pool = pool_at(position, path)
    if pool is None or not sells_to(position, reservation):
        return None
    if is_selling(pool, arrival_ms):
        return offer(position, path, arrival_ms)
    return common if pool.late_from_common else None


def may_wait_at(position: Position, path: str, arrival_ms: int) -> bool:
    """Whether what a path cannot cover at a position may wait there (R3, R24).

    Only where the path is open and may have all that is common: else who waits would get, by the next
    fill, the very units that the path does not offer.
    """
    if closed_to((position,), path, arrival_ms) is not None:
        return False
    return position.available_to_promise <= offer(position, path, arrival_ms)[1]


def breakdown_on(asked: Sequence[Position], path: str, arrival_ms: int) -> Breakdown:
    """Give the numbers behind a refusal, with what the path offered where it is not the common one."""
    why_not = breakdown_of(asked)
    if path != COMMON:
        why_not.path_units = sum(sum(offer(position, path, arrival_ms)) for position in asked)
    return why_not
