"""What must hold of a partition after every command: for tests, the simulation and `ledger verify`.

Pure, and independent of how decisions are made: everything is recomputed from the reservations and
receipts. Costs a walk over all of them, so no worker runs it.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Final, NamedTuple

from inventory_stream.ledger.claims import Claims, held_of, is_live, times_of, waiting_of
from inventory_stream.ledger.limits import standing_limit
from inventory_stream.ledger.position import Position
from inventory_stream.ledger.reservations import each, opened
from inventory_stream.ledger.rules import ANSWERS_MAX, COMMANDS_MAX
from inventory_stream.ledger.state import PartitionState
from models.outcomes import Outcome
from models.rows import PositionRow, ReservationRow

_ID_HASH_BYTES: Final = 8
_COUNTERS: Final = (
    "granted",
    "reserved",
    "allocated",
    "fulfilled",
    "released",
    "expired",
    "cancelled",
    "revoked",
    "returned",
    "backordered",
    "backorders_confirmed",
)
_QUANTITIES: Final = (
    "on_hand",
    "unavailable",
    "reserved",
    "allocated",
    "safety_stock",
    "fenced",
    "in_transit",
)


class Violation(NamedTuple):
    """One broken rule: its number in semantics, the row it was seen at, and the figures."""

    rule: str
    where: str
    detail: str


def violations(state: PartitionState) -> Iterator[Violation]:
    """Yield what is wrong with a state between two commands; nothing when all is well."""
    for check in CHECKS:
        yield from check(state)


def assert_sound(state: PartitionState) -> None:
    """Raise AssertionError, naming every broken rule, unless the state keeps all of them."""
    found = list(violations(state))
    assert not found, "; ".join(f"{rule} at {where}: {detail}" for rule, where, detail in found)


def grant_violations(state: PartitionState, reservation_id: str) -> Iterator[Violation]:
    """I2: right after a reservation was granted, neither its path nor physical stock is below zero.

    Only to be asked between the grant and the next command: facts may take away what was covered.
    """
    reservation = state.reservations[reservation_id]
    for line in reservation.lines:
        position = state.skus[reservation.sku][line.location]
        held = line.reserved + line.allocated
        # What all came from a pool or fence leaves the common path as it was, even below zero.
        offered = position.available_to_promise if held > line.from_path else position.uncommitted
        if held and min(offered, position.uncommitted) < 0:
            yield Violation(
                "I2",
                _name(position),
                f"granted {reservation_id}, but ATP is {position.available_to_promise} "
                f"and uncommitted {position.uncommitted}",
            )


def version_violations(before: PositionRow | None, after: PositionRow) -> Iterator[Violation]:
    """I5, of two consecutive rows of one position: a version stands for one set of quantities."""
    known = before.version if before else 0
    changed = any(getattr(before, name, 0) != getattr(after, name) for name in _QUANTITIES)
    if after.version < known or (changed and after.version == known):
        yield Violation(
            "I5", f"p/{after.sku}/{after.location}", f"version {known}, then {after.version} after a change"
        )


def _reserved_and_allocated(state: PartitionState) -> Iterator[Violation]:
    """I1: reserved and allocated are the sums over reservation lines and planned transfers (R12)."""
    reserved: Counter[tuple[str, str]] = Counter()
    allocated: Counter[tuple[str, str]] = Counter()
    for row in state.reservations.values():
        for line in row.lines:
            reserved[row.sku, line.location] += line.reserved
            allocated[row.sku, line.location] += line.allocated
    for transfer in state.transfers.values():
        allocated[transfer.sku, transfer.from_location] += transfer.planned
    for position in state.positions():
        place = position.sku, position.location
        held = reserved.pop(place, 0), allocated.pop(place, 0)
        if held != (position.reserved, position.allocated):
            yield Violation(
                "I1",
                _name(position),
                f"reserved {position.reserved}, allocated {position.allocated}; rows say {held}",
            )
    for sku, location in sorted((+reserved + +allocated).keys()):
        yield Violation("I1", f"p/{sku}/{location}", "lines or transfers without a position")


def _in_transit(state: PartitionState) -> Iterator[Violation]:
    """R12: a position's in_transit is the sum over transfers to it; their units are somewhere."""
    on_the_way: Counter[tuple[str, str]] = Counter()
    for row in state.transfers.values():
        on_the_way[row.sku, row.to_location] += row.in_transit
        arrived = row.shipped - row.in_transit - row.lost
        if min(row.planned, row.shipped, row.in_transit, row.lost, arrived) < 0:
            yield Violation("R12", f"s/transfer/{row.transfer_id}", f"{row}")
        if bool(row.ended_ms) == bool(row.planned + row.in_transit):
            yield Violation("R29", f"s/transfer/{row.transfer_id}", f"ended at {row.ended_ms}: {row}")
    for position in state.positions():
        expected = on_the_way.pop((position.sku, position.location), 0)
        if expected != position.in_transit:
            yield Violation(
                "R12", _name(position), f"in_transit {position.in_transit}, transfers say {expected}"
            )
    for sku, location in sorted((+on_the_way).keys()):
        yield Violation("R12", f"p/{sku}/{location}", "transfers without a position")


