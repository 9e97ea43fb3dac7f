"""The demo's own book: what each command must be answered, and what each shelf must hold. Pure.

Written from the rules' text and on purpose not as the ledger does it: hardly anything is kept up to
date, figures are added up from the beginning whenever they are asked for. It knows the commands as the
demo sends them: one place for each order, whole orders. Times are ms since the Unix epoch.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from inventory_stream.demo.shelf import Order, Position, Shelf
from models.commands import (
    Adjust,
    Cancel,
    Command,
    Confirm,
    Expect,
    Fulfil,
    PlanTransfer,
    Receive,
    ReceiveTransfer,
    RecordOrder,
    Release,
    Reroute,
    Reserve,
    Return,
    SetUnits,
    ShipTransfer,
    Sync,
    TillSale,
)
from models.events import REVOKED, SHORTFALL
from models.outcomes import Outcome

Key = tuple[str, str]
"""(reservation id or nothing, command id)."""


def key_of(command: Command) -> Key:
    """Name a command as answers do (R27)."""
    return getattr(command, "reservation_id", ""), command.id


class Book:
    """One book over some places; `decide` commands in the order in which the ledger did."""

    def __init__(self, on_hand: Mapping[Position, int]) -> None:
        """Open with what lies where."""
        self.shelves = {place: Shelf(units) for place, units in on_hand.items()}
        self.orders: dict[str, Order] = {}
        self.answers: defaultdict[Key, list[Outcome]] = defaultdict(list)
        """What each command must be answered: one that came before its order twice (R21)."""
        self.exceptions: Counter[str] = Counter()
        """What must be told on the topic `exceptions`, by kind."""
        self._orders_of: defaultdict[Position, list[Order]] = defaultdict(list)
        """Every order that was ever at a place, the youngest last."""
        self._early: defaultdict[str, list[tuple[Command, int]]] = defaultdict(list)
        self._announced: dict[str, int] = {}
        """Units on the way in that have not come."""
        self._transfers: dict[str, PlanTransfer] = {}
        self._rules: Final[Mapping[type[Command], Callable[[Any, int], Outcome]]] = {
            Adjust: lambda command, at_ms: self._move(command, command.delta, at_ms),
            TillSale: lambda command, at_ms: self._move(command, -command.units, at_ms),
            Sync: self._sync,
            Expect: self._expect,
            Receive: self._receive,
            PlanTransfer: self._plan,
            ShipTransfer: self._ship,
            ReceiveTransfer: self._receive_transfer,
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

    def decide(self, command: Command, at_ms: int) -> Outcome:
        """Note a command and what it must be answered; `at_ms`: when it was decided."""
        outcome = self._rules[type(command)](command, at_ms)
        self._answer(command, outcome)
        return outcome

    def expire(self, reservation_id: str) -> None:
        """Note that an order was not confirmed in time."""
        order = self.orders[reservation_id]
        order.lost += order.reserved
        order.reserved = 0

    def on_hand(self, place: Position) -> int:
        """Add up what lies at a place: the count, orders that it had taken off, and what moved since."""
        shelf = self.shelves[place]
        netted = 0
        if shelf.orders_through_ms:
            netted = sum(
                order.open_at(place, shelf.orders_through_ms, shelf.counted_at_ms)
                for order in self._orders_of[place]
            )
        return shelf.counted + netted + shelf.moved_since_count()

    def reserved(self, place: Position) -> int:
        """Add up what is on hold there."""
        return sum(order.reserved for order in self._orders_of[place] if order.place == place)

    def allocated(self, place: Position) -> int:
        """Add up what is sold or planned there and has not left."""
        sold = sum(order.allocated for order in self._orders_of[place] if order.place == place)
        return sold + self.shelves[place].planned

    def free(self, place: Position) -> int:
        """Count the units that nobody was promised; negative: more is promised than there is."""
        held_back = self.shelves[place].unavailable + self.reserved(place) + self.allocated(place)
        return self.on_hand(place) - held_back

    def last_answer(self, reservation_id: str, command_id: str) -> Outcome | None:
        """Say how a command ended, None while it is not decided."""
        answers = self.answers.get((reservation_id, command_id))
        return answers[-1] if answers else None

    # --- stock ---------------------------------------------------------------------------------

    def _move(self, command: Adjust | TillSale, units: int, at_ms: int) -> Outcome:
        self._moved((command.sku, command.location), units, _ms(command.effective_at, at_ms))
        return Outcome.APPLIED

    def _sync(self, command: Sync, at_ms: int) -> Outcome:
        shelf, counted_at_ms = self.shelves[command.sku, command.location], _ms(command.effective_at, at_ms)
        if counted_at_ms < shelf.counted_at_ms:
            return Outcome.STALE_SYNC
        shelf.counted, shelf.counted_at_ms = command.on_hand, counted_at_ms
        shelf.orders_through_ms = _ms(command.orders_through, at_ms) if command.nets_orders else 0
        self._look_for_shortfall((command.sku, command.location))
        return Outcome.APPLIED

    def _expect(self, command: Expect, _at_ms: int) -> Outcome:
        self._announced[command.incoming_id] = command.units
        return Outcome.APPLIED

    def _receive(self, command: Receive, at_ms: int) -> Outcome:
        missing = self._announced[command.incoming_id] - command.units
        self._announced[command.incoming_id] = missing
        self._moved((command.sku, str(command.location)), command.units, _ms(command.effective_at, at_ms))
        if missing < 0:
            return Outcome.RECEIVE_UNMATCHED
        return Outcome.RECEIVED_SHORT if missing and command.final else Outcome.APPLIED

    def _plan(self, command: PlanTransfer, _at_ms: int) -> Outcome:
        source = command.sku, command.from_location
        if command.units > self.free(source):
            return self._refusal(source, command.units)
        self.shelves[source].planned += command.units
        self._transfers[command.transfer_id] = command
        return Outcome.TRANSFER_PLANNED

    def _ship(self, command: ShipTransfer, at_ms: int) -> Outcome:
        plan = self._transfers[command.transfer_id]
        source, target = (command.sku, plan.from_location), (command.sku, plan.to_location)
        matched = min(command.units, self.shelves[source].planned)
        self.shelves[source].planned -= matched
        self.shelves[target].in_transit += command.units
        self._moved(source, -command.units, _ms(command.effective_at, at_ms))
        return Outcome.APPLIED if matched == command.units else Outcome.SHIP_UNMATCHED

    def _receive_transfer(self, command: ReceiveTransfer, at_ms: int) -> Outcome:
        target = command.sku, self._transfers[command.transfer_id].to_location
        shelf = self.shelves[target]
        lost = max(0, shelf.in_transit - command.units) if command.final else 0
        unknown = max(0, command.units - shelf.in_transit)
        shelf.in_transit -= command.units - unknown + lost
        self._moved(target, command.units, _ms(command.effective_at, at_ms))
        if unknown:
            return Outcome.RECEIVE_UNMATCHED
        return Outcome.RECEIVED_SHORT if lost else Outcome.APPLIED

    # --- orders --------------------------------------------------------------------------------

    def _order(self, command: Reserve | RecordOrder, at_ms: int) -> Outcome:
        early = self._early.pop(command.reservation_id, [])
        if any(isinstance(one, Cancel | Release) for one, _ in early):
            for one, _ in early:
                self._answer(one, Outcome.CANCELLED if isinstance(one, Cancel) else Outcome.RELEASED)
            return Outcome.RELEASED_EARLY
        gone = [
            (_ms(one.effective_at, arrived_ms), one.units or 0)
            for one, arrived_ms in early
            if isinstance(one, Fulfil)
        ]
        if isinstance(command, Reserve):
            outcome = self._reserve(command, sum(units for _, units in gone), at_ms)
        else:
            outcome = self._record(command, gone, at_ms)
        for one, arrived_ms in early:
            if not isinstance(one, Fulfil):
                self._answer(one, self._rules[type(one)](one, arrived_ms))
            elif command.reservation_id in self.orders:
                self._answer(one, Outcome.FULFILLED)
            else:
                self._answer(one, Outcome.FULFIL_UNMATCHED)
        return outcome

    def _reserve(self, command: Reserve, shipped: int, at_ms: int) -> Outcome:
        place = command.sku, str(command.location)
        missing = command.units - shipped
        if missing > self.free(place):
            return self._refusal(place, missing)
        order = self._new_order(command.reservation_id, place, shipped)
        order.reserved, order.due_ms = missing, at_ms + command.ttl_seconds * 1_000
        return Outcome.GRANTED

    def _record(self, command: RecordOrder, gone: list[tuple[int, int]], at_ms: int) -> Outcome:
        place, sold_ms = (command.sku, str(command.location)), _ms(command.ordered_at, at_ms)
        order = self._new_order(command.reservation_id, place, sum(units for _, units in gone))
        order.allocated = command.units - order.shipped
        order.sold = [(sold_ms, command.units, place), *((when, -units, place) for when, units in gone)]
        is_short = bool(order.allocated) and self._look_for_shortfall(place)
        return Outcome.RECORDED_SHORT if is_short else Outcome.RECORDED

    def _confirm(self, command: Confirm, at_ms: int) -> Outcome:
        order = self.orders.get(command.reservation_id)
        if order is None:
            return self._remember(command, at_ms)
        units, is_late = order.reserved or order.lost, not order.reserved
        if not units:
            return Outcome.ALREADY_CONFIRMED if order.allocated or order.shipped else Outcome.NOT_LIVE
        if is_late and units > self.free(order.place):
            return Outcome.RESERVATION_EXPIRED
        order.reserved = order.lost = 0
        order.allocated += units
        order.sold.append((at_ms, units, order.place))
        return Outcome.CONFIRMED_LATE if is_late else Outcome.CONFIRMED

    def _release(self, command: Release, at_ms: int) -> Outcome:
        order = self.orders.get(command.reservation_id)
        if order is None:
            return self._remember(command, at_ms)
        had, order.reserved = order.reserved, 0
        return Outcome.RELEASED if had else Outcome.NOT_LIVE

    def _cancel(self, command: Cancel, at_ms: int) -> Outcome:
        order = self.orders.get(command.reservation_id)
        if order is None:
            return self._remember(command, at_ms)
        if not order.allocated:
            return Outcome.NOT_LIVE
        order.sold.append((_ms(command.effective_at, at_ms), -order.allocated, order.place))
        order.allocated = 0
        return Outcome.CANCELLED

    def _fulfil(self, command: Fulfil, at_ms: int) -> Outcome:
        order, when = self.orders.get(command.reservation_id), _ms(command.effective_at, at_ms)
        if order is None:
            self._moved((command.sku, str(command.location)), -(command.units or 0), when)
            return self._remember(command, at_ms)
        units, order.allocated = order.allocated, 0
        if not units:
            return Outcome.NOT_LIVE
        order.shipped += units
        order.sold.append((when, -units, order.place))
        self._moved(order.place, -units, when)
        return Outcome.FULFILLED

    def _return(self, command: Return, at_ms: int) -> Outcome:
        order, place = self.orders[command.reservation_id], (command.sku, str(command.location))
        matched = min(command.units, order.shipped - order.returned)
        order.returned += matched
        if not command.sellable:
            self.shelves[place].unavailable += command.units
        self._moved(place, command.units, _ms(command.effective_at, at_ms))
        return Outcome.RETURNED if matched == command.units else Outcome.RETURN_UNMATCHED

    def _reroute(self, command: Reroute, at_ms: int) -> Outcome:
        order, target = self.orders[command.reservation_id], (command.sku, command.to_location)
        units = order.reserved + order.allocated
        if not units or order.place[1] != command.from_location:
            return Outcome.NOT_LIVE
        if units > self.free(target):
            return self._refusal(target, units)
        if order.allocated:
            order.sold += [(at_ms, -order.allocated, order.place), (at_ms, order.allocated, target)]
        order.place = target
        self._orders_of[target].append(order)
        return Outcome.REROUTED

    def _set_units(self, command: SetUnits, at_ms: int) -> Outcome:
        order = self.orders[command.reservation_id]
        if not order.reserved and not order.allocated:
            return Outcome.NOT_LIVE
        more = command.units - (order.reserved or order.allocated)
        if more > self.free(order.place):
            return self._refusal(order.place, more + order.reserved)  # its own hold makes no room for it
        if order.reserved:
            order.reserved += more
        else:
            order.allocated += more
            order.sold.append((at_ms, more, order.place))
        return Outcome.UNITS_SET

    # --- what all of them share ----------------------------------------------------------------

    def _answer(self, command: Command, outcome: Outcome) -> None:
        self.answers[key_of(command)].append(outcome)
        if outcome.is_exception:
            self.exceptions[outcome.name.lower()] += 1

    def _new_order(self, reservation_id: str, place: Position, shipped: int) -> Order:
        order = self.orders[reservation_id] = Order(reservation_id, place, shipped=shipped)
        self._orders_of[place].append(order)
        return order

    def _remember(self, command: Confirm | Release | Cancel | Fulfil, at_ms: int) -> Outcome:
        self._early[command.reservation_id].append((command, at_ms))
        return Outcome.REMEMBERED

    def _refusal(self, place: Position, units: int) -> Outcome:
        """Name a refusal: might there be room if what is on hold expires (R15)?"""
        return Outcome.ALL_RESERVED if self.free(place) + self.reserved(place) >= units else Outcome.SOLD_OUT

    def _moved(self, place: Position, units: int, at_ms: int) -> None:
        self.shelves[place].moves.append((at_ms, units))
        self._look_for_shortfall(place)

    def _look_for_shortfall(self, place: Position) -> bool:
        """After a fact: take holds back, youngest first; tells whether too much is promised still (R11)."""
        for order in reversed(self._orders_of[place]):
            if self.free(place) < 0 and order.reserved and order.place == place:
                order.lost, order.reserved = order.lost + order.reserved, 0
                self.exceptions[REVOKED] += 1
        is_short = self.free(place) < 0
        self.exceptions[SHORTFALL] += is_short
        return is_short


def _ms(when: int | datetime | None, otherwise_ms: int) -> int:
    """Give a command's time; without one it is that of its arrival (R7)."""
    if when is None:
        return otherwise_ms
    return when if isinstance(when, int) else int(when.timestamp() * 1_000)
