"""What each command of stock-events does to the model."""

from models import commands as c
from tests.unit.ledger.model import Fence, Incoming, Limit, Pool, Transfer, World, at, effective


def adjust(world: World, command: c.Adjust, now: int) -> str:
    """R7."""
    world.move((command.sku, command.location), effective(command.effective_at, now), command.delta)
    return "APPLIED"


def till_sale(world: World, command: c.TillSale, now: int) -> str:
    """R10."""
    world.move((command.sku, command.location), effective(command.effective_at, now), -command.units)
    return "APPLIED"


def sync(world: World, command: c.Sync, now: int) -> str:
    """R8, R9, R14."""
    authority = world.authorities.get(command.location)
    if authority is not None and authority != command.source:
        return "NOT_AUTHORITY"
    place = world.place((command.sku, command.location))
    counted = min(now, effective(command.effective_at, now))
    if counted < place.counted[0]:
        return "STALE_SYNC"
    through = 0
    if command.nets_orders:
        stated = command.orders_through
        through = counted - world.order_lag if stated is None else min(counted, at(stated))
    units = command.on_hand + (place.unavailable[1] if command.excludes_unavailable else 0)
    place.counted = counted, units, through
    return "APPLIED"


def unavailable(world: World, command: c.SetUnavailable, now: int) -> str:
    """R8."""
    place = world.place((command.sku, command.location))
    when = effective(command.effective_at, now)
    if when < place.unavailable[0]:
        return "STALE_SYNC"
    place.unavailable = when, command.unavailable
    return "APPLIED"


def safety_stock(world: World, command: c.SetSafetyStock, now: int) -> str:
    """R8."""
    place = world.place((command.sku, command.location))
    when = effective(command.effective_at, now)
    if when < place.safety[0]:
        return "STALE_SYNC"
    place.safety = when, command.safety_stock
    return "APPLIED"


def location_group(world: World, command: c.SetLocationGroup, _now: int) -> str:
    """R15."""
    world.groups[command.group] = command.locations
    return "APPLIED"


def count_authority(world: World, command: c.SetCountAuthority, _now: int) -> str:
    """R14."""
    world.authorities[command.location] = command.source
    return "APPLIED"


def time_zone(_world: World, _command: c.SetTimeZone, _now: int) -> str:
    """R13: it changes what is promised for which day, and no quantity."""
    return "APPLIED"


def expect(world: World, command: c.Expect, _now: int) -> str:
    """R13."""
    known = world.incoming.setdefault(command.incoming_id, Incoming(command.sku))
    if known.sku != command.sku:
        return "DOCUMENT_ID_REUSED"
    known.location, known.units = command.location, command.units
    known.over = known.received >= known.units
    return "APPLIED"


def receive(world: World, command: c.Receive, now: int) -> str:
    """R10, R13."""
    known = world.incoming.get(command.incoming_id)
    if known is not None and known.sku != command.sku:
        known = None
    where = command.location or (known.location if known else None)
    if where is None or (known is None and not command.units):
        return "UNKNOWN_INCOMING"
    if command.units:
        world.move((command.sku, where), effective(command.effective_at, now), command.units)
    if known is None:
        return "RECEIVE_UNMATCHED"
    awaited = known.awaited
    known.received += command.units
    known.over = known.over or command.final or known.received >= known.units
    if command.units > awaited or where != known.location:
        return "RECEIVE_UNMATCHED"
    return "RECEIVED_SHORT" if command.final and command.units < awaited else "APPLIED"


def cancel_incoming(world: World, command: c.CancelIncoming, _now: int) -> str:
    """R13."""
    known = world.incoming.get(command.incoming_id)
    if known is None or known.sku != command.sku or known.over:
        return "UNKNOWN_INCOMING"
    known.over = True
    return "APPLIED"


def plan_transfer(world: World, command: c.PlanTransfer, _now: int) -> str:
    """R12."""
    route = command.sku, command.from_location, command.to_location
    known = world.transfers.get(command.transfer_id)
    if known is not None:
        if (known.sku, known.source, known.target) != route or known.asked not in {0, command.units}:
            return "DOCUMENT_ID_REUSED"
        if known.asked or known.shipped >= command.units:
            known.asked = command.units
            return "ALREADY_PLANNED"
    spot = command.sku, command.from_location
    rest = command.units - (known.shipped if known else 0)
    if not world.is_known(command.sku):
        return "UNKNOWN_SKU"
    if spot not in world.places:
        return "SOLD_OUT"
    if world.free(spot) < rest:
        return world.why_not(spot, rest)
    planned = world.transfers.setdefault(command.transfer_id, Transfer(*route))
    planned.planned, planned.asked = planned.planned + rest, command.units
    return "TRANSFER_PLANNED"


