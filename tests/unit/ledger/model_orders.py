"""What each command of order-events does to the model, once it is known to be new and to have its order."""

from models import commands as c
from tests.unit.ledger.model import Limit, Line, Order, Spot, World, at, content, effective, leave

Shipped = tuple[tuple[str, int, int], ...]
"""What left before its order came: location, units, when (R21)."""


def reserve(world: World, command: c.Reserve, now: int, arrival: int, shipped: Shipped = ()) -> str:
    """R3, R15, R28."""
    known = world.orders.get(command.reservation_id)
    if known is not None and known.lines:
        if known.asked != content(command):
            return "RESERVATION_ID_REUSED"
        is_held = any(line.soft + line.firm + line.gone for line in known.lines.values())
        return "ALREADY_GRANTED" if is_held else "NOT_LIVE"
    if known is not None and known.called_off:
        return "RELEASED_EARLY"
    if command.answer_by is not None and now > at(command.answer_by):
        return "TOO_LATE"
    age = (now, command.reservation_id)
    order = Order(command.sku, content(command), age, now + command.ttl_seconds * 1_000)
    order.place, order.path, order.customer = command.location, command.path, command.customer
    world.orders[command.reservation_id] = order
    gone = sum(units for _, units, _ in shipped)
    units = command.units - gone
    limits = world.limits_on(command.sku, command.path)
    plan, refusal = source(world, command, units, gone, arrival, limits) if units else ({}, "")
    if refusal:
        return refusal
    if order.customer is not None:
        order.limits = tuple(limits)
    for location, taken in plan.items():
        own, _ = world.offer((order.sku, location), order.path, arrival)
        order.line(location).soft = taken
        world.draw(order, location, taken, own)
    for location, taken, _ in shipped:
        order.line(location).gone += taken
    return "GRANTED" if sum(plan.values()) == units else "PARTIALLY_GRANTED"


def source(
    world: World, command: c.Reserve, units: int, gone: int, arrival: int, limits: dict[str, Limit]
) -> tuple[dict[str, int], str]:
    """Say how many units come from where, or why none do (R15)."""
    names = (command.location,) if command.location else world.groups.get(command.group or "")
    if names is None or not world.is_known(command.sku):
        return {}, "UNKNOWN_GROUP" if names is None else "UNKNOWN_SKU"
    asked = world.known(command.sku, names)
    wanted = units
    refused = world.closed(asked, command.path, arrival) or (
        "CUSTOMER_REQUIRED" if limits and command.customer is None else ""
    )
    left = [limit.units - world.used(name, command.customer) - gone for name, limit in limits.items()]
    if not refused and min(left, default=wanted) < (1 if command.allow_partial else wanted):
        refused = "LIMIT_REACHED"
    if refused:
        return {}, refused
    units = min([units, *left])
    free = {spot: sum(world.offer(spot, command.path, arrival)) for spot in asked}
    plan: dict[str, int] = {}
    if command.strategy == "split" and command.group:
        for spot in asked:
            plan[spot[1]] = min(units - sum(plan.values()), free[spot])
    elif asked:
        whole = [spot for spot in asked if free[spot] >= units]
        best = whole[0] if whole else max(asked, key=lambda spot: free[spot])
        plan = {best[1]: min(units, free[best])}
    plan = {name: taken for name, taken in plan.items() if taken}
    got = sum(plan.values())
    if got == units or (got and command.allow_partial):
        return plan, ""
    if command.group and command.strategy == "first_fit" and sum(free.values()) >= units:
        return {}, "NO_SINGLE_LOCATION"
    hopes = [max(0, world.hoped(spot, command.path, arrival)) for spot in asked]
    hope = sum(hopes) if command.strategy == "split" else max(hopes, default=0)
    return {}, "ALL_RESERVED" if hope >= (1 if command.allow_partial else units) else "SOLD_OUT"


