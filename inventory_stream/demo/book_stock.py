"""The demo's own book on stock: movements, counts, transfers, goods on the way in (R7-R13)."""

from typing import Final

from inventory_stream.demo.notes import Notes, Rules, ms_of
from models.commands import (
    Adjust,
    Expect,
    PlanTransfer,
    Receive,
    ReceiveTransfer,
    ShipTransfer,
    Sync,
    TillSale,
)
from models.outcomes import Outcome


class StockPage:
    """Notes commands of stock-events; each rule gives what the command must be answered."""

    def __init__(self, notes: Notes) -> None:
        self._notes = notes
        self._announced: dict[str, int] = {}
        """Units on the way in that have not come."""
        self._transfers: dict[str, PlanTransfer] = {}
        self.rules: Final[Rules] = {
            Adjust: lambda command, at_ms: self._move(command, command.delta, at_ms),
            TillSale: lambda command, at_ms: self._move(command, -command.units, at_ms),
            Sync: self._sync,
            Expect: self._expect,
            Receive: self._receive,
            PlanTransfer: self._plan,
            ShipTransfer: self._ship,
            ReceiveTransfer: self._receive_transfer,
        }

    def _move(self, command: Adjust | TillSale, units: int, at_ms: int) -> Outcome:
        self._notes.moved((command.sku, command.location), units, ms_of(command.effective_at, at_ms))
        return Outcome.APPLIED

    def _sync(self, command: Sync, at_ms: int) -> Outcome:
        place, counted_at_ms = (command.sku, command.location), ms_of(command.effective_at, at_ms)
        shelf = self._notes.shelves[place]
        if counted_at_ms < shelf.counted_at_ms:
            return Outcome.STALE_SYNC
        shelf.counted, shelf.counted_at_ms = command.on_hand, counted_at_ms
        shelf.orders_through_ms = ms_of(command.orders_through, at_ms) if command.nets_orders else 0
        self._notes.look_for_shortfall(place)
        return Outcome.APPLIED

    def _expect(self, command: Expect, _at_ms: int) -> Outcome:
        self._announced[command.incoming_id] = command.units
        return Outcome.APPLIED

    def _receive(self, command: Receive, at_ms: int) -> Outcome:
        missing = self._announced[command.incoming_id] - command.units
        self._announced[command.incoming_id] = missing
        self._notes.moved(
            (command.sku, str(command.location)), command.units, ms_of(command.effective_at, at_ms)
        )
        if missing < 0:
            return Outcome.RECEIVE_UNMATCHED
        return Outcome.RECEIVED_SHORT if missing and command.final else Outcome.APPLIED

    def _plan(self, command: PlanTransfer, _at_ms: int) -> Outcome:
        source = command.sku, command.from_location
        if command.units > self._notes.free(source):
            return self._notes.refusal(source, command.units)
        self._notes.shelves[source].planned += command.units
        self._transfers[command.transfer_id] = command
        return Outcome.TRANSFER_PLANNED

    def _ship(self, command: ShipTransfer, at_ms: int) -> Outcome:
        plan = self._transfers[command.transfer_id]
        source, target = (command.sku, plan.from_location), (command.sku, plan.to_location)
        matched = min(command.units, self._notes.shelves[source].planned)
        self._notes.shelves[source].planned -= matched
        self._notes.shelves[target].in_transit += command.units
        self._notes.moved(source, -command.units, ms_of(command.effective_at, at_ms))
        return Outcome.APPLIED if matched == command.units else Outcome.SHIP_UNMATCHED

    def _receive_transfer(self, command: ReceiveTransfer, at_ms: int) -> Outcome:
        target = command.sku, self._transfers[command.transfer_id].to_location
        shelf = self._notes.shelves[target]
        lost = max(0, shelf.in_transit - command.units) if command.final else 0
        unknown = max(0, command.units - shelf.in_transit)
        shelf.in_transit -= command.units - unknown + lost
        self._notes.moved(target, command.units, ms_of(command.effective_at, at_ms))
        if unknown:
            return Outcome.RECEIVE_UNMATCHED
        return Outcome.RECEIVED_SHORT if lost else Outcome.APPLIED
