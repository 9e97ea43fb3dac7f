"""Purchase limits: what one customer has of them, counted as reservations change (R23).

Units count from the reserve on, until they expire or are released, revoked or cancelled; what was
shipped counts for good. A limit and its uses go once no order from before its end can come any more.
"""

from collections.abc import Iterable, Sequence
from heapq import heapify, heappop, heappush
from typing import Final

from inventory_stream.ledger.batch import Batch
from inventory_stream.ledger.rules import BATCH_BYTES
from inventory_stream.ledger.state import PartitionState, forget_stated
from models.ids import decode_id
from models.paths import SALE
from models.rows import LimitUseRow, PurchaseLimitRow, ReservationRow, limit_use_key

# Stale entries that the queue may hold beyond as many as it has others, before a walk drops them.
_STALE_MIN: Final = 1_024


def limits_on(state: PartitionState, sku: str, path: str) -> Sequence[PurchaseLimitRow]:
    """Give the limits that hold for a reserve, in order of their ids."""
    of_sku = state.purchase_limits.get(sku)
    if not of_sku:
        return ()
    decided_ms = _decided_ms(state)
    sale_id = path[len(SALE) :] if path.startswith(SALE) else None
    return [
        limit
        for _, limit in sorted(of_sku.items())
        if limit.ends_ms >= decided_ms and (limit.sale_id is None or limit.sale_id == sale_id)
    ]


def is_over(state: PartitionState, limit: PurchaseLimitRow) -> bool:
    """Whether a limit's end is past by the arrival of orders; its last ms is within."""
    return limit.ends_ms < _decided_ms(state)


def standing_limit(state: PartitionState, limit_id: str) -> PurchaseLimitRow | None:
    """Give the limit of an id that is over last, if it is not yet; all share when they were opened.

    A recovery may have read them in another order (I8).
    """
    stated = state.limited.get(limit_id, {}).values()
    standing = (limit for limit in stated if not is_over(state, limit))
    return max(standing, key=lambda limit: (limit.ends_ms, limit.sku), default=None)


def allowance(state: PartitionState, limits: Iterable[PurchaseLimitRow], customer: str) -> int:
    """Say how many units more a customer may have by all of these limits, of which there is one at least."""
    return min(max(0, limit.units - _used(state, limit, customer)) for limit in limits)


def count(
    state: PartitionState, batch: Batch, limits: Iterable[PurchaseLimitRow], customer: str, units: int
) -> None:
    """Count units that a customer was granted."""
    for limit in limits:
        place = limit.limit_id, customer
        key = limit_use_key(*place)
        use = state.limit_uses.get(place)
        if use is None or use.opened_ms != limit.opened_ms:
            use = LimitUseRow(state.term, *place, 0, limit.ends_ms, limit.opened_ms)
            state.limit_uses[place] = use
            heappush(state.limits_over, (limit.ends_ms, key))
        use.units += units
        batch.put(key, use)


def count_again(state: PartitionState, batch: Batch, reservation: ReservationRow, units: int) -> None:
    """Count more units, or once lost ones again, of a reservation.

    Also where its own SKU's limit is over and another's of the same id is not: all are counted together.
    """
    standing = (standing_limit(state, name) for name in reservation.limits)
    limits = [limit for limit in standing if limit is not None and reservation.created_ms >= limit.opened_ms]
    count(state, batch, limits, reservation.customer or "", units)


def allowed_again(state: PartitionState, reservation: ReservationRow, units: int) -> bool:
    """Whether a reservation's customer may have units more of it by the limits that hold now (R19).

    One from before a limit does not count for it, and so gets no more: its units could not be given back.
    What was paid elsewhere is exempt (R20).
    """
    limits = _limits_of(state, reservation)
    if limits and allowance(state, limits, reservation.customer or "") < units:
        return False
    standing = () if reservation.recorded else limits_on(state, reservation.sku, reservation.path)
    return all(limit in limits for limit in standing)


def give_back(state: PartitionState, batch: Batch, reservation: ReservationRow, units: int) -> None:
    """Count units no more that a customer has no longer."""
    for name in reservation.limits:
        place = name, reservation.customer or ""
        use = state.limit_uses.get(place)
        if use is not None and reservation.created_ms >= use.opened_ms:
            use.units -= units
            if use.units <= 0:
                del state.limit_uses[place]
            batch.put(limit_use_key(*place), use if use.units > 0 else None)


def _limits_of(state: PartitionState, reservation: ReservationRow) -> Sequence[PurchaseLimitRow]:
    """Give those limits that a reservation counts for and that are not over, nor opened again since."""
    if not reservation.limits:
        return ()
    of_sku = state.purchase_limits.get(reservation.sku, {})
    named = (of_sku.get(name) for name in reservation.limits)
    return [
        limit
        for limit in named
        if limit is not None and not is_over(state, limit) and reservation.created_ms >= limit.opened_ms
    ]


def is_limit_fold_due(state: PartitionState) -> bool:
    """Say whether a limit is over for every order that may come."""
    return bool(state.limits_over) and state.limits_over[0][0] < _decided_ms(state)


def fold_limits(state: PartitionState, batch: Batch, budget: int) -> int:
    """Write tombstones for limits that are over and their uses; gives what is left of the budget.

    Their end counts by the arrival of orders, as deadlines do (R18): one that waited in the broker for
    its owner is still decided by the limit of its time.
    """
    over = state.limits_over
    if len(over) > 2 * (len(state.limit_uses) + _limit_count(state)) + _STALE_MIN:
        over[:] = state.limit_ends()
        heapify(over)
    decided_ms = _decided_ms(state)
    ends_of: dict[str, int] = {}
    while over and budget and batch.size_bytes < BATCH_BYTES // 2 and over[0][0] < decided_ms:
        ends_ms, key = heappop(over)
        standing_ms = _end_of(state, key, ends_of)
        if standing_ms is None:
            continue
        if standing_ms > ends_ms:
            heappush(over, (standing_ms, key))
            continue
        forget_stated(state, key.removeprefix(b"s/").decode())
        budget -= 1
        if key.startswith(b"s/limit/"):
            # In place of what a revocation before the fold may have left for the seal (R11).
            batch.put(key, None)
        else:
            batch.write(key, None)
    return budget


def _used(state: PartitionState, limit: PurchaseLimitRow, customer: str) -> int:
    use = state.limit_uses.get((limit.limit_id, customer))
    return 0 if use is None or use.opened_ms != limit.opened_ms else use.units


def _end_of(state: PartitionState, key: bytes, ends_of: dict[str, int]) -> int | None:
    """Until when a limit, or any limit that a use counts for, holds now; None: it is gone already.

    `ends_of` remembers the last end of all limits of an id for the others of one fold.
    """
    kind, _, rest = key.removeprefix(b"s/").decode().partition("/")
    first, second = map(decode_id, rest.split("/"))
    if kind == "purchase-limit":
        limit = state.purchase_limits.get(second, {}).get(first)
        return None if limit is None else limit.ends_ms
    use = state.limit_uses.get((first, second))
    if use is None:
        return None
    if first not in ends_of:
        ends_of[first] = max((limit.ends_ms for limit in state.limited.get(first, {}).values()), default=0)
    # Stated anew, a limit may end later than when the use was first counted.
    return max(use.ends_ms, ends_of[first])


def _decided_ms(state: PartitionState) -> int:
    """Up to when all orders are decided, as far as this partition can know."""
    return max(state.orders_arrival_ms, state.swept_ms)


def _limit_count(state: PartitionState) -> int:
    return sum(map(len, state.limited.values()))