def record_order(world: World, command: c.RecordOrder, now: int, arrival: int, shipped: Shipped = ()) -> str:
    """R20."""
    known = world.orders.get(command.reservation_id)
    ordered = effective(command.ordered_at, arrival)
    if known is not None and known.lines:
        if known.sku != command.sku or is_of_another(known, command):
            return "ANOTHER_ORDER" if known.sku == command.sku else "RESERVATION_ID_REUSED"
        missing = command.units - sum(line.firm + line.gone for line in known.lines.values())
        if missing <= 0:
            return "ALREADY_CONFIRMED"
        known.sold_to = command.order_id or known.sold_to
        # What takes the place of units that are gone was not open before (R9).
        ends = (when for line in known.lines.values() for when, units in line.opened if units < 0)
        ordered = max(ordered, *ends, 0)
        taken = min(missing, known.soft)
        firm_up(known.at(None), taken, ordered)
        if taken == missing:
            return "CONFIRMED"
        return force(world, command, known, command.location or next(iter(known.lines)), ordered, arrival)
    if known is not None and known.called_off:
        return "RELEASED_EARLY"
    where = record_at(world, command, arrival)
    order = world.orders[command.reservation_id] = Order(command.sku, None, (now, command.reservation_id))
    order.sold_to = command.order_id
    for location, units, when in shipped:
        line = order.line(location)
        line.gone += units
        line.opened += [(ordered, units), (when, -units)]
    return force(world, command, order, where, ordered, arrival)


def is_of_another(order: Order, command: c.RecordOrder | c.Cancel) -> bool:
    """R20: whether what is sold of it is sold to an order of another id."""
    is_sold = any(line.firm + line.gone for line in order.lines.values())
    return is_sold and None not in {order.sold_to, command.order_id} and order.sold_to != command.order_id


def force(world: World, command: c.RecordOrder, order: Order, where: str, ordered: int, arrival: int) -> str:
    """R20: what was lost is taken again, what is missing besides is taken whether it is there or not."""
    missing = command.units - sum(line.firm + line.gone for line in order.lines.values())
    touched = []
    for location, line in order.at(None):
        taken = min(missing, line.lost)
        if taken:
            own, _ = world.offer_more(order, location, arrival)
            line.lost -= taken
            open_units(line, taken, ordered)
            world.draw(order, location, taken, own)
            touched.append(location)
            missing -= taken
    if missing:
        world.place((command.sku, where))
        is_free = not any(line.own for line in order.lines.values())
        if order.asked is None and is_free and (command.sku, where, command.channel) in world.fences:
            order.path = f"channel:{command.channel}"
        own, _ = world.offer_more(order, where, arrival)
        open_units(order.line(where), missing, ordered)
        world.draw(order, where, missing, own)
        touched.append(where)
    world.revoke()
    is_short = any(world.uncommitted((command.sku, location)) < 0 for location in touched)
    return "RECORDED_SHORT" if is_short else "RECORDED"


def record_at(world: World, command: c.RecordOrder, arrival: int) -> str:
    """Say where an outside order of a group is taken from: the first that has it, else the fullest."""
    if command.location is not None:
        return command.location
    names = world.groups[command.group or ""]
    known = world.known(command.sku, names)
    path = f"channel:{command.channel}" if command.channel else "common"
    offers = {spot: sum(world.offer(spot, path, arrival)) for spot in known}
    whole = [spot for spot in known if offers[spot] >= command.units]
    fullest = max(known, key=lambda spot: (offers[spot], world.free(spot)), default=(command.sku, names[0]))
    best: Spot = whole[0] if whole else fullest
    return best[1]


def open_units(line: Line, units: int, when: int) -> None:
    """Make units an open order (R9); negative: they cease to be."""
    line.firm += units
    line.opened.append((when, units))


def firm_up(lines: list[tuple[str, Line]], units: int, when: int) -> None:
    """Turn reserved units into allocated ones, first line first."""
    for _, line in lines:
        taken = min(units, line.soft)
        line.soft -= taken
        open_units(line, taken, when)
        units -= taken


def extend(world: World, command: c.Extend, order: Order, now: int) -> str:
    """R19."""
    if not order.soft:
        return "NOT_LIVE"
    wanted, latest = now + command.ttl_seconds * 1_000, order.age[0] + world.reservation_max
    kind, _, sale = order.path.partition(":")
    for location, line in order.lines.items():
        pool = world.pools.get((order.sku, location, sale)) if kind == "sale" and line.soft else None
        if pool is not None:
            latest = min(latest, min(pool.ends, pool.closed or pool.ends) + pool.grace * 1_000)
    if wanted > latest and order.deadline >= latest:
        return "EXTEND_LIMIT"
    order.deadline = max(order.deadline, min(wanted, latest))
    return "EXTENDED"