def _ended_documents(state: PartitionState) -> Iterator[Violation]:
    """R29: what has ended is found for folding, and counted once."""
    ended = {(ended_ms, key) for key, ended_ms in state.documents() if ended_ms}
    if not ended <= set(state.ended_documents) or len(ended) != state.ended_documents_kept:
        yield Violation("R29", "ended documents", f"{state.ended_documents_kept} counted, {len(ended)} ended")


def _ended_reservations(state: PartitionState) -> Iterator[Violation]:
    """R29: reservations that ended, and those that were refused, are found for folding, and counted once."""
    for refused, queue, kept in (
        (False, state.ended, state.ended_kept),
        (True, state.refused, state.refused_kept),
    ):
        over = {
            (row.ended_ms, row.reservation_id)
            for row in state.reservations.values()
            if row.ended_ms and bool(row.lines) is not refused
        }
        if not over <= set(queue) or len(over) != kept:
            name = "refused" if refused else "ended"
            yield Violation("R29", f"{name} reservations", f"{kept} counted, {len(over)} {name}")


def _answers(state: PartitionState) -> Iterator[Violation]:
    """I3: a command id has one answer in its reservation, and every command is counted (R27)."""
    for row in state.reservations.values():
        ids = [answer.command_id for answer in row.answers]
        counted = len(ids) + len(row.older) // _ID_HASH_BYTES
        if len(set(ids)) != len(ids) or counted != row.commands or len(ids) > ANSWERS_MAX:
            yield Violation("I3", _row(row), f"{row.commands} commands, answers {ids}, {counted} counted")
        if row.commands > COMMANDS_MAX:
            yield Violation("R27", _row(row), f"{row.commands} commands")


def _on_hand(state: PartitionState) -> Iterator[Violation]:
    """I4: on_hand is the base plus what the kept receipts and reservations moved."""
    moved: Counter[tuple[str, str]] = Counter()
    for receipt in state.receipts.rows():
        for movement in receipt.movements:
            moved[receipt.sku or "", movement.location] += movement.delta
    for row in state.reservations.values():
        for line in row.lines:
            moved[row.sku, line.location] += line.moved
    for position in state.positions():
        expected = position.base + moved[position.sku, position.location]
        if expected != position.on_hand:
            yield Violation("I4", _name(position), f"on_hand {position.on_hand}, base and deltas {expected}")


def _quantities(state: PartitionState) -> Iterator[Violation]:
    """R1, R2, R6: only on_hand may be negative; nothing is reserved that is not covered (R11)."""
    for position in state.positions():
        if not position.version:
            yield Violation("I8", _name(position), "known, but never written: a recovery does not find it")
        for name in _QUANTITIES[1:]:
            if getattr(position, name) < 0:
                yield Violation("R1", _name(position), f"{name} is {getattr(position, name)}")
        waiting = position in state.to_revoke or not state.rules.revoke_on_shortfall
        if position.reserved and position.uncommitted < 0 and not waiting:
            yield Violation(
                "R11",
                _name(position),
                f"{position.reserved} reserved while uncommitted is {position.uncommitted}",
            )


def _early(state: PartitionState) -> Iterator[Violation]:
    """R21: what waits for an order is what the receipts say waits, in one order, counted once."""
    in_receipts = [id(row) for row in state.receipts.rows() if row.outcome == Outcome.REMEMBERED]
    waiting = [row for rows in state.early.values() for row in rows]
    if sorted(map(id, waiting)) != sorted(in_receipts) or len(waiting) != state.early_kept:
        yield Violation(
            "R21",
            "early commands",
            f"{state.early_kept} counted, {len(waiting)} wait, {len(in_receipts)} kept",
        )


