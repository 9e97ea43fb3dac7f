"""The demo's own book on orders: from their reservation to their return (R10, R15-R22)."""

from collections import defaultdict
from collections.abc import Callable
from typing import Final

from inventory_stream.demo.notes import Notes, Rules, ms_of
from models.commands import (
    Cancel,
    Command,
    Confirm,
    Fulfil,
    RecordOrder,
    Release,
    Reroute,
    Reserve,
    Return,
    SetUnits,
)
from models.outcomes import Outcome


class OrderPage:
    """Notes commands of order-events; each rule gives what the command must be answered."""

    def __init__(self, notes: Notes, settle: Callable[[Command, Outcome], None]) -> None:
        """`settle` hears the second answer of what came before its order (R21)."""
        self._notes = notes
        self._settle = settle
        self._early: defaultdict[str, list[tuple[Command, int]]] = defaultdict(list)
        self.rules: Final[Rules] = {
            Reserve: self._order,
            RecordOrder: self._order,
            Confirm: self._confirm,
            Release: self._release,
            Cancel: self._cancel,
            Fulfil: self._fulfil,
            Return: self._return,
            Reroute: self._reroute,
            SetUnits: self._set_units,
        }

    def _order(self, command: Reserve | RecordOrder, at_ms: int) -> Outcome:
        early = self._early.pop(command.reservation_id, [])
        if any(isinstance(one, Cancel | Release) for one, _ in early):
            for one, _ in early:
                self._settle(one, Outcome.CANCELLED if isinstance(one, Cancel) else Outcome.RELEASED)
            return Outcome.RELEASED_EARLY
        gone = [
            (ms_of(one.effective_at, arrived_ms), one.units or 0)
            for one, arrived_ms in early
            if isinstance(one, Fulfil)
        ]
        if isinstance(command, Reserve):
            outcome = self._reserve(command, sum(units for _, units in gone))
        else:
            outcome = self._record(command, gone, at_ms)
        for one, arrived_ms in early:
            if not isinstance(one, Fulfil):
                self._settle(one, self.rules[type(one)](one, arrived_ms))
            elif command.reservation_id in self._notes.orders:
                self._settle(one, Outcome.FULFILLED)
            else:
                self._settle(one, Outcome.FULFIL_UNMATCHED)
        return outcome

    def _reserve(self, command: Reserve, shipped: int) -> Outcome:
        place = command.sku, str(command.location)
        missing = command.units - shipped
        if missing > self._notes.free(place):
            return self._notes.refusal(place, missing)
        order = self._notes.new_order(command.reservation_id, place, shipped)
        order.reserved = missing
        return Outcome.GRANTED

    def _record(self, command: RecordOrder, gone: list[tuple[int, int]], at_ms: int) -> Outcome:
        place, sold_ms = (command.sku, str(command.location)), ms_of(command.ordered_at, at_ms)
        order = self._notes.new_order(command.reservation_id, place, sum(units for _, units in gone))
        order.allocated = command.units - order.shipped
        order.sold = [(sold_ms, command.units, place), *((when, -units, place) for when, units in gone)]
        is_short = bool(order.allocated) and self._notes.look_for_shortfall(place)
        return Outcome.RECORDED_SHORT if is_short else Outcome.RECORDED

    def _confirm(self, command: Confirm, at_ms: int) -> Outcome:
        order = self._notes.orders.get(command.reservation_id)
        if order is None:
            return self._remember(command, at_ms)
        units, is_late = order.reserved or order.lost, not order.reserved
        if not units:
            return Outcome.ALREADY_CONFIRMED if order.allocated or order.shipped else Outcome.NOT_LIVE
        if is_late and units > self._notes.free(order.place):
            return Outcome.RESERVATION_EXPIRED
        order.reserved = order.lost = 0
        order.allocated += units
        order.sold.append((at_ms, units, order.place))
        return Outcome.CONFIRMED_LATE if is_late else Outcome.CONFIRMED

    def _release(self, command: Release, at_ms: int) -> Outcome:
        order = self._notes.orders.get(command.reservation_id)
        if order is None:
            return self._remember(command, at_ms)
        had, order.reserved = order.reserved, 0
        return Outcome.RELEASED if had else Outcome.NOT_LIVE

    def _cancel(self, command: Cancel, at_ms: int) -> Outcome:
        order = self._notes.orders.get(command.reservation_id)
        if order is None:
            return self._remember(command, at_ms)
        if not order.allocated:
            return Outcome.NOT_LIVE
        order.sold.append((ms_of(command.effective_at, at_ms), -order.allocated, order.place))
        order.allocated = 0
        return Outcome.CANCELLED

    def _fulfil(self, command: Fulfil, at_ms: int) -> Outcome:
        order, when = self._notes.orders.get(command.reservation_id), ms_of(command.effective_at, at_ms)
        if order is None:
            self._notes.moved((command.sku, str(command.location)), -(command.units or 0), when)
            return self._remember(command, at_ms)
        units, order.allocated = order.allocated, 0
        if not units:
            return Outcome.NOT_LIVE
        order.shipped += units
        order.sold.append((when, -units, order.place))
        self._notes.moved(order.place, -units, when)
        return Outcome.FULFILLED

    def _return(self, command: Return, at_ms: int) -> Outcome:
        order, place = self._notes.orders[command.reservation_id], (command.sku, str(command.location))
        matched = min(command.units, order.shipped - order.returned)
        order.returned += matched
        if not command.sellable:
            self._notes.shelves[place].unavailable += command.units
        self._notes.moved(place, command.units, ms_of(command.effective_at, at_ms))
        return Outcome.RETURNED if matched == command.units else Outcome.RETURN_UNMATCHED

    def _reroute(self, command: Reroute, at_ms: int) -> Outcome:
        order, target = self._notes.orders[command.reservation_id], (command.sku, command.to_location)
        units = order.reserved + order.allocated
        if not units or order.place[1] != command.from_location:
            return Outcome.NOT_LIVE
        if units > self._notes.free(target):
            return self._notes.refusal(target, units)
        if order.allocated:
            order.sold += [(at_ms, -order.allocated, order.place), (at_ms, order.allocated, target)]
        self._notes.bring(order, target)
        return Outcome.REROUTED

    def _set_units(self, command: SetUnits, at_ms: int) -> Outcome:
        order = self._notes.orders[command.reservation_id]
        if not order.reserved and not order.allocated:
            return Outcome.NOT_LIVE
        more = command.units - (order.reserved or order.allocated)
        if more > self._notes.free(order.place):
            # What it holds itself makes no room for it.
            return self._notes.refusal(order.place, more + order.reserved)
        if order.reserved:
            order.reserved += more
        else:
            order.allocated += more
            order.sold.append((at_ms, more, order.place))
        return Outcome.UNITS_SET

    def _remember(self, command: Confirm | Release | Cancel | Fulfil, at_ms: int) -> Outcome:
        self._early[command.reservation_id].append((command, at_ms))
        return Outcome.REMEMBERED