def confirm(world: World, command: c.Confirm, order: Order, arrival: int) -> str:
    """R17."""
    world.expire(order, arrival)
    lines = order.at(command.location)
    soft = sum(line.soft for _, line in lines)
    lost = sum(line.lost for _, line in lines)
    if not soft + lost:
        return "ALREADY_CONFIRMED" if any(line.firm + line.gone for _, line in lines) else "NOT_LIVE"
    units = soft + lost if command.units is None else command.units
    if units > soft + lost:
        return "MORE_THAN_HELD"
    late = units - min(units, soft)
    again: list[tuple[str, Line, int, int]] = []
    covered = not late or world.allowed(order, late)
    for location, line in lines:
        taken = min(late - sum(units for _, _, units, _ in again), line.lost)
        own, common = offered_again(world, order, location, arrival)
        covered = covered and taken <= own + common
        again.append((location, line, taken, own))
    if not covered:
        if not soft:
            return "RESERVATION_EXPIRED"
        order.sold_to = command.order_id or order.sold_to
        firm_up(lines, soft, arrival)
        return "PARTIALLY_CONFIRMED"
    order.sold_to = command.order_id or order.sold_to
    firm_up(lines, units - late, arrival)
    for location, line, taken, own in again:
        line.lost -= taken
        open_units(line, taken, arrival)
        world.draw(order, location, taken, own)
    return "CONFIRMED_LATE" if late else "CONFIRMED"


def offered_again(world: World, order: Order, location: str, arrival: int) -> tuple[int, int]:
    """R17: the pool if it still sells, else common unless the sale forbids."""
    spot = order.sku, location
    kind, _, sale = order.path.partition(":")
    pool = world.pools.get((*spot, sale)) if kind == "sale" else None
    if kind == "sale" and order.place not in {None, location}:
        return 0, max(0, world.free(spot))
    if pool is None or not world.sells_to(order, location) or pool.sells(arrival):
        return world.offer_more(order, location, arrival)
    return 0, max(0, world.free(spot)) if pool.late else 0


def release(world: World, command: c.Release, order: Order) -> str:
    """R16."""
    lines = order.at(command.location)
    held = sum(line.soft for _, line in lines)
    units = held if command.units is None else command.units
    if not held:
        return "NOT_LIVE"
    if units > held:
        return "MORE_THAN_HELD"
    free_soft(world, order, lines, units)
    return "RELEASED"


def free_soft(world: World, order: Order, lines: list[tuple[str, Line]], units: int) -> None:
    """R16: last sourced line first."""
    for location, line in reversed(lines):
        taken = min(units, line.soft)
        line.soft -= taken
        world.freed(order, location, line, taken)
        units -= taken


def cancel(world: World, command: c.Cancel, order: Order, arrival: int) -> str:
    """R16."""
    if is_of_another(order, command):
        return "ANOTHER_ORDER"
    lines = order.at(command.location)
    held = sum(line.firm for _, line in lines)
    units = held if command.units is None else command.units
    if not held:
        return "NOT_LIVE"
    if units > held:
        return "MORE_THAN_HELD"
    free_firm(world, order, lines, units, effective(command.effective_at, arrival))
    return "CANCELLED"


def free_firm(world: World, order: Order, lines: list[tuple[str, Line]], units: int, when: int) -> None:
    """R16: last sourced line first."""
    for location, line in reversed(lines):
        taken = min(units, line.firm)
        open_units(line, -taken, when)
        world.freed(order, location, line, taken)
        units -= taken


def fulfil(world: World, command: c.Fulfil, order: Order, arrival: int) -> str:
    """R10."""
    when = effective(command.effective_at, arrival)
    asked = (order.firm or order.soft) if command.units is None else command.units
    if not asked:
        return "NOT_LIVE"
    passed = 0
    if command.location is not None:
        passed = gather(order, command.location, asked, when)
    lines = order.at(command.location)
    firm = min(asked, sum(line.firm for _, line in lines))
    soft = min(asked - firm, sum(line.soft for _, line in lines))
    left = asked - firm - soft
    for location, line in lines:
        from_firm, from_soft = min(firm, line.firm), min(soft, line.soft)
        firm, soft = firm - from_firm, soft - from_soft
        line.firm, line.soft = line.firm - from_firm, line.soft - from_soft
        line.gone += from_firm + from_soft
        # What only passed through was never an open order here (R9).
        line.opened.append((when, -max(0, from_firm - passed)))
        leave(line, from_firm + from_soft - min(passed, from_firm))
        world.move((order.sku, location), when, -(from_firm + from_soft))
    if left:
        where = command.location or list(order.lines)[-1]
        order.line(where)
        world.move((order.sku, where), when, -left)
    return "FULFIL_UNMATCHED" if left else "FULFILLED"