def _lines(state: PartitionState) -> Iterator[Violation]:
    """R16: the units of a line are somewhere, and no more come back than went out."""
    for row in state.reservations.values():
        for line in row.lines:
            figures = {name: getattr(line, name) for name in _COUNTERS}
            apart = sum(figures.values()) - line.granted - line.returned
            if apart != line.granted or line.returned > line.fulfilled or min(figures.values()) < 0:
                yield Violation("R16", f"{_row(row)} at {line.location}", str(figures))
        places = [line.location for line in row.lines]
        if len(set(places)) != len(places):
            yield Violation("R16", _row(row), f"two lines at one location: {places}")
        open_units = sum(line.reserved + line.allocated + waiting_of(line) for line in row.lines)
        if bool(row.ended_ms) == bool(open_units):
            yield Violation("R29", _row(row), f"ended at {row.ended_ms} with {open_units} units open")


def _fenced(state: PartitionState) -> Iterator[Violation]:
    """I1, R4: fenced is the sum of unsold and unused units, and no more than is uncommitted."""
    for position in state.positions():
        claims = position.claims or Claims()
        if position.fenced != claims.fenced():
            yield Violation(
                "I1", _name(position), f"fenced {position.fenced}, pools and fences say {claims.fenced()}"
            )
        if position.fenced > max(0, position.uncommitted):
            yield Violation(
                "R4", _name(position), f"fenced {position.fenced} of {position.uncommitted} uncommitted"
            )
        for fence in claims.fences.values():
            if fence.units < 0:
                yield Violation("R3", _name(position), f"{fence}")


def _pools(state: PartitionState) -> Iterator[Violation]:
    """R3, R18, R22: a pool has sold what its lines hold at least, and no more than it has."""
    in_lines: Counter[int] = Counter()
    for row in state.reservations.values():
        for line in row.lines:
            if not 0 <= line.from_path <= line.reserved + line.allocated:
                yield Violation("R16", f"{_row(row)} at {line.location}", f"{line.from_path} from its path")
            claims = state.position(row.sku, line.location).claims
            if line.from_path and claims is not None:
                in_lines[id(claims.owner_of(row))] += line.from_path
    for key, pool in state.pools.items():
        claims = state.position(pool.sku, pool.location).claims
        if claims is None or claims.pools.get(pool.sale_id) is not pool:
            yield Violation("I8", key.decode(), "not found at its position")
        # What was shipped or rerouted stays sold, so the lines may hold less than was drawn.
        if not in_lines[id(pool)] <= pool.drawn <= (pool.units if pool.is_fenced else 0):
            yield Violation("R3", key.decode(), f"{pool}, and its lines hold {in_lines[id(pool)]}")
        if any((at_ms, step, key) not in state.timed for at_ms, step in times_of(pool)):
            yield Violation("R18", key.decode(), f"{times_of(pool)} not awaited")


def _held(state: PartitionState) -> Iterator[Violation]:
    """R15: what a path would get back if reservations expired is what its lines hold."""
    expected: dict[Position, Counter[str]] = defaultdict(Counter)
    for row in state.reservations.values():
        for line in row.lines:
            position = state.position(row.sku, line.location)
            if position.claims is not None and position.claims.owner_of(row) is not None:
                expected[position][row.path] += held_of(line)
    for position in state.positions():
        kept = +Counter({} if position.claims is None else position.claims.held)
        if kept != +expected[position]:
            yield Violation(
                "R15", _name(position), f"held {dict(kept)}, lines say {dict(expected[position])}"
            )


def _limits(state: PartitionState) -> Iterator[Violation]:
    """R23: a customer's use of a limit counts all that the reservations hold or have shipped."""
    counted: Counter[tuple[str, str]] = Counter()
    for row in state.reservations.values():
        for name in row.limits:
            limit = standing_limit(state, name)
            # Not of one ms: a limit that was over may have been stated again in it.
            if limit is not None and row.created_ms > limit.opened_ms:
                counted[name, row.customer or ""] += sum(
                    line.granted - line.released - line.expired - line.cancelled - line.revoked
                    for line in row.lines
                )
    for place, units in counted.items():
        use = state.limit_uses.get(place)
        # The use may count more: what was shipped counts on when its reservation is folded.
        if units > (0 if use is None else use.units):
            yield Violation("R23", f"limit {place}", f"{use}, reservations say {units}")
    awaited = {key for _, key in state.limits_over}
    for ends_ms, key in state.limit_ends():
        if key not in awaited:
            yield Violation("R23", key.decode(), f"ends at {ends_ms}, which nobody awaits")