def ship_transfer(world: World, command: c.ShipTransfer, now: int) -> str:
    """R10, R12."""
    known = world.transfers.get(command.transfer_id)
    if known is None and command.from_location and command.to_location:
        known = world.transfers[command.transfer_id] = Transfer(
            command.sku, command.from_location, command.to_location
        )
    if known is not None and known.sku != command.sku:
        known = None
    where = command.from_location or (known.source if known else None)
    if where is None:
        return "UNKNOWN_TRANSFER"
    world.move((command.sku, where), effective(command.effective_at, now), -command.units)
    if known is None:
        return "SHIP_UNMATCHED"
    world.place((known.sku, known.target))
    planned = min(command.units, known.planned) if where == known.source else 0
    known.planned -= planned
    known.shipped += command.units
    known.on_the_way += command.units
    is_there = command.to_location in {None, known.target}
    return "APPLIED" if planned == command.units and is_there else "SHIP_UNMATCHED"


def receive_transfer(world: World, command: c.ReceiveTransfer, now: int) -> str:
    """R10, R12."""
    known = world.transfers.get(command.transfer_id)
    if known is not None and known.sku != command.sku:
        known = None
    where = command.location or (known.target if known else None)
    if where is None or (known is None and not command.units):
        return "UNKNOWN_TRANSFER"
    if command.units:
        world.move((command.sku, where), effective(command.effective_at, now), command.units)
    if known is None:
        return "RECEIVE_UNMATCHED"
    arrived = min(command.units, known.on_the_way)
    known.on_the_way -= arrived
    lost = known.on_the_way if command.final else 0
    known.on_the_way -= lost
    known.lost += lost
    if arrived < command.units or where != known.target:
        return "RECEIVE_UNMATCHED"
    return "RECEIVED_SHORT" if lost else "APPLIED"


def cancel_transfer(world: World, command: c.CancelTransfer, _now: int) -> str:
    """R12."""
    known = world.transfers.get(command.transfer_id)
    if known is None or known.sku != command.sku or not known.planned:
        return "UNKNOWN_TRANSFER"
    known.planned = known.asked = 0
    return "APPLIED"


def place(_world: World, _command: c.SetPlace, _now: int) -> str:
    """R15: where a location is changes no quantity."""
    return "APPLIED"


def channel_policy(_world: World, _command: c.SetChannelPolicy, _now: int) -> str:
    """R25: what is shown changes no quantity."""
    return "APPLIED"


def open_pool(world: World, command: c.OpenPool, now: int) -> str:
    """R3, R4."""
    spot = command.sku, command.location
    if spot not in world.places:
        return "UNKNOWN_SKU"
    starts, ends = at(command.starts_at), at(command.ends_at)
    fence = 0 if command.fence_from is None else at(command.fence_from)
    known = world.pools.get((*spot, command.sale_id))
    if (known and known.closed) or ends <= now:
        return "SALE_CLOSED"
    grace, late = command.checkout_grace_seconds, command.late_from_common
    pool = Pool(command.units, starts, ends, fence, grace, late, known.opened if known else now)
    if known is not None:
        pool.units, pool.sold, pool.aside = known.units, known.sold, known.aside
    world.pools[*spot, command.sale_id] = pool
    if not pool.aside and fence > now:
        return "APPLIED"
    world.set_aside(spot, pool)
    return "POOL_SHORT" if pool.units < command.units else "APPLIED"


def close_pool(world: World, command: c.ClosePool, now: int) -> str:
    """R22."""
    pool = world.pools.get((command.sku, command.location, command.sale_id))
    if pool is None or pool.closed:
        return "SALE_CLOSED" if pool else "UNKNOWN_SALE"
    pool.closed = now
    return "APPLIED"


def channel_fence(world: World, command: c.SetChannelFence, now: int) -> str:
    """R3, R4."""
    spot = command.sku, command.location
    if spot not in world.places:
        return "UNKNOWN_SKU"
    known = world.fences.get((*spot, command.channel))
    units = min(command.units, (known.units if known else 0) + max(0, world.free(spot)))
    world.fences.pop((*spot, command.channel), None)
    if command.units or not command.spill_over:
        fence = Fence(units, command.spill_over, known.opened if known else now)
        world.fences[*spot, command.channel] = fence
    return "POOL_SHORT" if units < command.units else "APPLIED"


def purchase_limit(world: World, command: c.SetPurchaseLimit, now: int) -> str:
    """R23."""
    opened = world.opened(command.limit_id)
    if opened is None:
        opened = now
        orders = world.orders.values()
        world.lost_track |= any(one.age[0] == now for one in orders if command.limit_id in one.limits)
    key = command.limit_id, command.sku
    world.limits[key] = Limit(command.units, at(command.ends_at), command.sale_id, opened)
    return "APPLIED"