def gather(order: Order, location: str, asked: int, when: int) -> int:
    """R10: move the units that are shipped to where they are, allocated ones first; gives how many moved."""
    there = order.lines.get(location, Line())
    missing = max(0, asked - there.firm)
    others = [line for name, line in order.lines.items() if name != location]
    moved = 0
    for line in others:
        taken = min(missing - moved, line.firm)
        open_units(line, -taken, when)
        leave(line, taken)
        moved += taken
    missing = max(moved, missing - there.soft)
    for line in others:
        taken = min(missing - moved, line.soft)
        line.soft -= taken
        leave(line, taken)
        moved += taken
    if moved:
        order.line(location).firm += moved
    return moved


def give_back(world: World, command: c.Return, order: Order, arrival: int) -> str:
    """R10, R22."""
    left, first = take_back(command, order)
    where = command.location or first or next(iter(order.lines))
    order.line(where)
    put_back(world, command, where, effective(command.effective_at, arrival))
    return "RETURN_UNMATCHED" if left else "RETURNED"


def take_back(command: c.Return, order: Order) -> tuple[int, str | None]:
    """Match returned units with shipped ones; gives how many match none, and where the first was."""
    left, first = command.units, None
    for name, line in order.lines.items():
        taken = min(left, line.gone - line.back)
        line.back += taken
        left -= taken
        first = first or (name if taken else None)
    return left, first


def put_back(world: World, command: c.Return, where: str, when: int) -> None:
    """R22: on_hand grows, and what is held back with it unless it can be sold."""
    place = world.place((command.sku, where))
    since, units = place.unavailable
    if not command.sellable and when > since:
        place.unavailable = since, units + command.units
    world.move((command.sku, where), when, command.units)


def reroute(world: World, command: c.Reroute, order: Order, arrival: int) -> str:
    """R19."""
    world.expire(order, arrival)
    line = order.lines.get(command.from_location, Line())
    held = line.soft + line.firm
    units = held if command.units is None else command.units
    if not held:
        return "NOT_LIVE"
    if units > held:
        return "MORE_THAN_HELD"
    spot = order.sku, command.to_location
    if spot not in world.places:
        return "SOLD_OUT"
    firm = min(units, line.firm)
    soft = units - firm
    from_safety = min(firm, world.place(spot).safety[1]) if command.use_safety_stock else 0
    is_covered = soft <= max(0, world.free(spot)) and units <= min(
        world.uncommitted(spot), world.free(spot) + from_safety
    )
    if command.use_safety_stock and not soft:
        is_covered = units <= world.uncommitted(spot) - world.fenced(spot)
    if not is_covered:
        return world.why_not(spot, units, order)
    there = order.line(command.to_location)
    line.soft, there.soft = line.soft - soft, there.soft + soft
    leave(line, soft + firm)
    open_units(line, -firm, arrival)
    open_units(there, firm, arrival)
    return "REROUTED"


def set_units(world: World, command: c.SetUnits, order: Order, arrival: int) -> str:
    """R19."""
    world.expire(order, arrival)
    lines = order.at(command.location)
    soft = sum(line.soft for _, line in lines)
    firm = sum(line.firm for _, line in lines)
    if not soft + firm:
        return "NOT_LIVE"
    more = command.units - (soft or firm)
    if more <= 0:
        if soft:
            free_soft(world, order, lines, -more)
        else:
            free_firm(world, order, lines, -more, arrival)
        return "UNITS_SET"
    opened = [(location, line) for location, line in lines if (line.soft if soft else line.firm)]
    its_own = [(order.sku, location) for location, _ in opened if world.sells_to(order, location)]
    closed = world.closed(its_own, order.path, arrival)
    if closed:
        return closed
    if not world.allowed(order, more):
        return "LIMIT_REACHED"
    for location, line in opened:
        own, common = world.offer_more(order, location, arrival)
        if own + common >= more:
            if soft:
                line.soft += more
            else:
                open_units(line, more, arrival)
            world.draw(order, location, more, own)
            return "UNITS_SET"
    hoped = max(world.hoped(spot, order.path, arrival, order) for spot in its_own)
    return "ALL_RESERVED" if hoped >= more else "SOLD_OUT"