def _indexes(state: PartitionState) -> Iterator[Violation]:
    """R11, R15, R18: what is live is found by its deadline, by its position, and in the earliest deadline."""
    holds: dict[Position, Counter[int]] = defaultdict(Counter)
    for row in state.reservations.values():
        if is_live(row):
            found = each(state.due.get(row.deadline_ms, ()))
            if not any(row is opened(other) for other in found) or row.deadline_ms not in state.deadlines:
                yield Violation("R18", _row(row), f"deadline {row.deadline_ms} is not scheduled")
        for line in row.lines:
            position = state.position(row.sku, line.location)
            if line.reserved:
                holds[position][row.deadline_ms] += 1
            listed = any(row is other for other in position.reservations)
            if line.reserved + line.allocated + waiting_of(line) and not listed:
                yield Violation("R11", _row(row), f"not listed at {_name(position)}")
    for position in state.positions():
        kept = Counter({deadline: count for deadline, count in position.holds.items() if count})
        expected = holds[position]
        earliest = min(expected, default=0)
        if kept != expected or position.earliest_deadline_ms() != earliest:
            yield Violation("R15", _name(position), f"deadlines {dict(kept)}, lines say {dict(expected)}")


def _waiting(state: PartitionState) -> Iterator[Violation]:
    """R24: what waits is counted by its limit and found in its queue, and nothing waits beside free units."""
    waiting: Counter[tuple[str, str]] = Counter()
    for row in state.reservations.values():
        for line in row.lines:
            if waiting_of(line):
                waiting[row.sku, line.location] += waiting_of(line)
                claims = state.position(row.sku, line.location).claims
                if claims is None or (row.created_ms, row.reservation_id) not in claims.waiting:
                    yield Violation("R24", _row(row), f"waits at {line.location}, but in no queue")
    for position in state.positions():
        limit = position.claims.backorder if position.claims is not None else None
        units = waiting.pop((position.sku, position.location), 0)
        if units != (limit.used if limit is not None else 0):
            yield Violation("R24", _name(position), f"{limit}, but lines say that {units} units wait")
        if units and position.available_to_promise > 0 and position not in state.to_fill:
            yield Violation("R24", _name(position), f"{units} units wait beside free ones")


def _movements(state: PartitionState) -> Iterator[Violation]:
    """R8: the kept movements are those later than the last count and the horizon that are still in rows."""
    in_rows: dict[tuple[str, str], Counter[tuple[int, int]]] = defaultdict(Counter)
    of_receipts = ((row.sku or "", row.movements) for row in state.receipts.rows())
    of_answers = (
        (row.sku, answer.movements) for row in state.reservations.values() for answer in row.answers
    )
    for sku, movements in chain(of_receipts, of_answers):
        for movement in movements:
            if movement.delta:
                in_rows[sku, movement.location][movement.effective_at_ms, movement.delta] += 1
    for position in state.positions():
        since = max(position.sync_at_ms, position.horizon_ms)
        later = in_rows[position.sku, position.location]
        expected = Counter({entry: count for entry, count in later.items() if entry[0] > since})
        kept = Counter(position.movements)
        if kept != expected:
            yield Violation("R8", _name(position), f"keeps {sorted(kept)}, rows say {sorted(expected)}")


CHECKS: Final[tuple[Callable[[PartitionState], Iterator[Violation]], ...]] = (
    _reserved_and_allocated,
    _in_transit,
    _ended_documents,
    _ended_reservations,
    _answers,
    _on_hand,
    _quantities,
    _early,
    _lines,
    _fenced,
    _pools,
    _held,
    _limits,
    _indexes,
    _waiting,
    _movements,
)
"""Every check of a state, in the order in which `violations` asks them."""


def _name(position: Position) -> str:
    return position.key.decode()


def _row(reservation: ReservationRow) -> str:
    return f"r/{reservation.reservation_id}"
