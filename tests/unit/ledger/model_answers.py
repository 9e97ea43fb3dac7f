"""Who asked before, and who came too early: the way to a decision of the model (R21, R27)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from models import commands as c
from models.outcomes import NOT_FINAL, Outcome
from tests.unit.ledger import model_orders as orders
from tests.unit.ledger import model_stock as stock
from tests.unit.ledger.model import Order, World, content, effective

WAITING_MAX = 16
"""R21: commands that wait for one order."""

STOCK: dict[type[c.Command], Callable[[World, Any, int], str]] = {
    kind: getattr(stock, c.type_name(kind)) for kind in c.STOCK_COMMANDS if kind is not c.SetBackorder
}
EDITS: dict[type[c.Command], Callable[[World, Any, Order, int, int], str]] = {
    c.Extend: lambda world, command, order, now, _: orders.extend(world, command, order, now),
    c.Confirm: lambda world, command, order, _, arrival: orders.confirm(world, command, order, arrival),
    c.Release: lambda world, command, order, *_: orders.release(world, command, order),
    c.Cancel: lambda world, command, order, _, arrival: orders.cancel(world, command, order, arrival),
    c.Fulfil: lambda world, command, order, _, arrival: orders.fulfil(world, command, order, arrival),
    c.Return: lambda world, command, order, _, arrival: orders.give_back(world, command, order, arrival),
    c.Reroute: lambda world, command, order, _, arrival: orders.reroute(world, command, order, arrival),
    c.SetUnits: lambda world, command, order, _, arrival: orders.set_units(world, command, order, arrival),
}
EARLY = (c.Confirm, c.Release, c.Cancel, c.Fulfil, c.Return)
UNMATCHED: dict[Any, str] = {c.Fulfil: "FULFIL_UNMATCHED", c.Return: "RETURN_UNMATCHED"}

Said = tuple[str, str]
"""Command id and outcome."""


@dataclass
class Waiting:
    """A command that came before its order; `moved` says where and when a fact moved on_hand."""

    command: Any
    arrival: int
    moved: tuple[str, int] | None


@dataclass
class Model:
    """Answers commands one by one."""

    world: World
    said: dict[tuple[str | None, str], tuple[tuple[object, ...], str]] = field(default_factory=dict)
    waiting: dict[str, list[Waiting]] = field(default_factory=dict)

    def answer(self, command: c.Command, now: int, arrival: int) -> list[Said]:
        """Give what callers hear: of this command, and of those that had waited for it."""
        self.world.now = now
        owner: str | None = getattr(command, "reservation_id", None)
        if isinstance(command, c.Inspect) and command.reservation_id in self.world.orders:
            return []  # its row once more, as it is
        before = self.said.get((owner, command.id))
        if before is not None:
            return [(command.id, before[1] if before[0] == content(command) else "COMMAND_ID_REUSED")]
        same = next((one for one in self.waiting.get(owner or "", ()) if one.command.id == command.id), None)
        if same is not None and content(same.command) == content(command):
            return [(command.id, "REMEMBERED")]
        if same is not None and same.moved is not None:
            return [(command.id, "COMMAND_ID_REUSED")]
        if owner is None:
            heard = [self._bound(command, STOCK[type(command)](self.world, command, now))]
        elif isinstance(command, c.Reserve | c.RecordOrder):
            heard = self._order(command, now, arrival, same)
        else:
            heard = [self._bound(command, self._edit(command, now, arrival, same))]
        self.world.revoke()
        self.world.shrink()
        return heard

    def _bound(self, command: c.Command, outcome: str) -> Said:
        if Outcome[outcome] not in NOT_FINAL:
            self.said[getattr(command, "reservation_id", None), command.id] = content(command), outcome
        return command.id, outcome

    def _edit(self, command: Any, now: int, arrival: int, same: Waiting | None = None) -> str:  # noqa: ANN401  # any order command
        order = self.world.orders.get(command.reservation_id)
        is_fact = isinstance(command, c.Fulfil | c.Return)
        if order is not None and order.lines and order.sku == command.sku:
            return EDITS[type(command)](self.world, command, order, now, arrival)
        if order is not None and not is_fact:
            return "RESERVATION_ID_REUSED" if order.sku != command.sku else "NOT_LIVE"
        moved = self._apart(command, arrival, order) if is_fact else None
        is_early = order is None and isinstance(command, EARLY)
        if is_early:
            waiting = self.waiting.setdefault(command.reservation_id, [])
            if same is not None:
                waiting[waiting.index(same)] = Waiting(command, arrival, moved)
                return "REMEMBERED"
            if len(waiting) < WAITING_MAX:
                waiting.append(Waiting(command, arrival, moved))
                return "REMEMBERED"
        elif same is not None:
            self.waiting[command.reservation_id].remove(same)
        if moved or (is_fact and order is not None):
            return UNMATCHED[type(command)]
        return "TOO_MANY_COMMANDS" if is_early else "UNKNOWN_RESERVATION"

    def _apart(
        self, command: c.Fulfil | c.Return, arrival: int, order: Order | None
    ) -> tuple[str, int] | None:
        """Apply a fact about an order that holds nothing or is not there yet, if it says where (R10)."""
        where = command.location
        if where is None and order is not None and order.sku == command.sku:
            where = order.place
        if where is None or not command.units:
            return None
        when = effective(command.effective_at, arrival)
        if isinstance(command, c.Return):
            orders.put_back(self.world, command, where, when)
        else:
            self.world.move((command.sku, where), when, -command.units)
        return where, when

    def _order(
        self, command: c.Reserve | c.RecordOrder, now: int, arrival: int, same: Waiting | None
    ) -> list[Said]:
        """R21: an order, and what waits for it, in its turn."""
        waiting = self.waiting.pop(command.reservation_id, [])
        rest = [one for one in waiting if one is not same]
        shipped: list[tuple[str, int, int]] = []
        matched: dict[int, int] = {}
        for one in waiting:
            if isinstance(one.command, c.Fulfil) and one.moved and one.command.sku == command.sku:
                left = command.units - sum(units for _, units, _ in shipped)
                matched[id(one)] = min(left, one.command.units or 0)
                shipped.append((one.moved[0], matched[id(one)], one.moved[1]))
        shipped = [entry for entry in shipped if entry[1]]
        if is_called_off(command, rest):
            off = Order(command.sku, called_off=True, place=command.location)
            self.world.orders[command.reservation_id] = off
            outcome = "RELEASED_EARLY"
        elif isinstance(command, c.Reserve):
            outcome = orders.reserve(self.world, command, now, arrival, tuple(shipped))
        else:
            outcome = orders.record_order(self.world, command, now, arrival, tuple(shipped))
        heard = [self._bound(command, outcome)]
        order = self.world.orders.get(command.reservation_id)
        if order is None:
            self.waiting[command.reservation_id] = rest
            return heard
        for one in rest:
            self.world.revoke()
            heard.append(self._bound(one.command, self._late(one, order, now, matched.get(id(one), 0))))
        return heard

    def _late(self, one: Waiting, order: Order, now: int, matched: int) -> str:
        command = one.command
        if one.moved is None:
            if order.called_off and isinstance(command, c.Release | c.Cancel):
                return "RELEASED" if isinstance(command, c.Release) else "CANCELLED"
            return self._edit(command, now, one.arrival)
        is_theirs = bool(order.lines) and order.sku == command.sku
        if isinstance(command, c.Fulfil):
            return "FULFILLED" if is_theirs and matched == command.units else "FULFIL_UNMATCHED"
        left = orders.take_back(command, order)[0] if is_theirs else command.units
        return "RETURN_UNMATCHED" if left else "RETURNED"


def is_apart(command: c.Release | c.Cancel, order: c.Reserve | c.RecordOrder) -> bool:
    """R20: whether a cancel is of another outside order."""
    return (
        isinstance(command, c.Cancel)
        and isinstance(order, c.RecordOrder)
        and None not in {command.order_id, order.order_id}
        and command.order_id != order.order_id
    )


def is_called_off(order: c.Reserve | c.RecordOrder, waiting: Sequence[Waiting]) -> bool:
    """R21: nothing of it is wanted any more, as a cancel, or a release that no confirm precedes, says."""
    commands = [one.command for one in waiting]
    if any(isinstance(command, c.Fulfil) for command in commands):
        return False
    for at, command in enumerate(commands):
        if (
            isinstance(command, c.Release | c.Cancel)
            and command.location in {None, order.location}
            and command.sku == order.sku
            and (command.units is None or command.units >= order.units)
            and not is_apart(command, order)
            and (
                isinstance(command, c.Cancel) or not any(isinstance(one, c.Confirm) for one in commands[:at])
            )
        ):
            return True
    return False
