"""Sales: opened, closed, listed (R3, R4, R22, R23)."""

import asyncio
from collections.abc import Callable, Sequence
from hashlib import blake2b
from http import HTTPStatus

from inventory_stream.gateway.asking import Asking
from inventory_stream.gateway.endpoint import Call, Endpoint, Reply, Scope
from inventory_stream.gateway.outcomes import REPEAT_HEADER, answer_of
from inventory_stream.gateway.problems import Problem
from inventory_stream.gateway.routes.writes import Writes
from inventory_stream.gateway.words.sales import (
    NewSale,
    Pool,
    Sale,
    SaleDecided,
    SaleLineDecided,
    Sales,
    SalesQuery,
    SaleStatus,
    SaleSummary,
)
from inventory_stream.ledger.movements import epoch_ms
from inventory_stream.ports.desk import Decision
from inventory_stream.ports.shelf import Shelf
from models.commands import EPOCH_MS_MAX, ClosePool, OpenPool, SetPurchaseLimit
from models.ids import ID_CHARACTERS_MAX
from models.rows import PoolRow

_WRITES = Writes("sales", Scope.ADMIN)


class SaleRoutes:
    """Endpoints of sales. What is decided comes from the ledger, what is listed from the shelf."""

    def __init__(self, asking: Asking, shelf: Shelf, now_ms: Callable[[], int]) -> None:
        self._asking = asking
        self._shelf = shelf
        self._now_ms = now_ms

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Give the endpoints."""
        return (
            _WRITES.at(
                "/v1/sales",
                self.open_sale,
                "Open a sale, or state it anew",
                NewSale,
                answers={201: SaleDecided},
                problems=("sale-closed",),
            ),
            _WRITES.at(
                "/v1/sales/{sale_id}/close",
                self.close_sale,
                "End a sale now: what is unsold becomes common",
                None,
                answers={200: SaleDecided},
                problems=("not-found", "sale-closed"),
            ),
            Endpoint(
                "GET",
                "/v1/sales",
                self.page,
                "The sales, page by page",
                "sales",
                {200: Sales},
                query=SalesQuery,
                problems=("not-ready",),
            ),
            Endpoint(
                "GET",
                "/v1/sales/{sale_id}",
                self.one,
                "A sale, line by line",
                "sales",
                {200: Sale},
                problems=("not-found", "not-ready"),
            ),
        )

    async def open_sale(self, call: Call) -> Reply:
        """Set the limits, then open the pools: nobody buys in between without the limit."""
        body: NewSale = call.body
        _check(body)
        if body.limit_per_customer is not None:
            skus = sorted({line.sku for line in body.lines})
            limits = await asyncio.gather(*(self._limit(call, body, sku) for sku in skus))
            for decision in limits:
                answer_of(decision)  # a sale whose limit does not stand is not opened
        decisions = await asyncio.gather(
            *(
                self._asking.step(
                    call,
                    f"open_pool {line.sku}/{line.location}",
                    OpenPool,
                    sale_id=body.sale_id,
                    sku=line.sku,
                    location=line.location,
                    units=line.units,
                    starts_at=body.starts_at,
                    ends_at=body.ends_at,
                    fence_from=body.fence_from,
                    checkout_grace_seconds=body.checkout_grace_seconds,
                    late_from_common=body.late_from_common,
                )
                for line in body.lines
            )
        )
        places = [(line.sku, line.location) for line in body.lines]
        return _told(HTTPStatus.CREATED, body.sale_id, places, decisions)

    async def close_sale(self, call: Call) -> Reply:
        """Close all pools of a sale that the ledger has."""
        sale_id = call.path["sale_id"]
        if not self._shelf.is_all_fresh():
            raise Problem(
                "not-ready",
                "this gateway may not know all lines of the sale now",
                headers={"Retry-After": "1"},
            )
        places = sorted((pool.sku, pool.location) for pool in self._shelf.sale(sale_id))
        if not places:
            raise _unknown(sale_id)
        # Closed ones too: a retry then asks for the same lines, and hears the same of each.
        decisions = await asyncio.gather(
            *(
                self._asking.step(
                    call,
                    f"close_pool {sale_id}/{sku}/{location}",
                    ClosePool,
                    sale_id=sale_id,
                    sku=sku,
                    location=location,
                )
                for sku, location in places
            )
        )
        return _told(HTTPStatus.OK, sale_id, places, decisions)

    async def page(self, call: Call) -> Reply:
        """Answer a page of sales."""
        query: SalesQuery = call.query
        self._check_read()
        names = list(self._shelf.sales(query.after, query.limit + 1))
        is_more = len(names) > query.limit
        names = names[: query.limit]
        sales = [self._summary(name) for name in names]
        return Reply(HTTPStatus.OK, Sales(sales, names[-1] if is_more else None))

    async def one(self, call: Call) -> Reply:
        """Answer one sale."""
        sale_id = call.path["sale_id"]
        self._check_read()
        pools = self._pools(sale_id)
        if not pools:
            raise _unknown(sale_id)
        return Reply(HTTPStatus.OK, Sale(sale_id, _status_of(pools), pools))

    async def _limit(self, call: Call, body: NewSale, sku: str) -> Decision:
        ends_ms = epoch_ms(body.ends_at) + body.checkout_grace_seconds * 1_000
        return await self._asking.step(
            call,
            f"purchase_limit {sku}",
            SetPurchaseLimit,
            limit_id=limit_id_of(body.sale_id, sku),
            sku=sku,
            units=body.limit_per_customer,
            ends_at=min(ends_ms, EPOCH_MS_MAX),
            sale_id=body.sale_id,
        )

    def _check_read(self) -> None:
        if not self._shelf.is_all_read():
            raise Problem(
                "not-ready",
                "this gateway has not read the ledger to its end yet",
                headers={"Retry-After": "1"},
            )

    def _pools(self, sale_id: str) -> list[Pool]:
        now_ms = self._now_ms()
        rows = sorted(self._shelf.sale(sale_id), key=lambda row: (row.sku, row.location))
        return [_pool(row, now_ms) for row in rows]

    def _summary(self, sale_id: str) -> SaleSummary:
        pools = self._pools(sale_id)
        return SaleSummary(
            sale_id,
            _status_of(pools),
            min(pool.starts_ms for pool in pools),
            max(pool.ends_ms for pool in pools),
            len({pool.sku for pool in pools}),
            sum(pool.units for pool in pools),
            sum(pool.drawn for pool in pools),
            sum(pool.unsold for pool in pools),
        )


def limit_id_of(sale_id: str, sku: str) -> str:
    """Name the purchase limit of a SKU in a sale, by a digest where the names are too long together."""
    named = f"sale:{sale_id}:{sku}"
    if len(named) <= ID_CHARACTERS_MAX:
        return named
    return "sale:" + blake2b(named.encode(), digest_size=16).hexdigest()


def _check(body: NewSale) -> None:
    """Refuse what the ledger would put into the dead letters: nobody would ever answer it."""
    starts_ms, ends_ms = epoch_ms(body.starts_at), epoch_ms(body.ends_at)
    if not 0 <= starts_ms < ends_ms:
        raise Problem("invalid", "ends_at must be after starts_at")
    if body.fence_from is not None and not 0 <= epoch_ms(body.fence_from) <= starts_ms:
        raise Problem("invalid", "fence_from must not be after starts_at (R4)")
    if len({(line.sku, line.location) for line in body.lines}) < len(body.lines):
        raise Problem("invalid", "a SKU stands twice for the same location: give the sum")


def _told(
    status: int, sale_id: str, places: Sequence[tuple[str, str]], decisions: Sequence[Decision]
) -> Reply:
    """Tell what came of each line; refuse only where nothing did."""
    if all(decision.outcome.is_refusal for decision in decisions):
        answer_of(decisions[0])
    lines = [
        SaleLineDecided(
            sku,
            location,
            decision.outcome.name,
            decision.units,
            None if decision.version is None else str(decision.version),
        )
        for (sku, location), decision in zip(places, decisions, strict=True)
    ]
    headers = {REPEAT_HEADER: "true"} if all(decision.is_repeat for decision in decisions) else {}
    return Reply(status, SaleDecided(sale_id, lines), headers)


def _pool(row: PoolRow, now_ms: int) -> Pool:
    if row.closed_ms:
        status = SaleStatus.CLOSED
    elif not row.is_fenced:
        status = SaleStatus.ANNOUNCED
    else:
        status = SaleStatus.OPEN if row.starts_ms <= now_ms else SaleStatus.SET_ASIDE
    return Pool(
        row.sku,
        row.location,
        status,
        row.asked,
        row.units,
        row.drawn,
        row.unsold,
        row.starts_ms,
        row.ends_ms,
        row.fence_from_ms,
        row.checkout_grace_seconds,
        row.late_from_common,
        row.closed_ms,
    )


def _status_of(pools: Sequence[Pool]) -> SaleStatus:
    """A sale is as far as the line that sells: open before set aside, announced and closed."""
    order = (SaleStatus.OPEN, SaleStatus.SET_ASIDE, SaleStatus.ANNOUNCED, SaleStatus.CLOSED)
    statuses = {pool.status for pool in pools}
    return next(status for status in order if status in statuses)


def _unknown(sale_id: str) -> Problem:
    return Problem("not-found", f"the ledger has no sale {sale_id!r}")
