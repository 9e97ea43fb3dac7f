"""Sums what the rows say happened; holds every figure and every grant against the sum (I1, I2, I4, I5, I7).

Nothing here is taken from a position's own row but to be compared: on_hand is the sum of deltas, reserved
and allocated are the sums of lines and planned transfers, at every single row.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from models.commands import Command, PlanTransfer, Reroute, Reserve, Return
from models.outcomes import Outcome
from models.rows import (
    FIRST_ANSWER,
    TRANSFER_PREFIX,
    Answer,
    BackorderRow,
    Breakdown,
    FenceRow,
    IncomingRow,
    Line,
    LocationGroupRow,
    Movement,
    PoolRow,
    PositionRow,
    ReceiptRow,
    ReservationRow,
    Row,
    TransferRow,
)
from tests.simulation.audit_answers import Decided
from tests.simulation.audit_batches import LiveBatch, Sifted
from tests.simulation.evidence import Violation

Spot = tuple[str, str]
"""SKU and location."""
GRANTS: Final = frozenset(
    {
        Outcome.GRANTED,
        Outcome.PARTIALLY_GRANTED,
        Outcome.CONFIRMED_LATE,
        Outcome.REROUTED,
        Outcome.UNITS_SET,
        Outcome.TRANSFER_PLANNED,
    }
)
"""What promises units that were free (I2)."""
_REFUSALS: Final = frozenset({Outcome.SOLD_OUT, Outcome.ALL_RESERVED, Outcome.NO_SINGLE_LOCATION})
_LINE_PARTS: Final = (
    "reserved",
    "allocated",
    "fulfilled",
    "released",
    "expired",
    "cancelled",
    "revoked",
    "backordered",
    "backorders_confirmed",
)
_Claim = PoolRow | FenceRow | BackorderRow


@dataclass
class Figures:
    """One position by the rows so far."""

    on_hand: int = 0
    unavailable: int = 0
    unavailable_at_ms: int = 0
    reserved: int = 0
    allocated: int = 0
    safety_stock: int = 0
    in_transit: int = 0
    is_claimed: bool = False
    """Whether there are pools, fences or backorders: their rows tell how it ends, not each step (R4)."""
    kept: int = 0
    """Deltas of the rows that are still there: on_hand less the base (I4)."""

    @property
    def uncommitted(self) -> int:
        """R2."""
        return self.on_hand - self.unavailable - self.reserved - self.allocated

    @property
    def free(self) -> int:
        """ATP (R2)."""
        return self.uncommitted - self.safety_stock


class FigureAudit:
    """Goes through the rows that count, in order.

    Args:
        sifted: The log.
        decided: Each command with its answer, as `AnswerAudit` matched them.
        revokes: Whether the rules revoke on a shortfall.
    """

    def __init__(self, sifted: Sifted, decided: Iterable[Decided], *, revokes: bool) -> None:
        self.violations: list[Violation] = []
        self._sifted = sifted
        self._revokes = revokes
        self._commands: dict[tuple[int, int], Command] = {
            (one.batch.base, one.row_index): one.command for one in decided
        }
        self._spots: dict[Spot, Figures] = {}
        self._lines: dict[bytes, tuple[str, dict[str, Line]]] = {}
        self._receipts: dict[bytes, tuple[str, tuple[Movement, ...]]] = {}
        self._transfers: dict[bytes, TransferRow] = {}
        self._claims: dict[bytes, _Claim] = {}
        self._groups: dict[str, tuple[str, ...]] = {}
        self._positions: dict[Spot, PositionRow] = {}
        self._touched: set[Spot] = set()
        self._named: dict[Spot, set[int]] = defaultdict(set)
        self._short: set[Spot] = set()
        self._revoked: set[Spot] = set()
        self._base = 0

    def run(self) -> None:
        """Judge all of it."""
        for batch in self._sifted.live:
            self._base = batch.base
            self._touched.clear()
            self._named.clear()
            self._revoked.clear()
            for _, row in batch.rows:
                if isinstance(row, _Claim):
                    self._spots.setdefault((row.sku, row.location), Figures()).is_claimed = True
            for index, (key, row) in enumerate(batch.rows):
                self._take(key, row, self._commands.get((batch.base, index)))
            self._close(batch)

    def _find(self, rule: str, where: object, detail: str) -> None:
        self.violations.append(Violation(rule, f"offset {self._base}, {where}", detail))

    def _at(self, sku: str, location: str) -> Figures:
        spot = sku, location
        self._touched.add(spot)
        return self._spots.setdefault(spot, Figures())

    # --- rows ------------------------------------------------------------------------------------

    def _take(self, key: bytes, row: Row | None, command: Command | None) -> None:
        if key.startswith(b"r/"):
            assert row is None or isinstance(row, ReservationRow)
            risen = self._take_lines(key, row)
            if row is not None and row.answered >= 0:
                answer = row.answers[row.answered]
                self._take_reservation_answer(row, answer, command, risen)
        elif key.startswith(b"c/"):
            assert row is None or isinstance(row, ReceiptRow)
            self._take_receipt(key, row, command)
        elif key.startswith(TRANSFER_PREFIX):
            assert row is None or isinstance(row, TransferRow)
            self._take_transfer(key, row)
        elif isinstance(row, _Claim) or key in self._claims:
            assert row is None or isinstance(row, _Claim)
            self._take_claim(key, row)
        elif isinstance(row, LocationGroupRow):
            self._groups[row.group] = row.locations
        elif isinstance(row, PositionRow):
            self._compare(row)
        elif row is not None and not isinstance(row, IncomingRow):
            assert key.startswith(b"s/"), key

    def _take_lines(self, key: bytes, row: ReservationRow | None) -> dict[str, int]:
        """Apply what changed in a reservation; gives by how much each location's promise grew."""
        sku, before = self._lines.pop(key, ("", {}))
        if row is not None:
            if before and sku != row.sku:
                self._find("R28", key, f"held {sku} and is now about {row.sku}")
            sku = row.sku
            self._lines[key] = row.sku, {line.location: line for line in row.lines}
        risen: dict[str, int] = {}
        now = {line.location: line for line in row.lines} if row is not None else {}
        for location in {**before, **now}:
            old, new = before.get(location), now.get(location)
            moved = (new.moved if new else 0) - (old.moved if old else 0)
            if row is None:  # folded: its delta belongs to the base from now on (R29)
                assert old is not None
                self._at(sku, location).kept -= old.moved
                if old.reserved or old.allocated:
                    self._find("R29", key, f"forgotten with open units: {old}")
                continue
            assert new is not None, f"a line of {key!r} is gone"
            self._check_line(key, new)
            figures = self._at(sku, location)
            reserved = new.reserved - (old.reserved if old else 0)
            allocated = new.allocated - (old.allocated if old else 0)
            if new.revoked > (old.revoked if old else 0):
                self._revoked.add((sku, location))
            if not (moved or reserved or allocated):
                continue
            self._named[sku, location].add(new.version)
            figures.reserved += reserved
            figures.allocated += allocated
            figures.on_hand += moved
            figures.kept += moved
            if reserved + allocated > 0:
                risen[location] = reserved + allocated
        return risen

    def _check_line(self, key: bytes, line: Line) -> None:
        parts = [getattr(line, name) for name in _LINE_PARTS]
        if sum(parts) != line.granted or min(parts) < 0 or not 0 <= line.returned <= line.fulfilled:
            self._find("R16", f"{key.decode()} at {line.location}", f"{line}")

    def _take_receipt(self, key: bytes, row: ReceiptRow | None, command: Command | None) -> None:
        sku, before = self._receipts.pop(key, ("", ()))
        if row is None:
            for movement in before:
                self._at(sku, movement.location).kept -= movement.delta
            return
        self._receipts[key] = row.sku or "", row.movements
        change: Counter[Spot] = Counter()
        for movement in before:
            change[sku, movement.location] -= movement.delta
        for movement in row.movements:
            spot = row.sku or "", movement.location
            change[spot] += movement.delta
            self._at(*spot)
            if row.repeat == FIRST_ANSWER and not before:
                self._named[spot].add(movement.version)
        for spot, delta in change.items():
            self._at(*spot).on_hand += delta
            self._at(*spot).kept += delta
        # What moved units when it came too early moves none when its order comes (R21).
        if row.repeat == FIRST_ANSWER and command is not None and not before:
            self._take_first_receipt(row, command)

    def _take_first_receipt(self, row: ReceiptRow, command: Command) -> None:
        if row.outcome == Outcome.APPLIED and row.kind in {"unavailable", "safety_stock"}:
            (movement,) = row.movements
            figures = self._at(row.sku or "", movement.location)
            setattr(figures, row.kind, row.units)
            if row.kind == "unavailable":
                figures.unavailable_at_ms = movement.effective_at_ms
        self._take_held_back(command, row.sku or "", row.movements)
        outcome = Outcome(row.outcome)
        if isinstance(command, PlanTransfer):
            if outcome in GRANTS:
                self._check_grant(row.command_id, row.sku or "", {command.from_location: row.units})
            elif outcome in _REFUSALS:
                figures = self._spots.get((row.sku or "", command.from_location), Figures())
                if figures.free >= command.units and not figures.is_claimed:
                    self._find("I7", row.command_id, f"{outcome.name} of {command.units}: {figures}")

    def _take_transfer(self, key: bytes, row: TransferRow | None) -> None:
        before = self._transfers.pop(key, None)
        for sign, one in ((-1, before), (1, row)):
            if one is not None:
                self._at(one.sku, one.from_location).allocated += sign * one.planned
                self._at(one.sku, one.to_location).in_transit += sign * one.in_transit
        if row is not None:
            self._transfers[key] = row

    def _take_claim(self, key: bytes, row: _Claim | None) -> None:
        """R3, R4: a pool has sold no more than it has; what is set aside is the position's to say."""
        before = self._claims.pop(key, row)
        if row is not None:
            self._claims[key] = row
        if isinstance(row, PoolRow) and not 0 <= row.drawn <= (row.units if row.is_fenced else 0):
            self._find("R3", key.decode(), f"{row}")
        if isinstance(row, FenceRow) and row.units < 0:
            self._find("R3", key.decode(), f"{row}")
        if before is not None:
            self._touched.add((before.sku, before.location))

    def _fenced(self, spot: Spot) -> int:
        claims = [row for row in self._claims.values() if (row.sku, row.location) == spot]
        unsold = sum(row.unsold for row in claims if isinstance(row, PoolRow))
        return unsold + sum(row.units for row in claims if isinstance(row, FenceRow))

    def _take_held_back(self, command: Command, sku: str, movements: tuple[Movement, ...]) -> None:
        """Units that came back unsellable are held back, unless a later statement knew of them (R22)."""
        if isinstance(command, Return) and not command.sellable:
            for movement in movements:
                figures = self._at(sku, movement.location)
                if movement.effective_at_ms > figures.unavailable_at_ms:
                    figures.unavailable += command.units

    # --- answers ---------------------------------------------------------------------------------

    def _take_reservation_answer(
        self, row: ReservationRow, answer: Answer, command: Command | None, risen: dict[str, int]
    ) -> None:
        for movement in answer.movements if row.repeat == FIRST_ANSWER else ():
            self._named[row.sku, movement.location].add(movement.version)
        if row.repeat != FIRST_ANSWER:
            if risen:
                self._find("I3", row.reservation_id, f"a repeat moved units: {risen}")
            return
        if command is not None:
            self._take_held_back(command, row.sku, answer.movements)
        outcome = Outcome(answer.outcome)
        if outcome in GRANTS and answer.kind != "record_order":
            uses_safety = isinstance(command, Reroute) and command.use_safety_stock
            self._check_grant(answer.command_id, row.sku, risen, uses_safety=uses_safety)
        if isinstance(command, Reserve):
            self._check_refusal(command, answer, outcome)

    def _check_grant(
        self, command_id: str, sku: str, risen: dict[str, int], *, uses_safety: bool = False
    ) -> None:
        """I2: right after a grant neither its path nor what lies there is below zero."""
        for location in risen:
            figures = self._spots[sku, location]
            is_bounded = not uses_safety and not figures.is_claimed
            if figures.uncommitted < 0 or (figures.free < 0 and is_bounded):
                self._find("I2", f"{command_id} at {sku}/{location}", f"granted, and then {figures}")

    def _check_refusal(self, command: Reserve, answer: Answer, outcome: Outcome) -> None:
        """I7: nobody is turned away while the asked path and place could cover the units."""
        asked = list(self._asked(command))
        told = answer.breakdown
        if any(figures.is_claimed for figures in asked) or command.path != "common":
            self._check_claimed_refusal(command, told, outcome)
            return
        free = [max(0, figures.free) for figures in asked]
        most = max(free, default=0) if command.strategy == "first_fit" or command.location else sum(free)
        if outcome in _REFUSALS and most >= (1 if command.allow_partial else command.units):
            self._find("I7", command.id, f"{outcome.name} of {command.units}, but free are {free}")
        if outcome is Outcome.UNKNOWN_SKU and any(sku == command.sku for sku in self._skus()):
            self._find("I7", command.id, f"{command.sku} is known")
        if outcome is Outcome.NO_SINGLE_LOCATION and sum(free) < command.units:
            self._find("I7", command.id, f"together there are only {free}")
        hoped = [max(0, figures.free + figures.reserved) for figures in asked]
        hope = max(hoped, default=0) if command.strategy == "first_fit" or command.location else sum(hoped)
        if outcome is Outcome.SOLD_OUT and hope >= command.units:
            self._find("R15", command.id, f"SOLD_OUT of {command.units}, but {hoped} may become free")
        if told is not None and outcome in _REFUSALS:
            self._check_breakdown(command.id, told, asked)

    def _check_claimed_refusal(self, command: Reserve, told: Breakdown | None, outcome: Outcome) -> None:
        """I7 where units are set aside: by what the refusal says there was on its path."""
        if told is None or outcome not in _REFUSALS - {Outcome.NO_SINGLE_LOCATION}:
            return
        offered = told.available_to_promise if told.path_units is None else told.path_units
        is_one = command.location is not None or command.strategy == "split"
        if is_one and offered >= (1 if command.allow_partial else command.units):
            self._find("I7", command.id, f"{outcome.name} of {command.units}, but it says {told}")

    def _check_breakdown(self, command_id: str, told: Breakdown, asked: list[Figures]) -> None:
        for name in ("on_hand", "unavailable", "reserved", "allocated", "safety_stock"):
            there = sum(getattr(figures, name) for figures in asked)
            if getattr(told, name) != there:
                self._find("R15", command_id, f"told {name} {getattr(told, name)}, rows say {there}")

    def _asked(self, command: Reserve) -> Iterator[Figures]:
        places = (
            (command.location,) if command.location is not None else self._groups.get(command.group or "", ())
        )
        for place in places:
            if (command.sku, place) in self._spots:
                yield self._spots[command.sku, place]

    def _skus(self) -> set[str]:
        return {sku for sku, _ in self._spots}

    # --- positions -------------------------------------------------------------------------------

    def _compare(self, row: PositionRow) -> None:
        """I1, I4, I5: a position's own row against the sums."""
        spot = row.sku, row.location
        where = f"p/{row.sku}/{row.location}"
        figures = self._spots.setdefault(spot, Figures())
        before = self._positions.get(spot)
        for name in ("on_hand", "unavailable", "reserved", "allocated", "safety_stock", "in_transit"):
            if getattr(row, name) != getattr(figures, name):
                rule = "I4" if name == "on_hand" else "I1"
                self._find(rule, where, f"{name} {getattr(row, name)}, rows say {getattr(figures, name)}")
        if row.fenced != self._fenced(spot) or row.fenced > max(0, row.uncommitted):
            self._find("R4", where, f"fenced {row.fenced}, rows say {self._fenced(spot)}: {row}")
        if row.base + figures.kept != row.on_hand:
            self._find("I4", where, f"base {row.base} and kept {figures.kept} are not {row.on_hand}")
        known = before.version if before is not None else 0
        changed = before is None or _quantities(before) != _quantities(row)
        if row.version < known or (changed and row.version == known and _quantities(row) != (0,) * 6):
            self._find("I5", where, f"version {known}, then {row.version}")
        named = self._named.pop(spot, set())
        if named and not all(known < version <= row.version for version in named):
            self._find("I5", where, f"rows name versions {sorted(named)} between {known} and {row.version}")
        if named and max(named) != row.version and not figures.is_claimed:
            self._find("I5", where, f"version {row.version}, the last change names {max(named)}")
        self._positions[spot] = row
        self._touched.discard(spot)

    def _close(self, batch: LiveBatch) -> None:
        for spot in self._touched:
            row, figures = self._positions.get(spot), self._spots[spot]
            told = (
                (row.on_hand, row.unavailable, row.reserved, row.allocated, row.safety_stock, row.in_transit)
                if row is not None
                else (0,) * 6
            )
            if told != (
                figures.on_hand,
                figures.unavailable,
                figures.reserved,
                figures.allocated,
                figures.safety_stock,
                figures.in_transit,
            ):
                self._find("I1", f"p/{'/'.join(spot)}", f"changed to {figures}, and its row was not written")
        if batch.progress is None or not self._revokes:
            return
        # R11: whole lines until nothing is promised beyond what there is; the rest in the next append.
        for spot in self._short - self._revoked:
            if self._is_short(spot):
                self._find("R11", f"p/{'/'.join(spot)}", f"nothing was revoked: {self._spots[spot]}")
        self._short = {spot for spot in self._spots if self._is_short(spot)}

    def _is_short(self, spot: Spot) -> bool:
        figures = self._spots[spot]
        return bool(figures.reserved) and figures.uncommitted < 0


def _quantities(row: PositionRow) -> tuple[int, ...]:
    return row.on_hand, row.unavailable, row.reserved, row.allocated, row.safety_stock, row.in_transit
