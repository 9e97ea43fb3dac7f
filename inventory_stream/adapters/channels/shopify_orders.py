"""An order of Shopify that was edited, asked for as the agreements that made it what it is.

Only what was added is told. What an edit takes away comes as a refund that restocks (`refunds/create`) as
well (?), and of two cancels of the same units the second would give away units that are sold.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final

from msgspec import Struct, field

from inventory_stream.adapters.channels.inbound.reading import RESERVATION, carried
from inventory_stream.adapters.channels.shopify_push import number_of
from inventory_stream.adapters.channels.shopify_words import CallAnswer, Named
from inventory_stream.ports.channel import ChannelError, Result
from models.channels import ChannelEvent, OrderTaken, SoldLine

AGREEMENTS_MAX: Final = 10
SALES_MAX: Final = 20
"""Bounds of one query: agreements x sales x (sale, line) are 400 of the 1,000 points that one may cost. An
order beyond them is refused."""
ORDER_POINTS: Final = 60.0
"""What an order costs in the end: Shopify wants all 400 to be there, and gives back what was not found."""

ORDER: Final = (
    "query Order($id: ID!) { order(id: $id) { createdAt displayFinancialStatus retailLocation { id }"
    " customAttributes { key value }"
    f" agreements(first: {AGREEMENTS_MAX}) {{ pageInfo {{ hasNextPage }} nodes {{ reason happenedAt"
    f" sales(first: {SALES_MAX}) {{ pageInfo {{ hasNextPage }} nodes {{ id quantity"
    " ... on ProductSale { lineItem { id sku customAttributes { key value } } } } } } } } }"
)

_PLACED: Final = "ORDER"
"""Reason of the agreement that an order begins with."""
_PAID: Final = frozenset({"AUTHORIZED", "PAID", "PARTIALLY_PAID", "PARTIALLY_REFUNDED", "REFUNDED"})


class _Attribute(Struct):
    key: str
    value: str | None = None


class _Page(Struct, rename="camel"):
    has_next_page: bool


class _Line(Struct, rename="camel"):
    id: str
    sku: str | None = None
    custom_attributes: list[_Attribute] = []


class _Sale(Struct, rename="camel"):
    """`line_item` only of products: shipping, tips and fees have none."""

    id: str
    quantity: int | None = None
    line_item: _Line | None = None


class _Sales(Struct, rename="camel"):
    page_info: _Page
    nodes: list[_Sale]


class _Agreement(Struct, rename="camel"):
    reason: str
    happened_at: datetime
    sales: _Sales


class _Agreements(Struct, rename="camel"):
    page_info: _Page
    nodes: list[_Agreement]


class ShopifyOrder(Struct, rename="camel"):
    """The fields that count."""

    created_at: datetime
    agreements: _Agreements
    display_financial_status: str | None = None
    retail_location: Named | None = None
    custom_attributes: list[_Attribute] = field(default_factory=list)


class OrderData(Struct):
    """The data of `ORDER`; null where there is no such order."""

    order: ShopifyOrder | None = None


class OrderAnswer(CallAnswer):
    """The answer to `ORDER`."""

    data: OrderData | None = None


def events_of_order(order_id: str, order: ShopifyOrder) -> Sequence[ChannelEvent]:
    """Say what was ordered and what was added since; what was told before changes nothing a second time.

    A line to which an edit adds is told again with all units that it has had by then, so that whoever cancels
    the line means the added ones as well.

    Raises:
        ChannelError: PERMANENT: it has more agreements or sales than one query gives.
    """
    agreements = order.agreements
    pages = [agreements.page_info, *(agreement.sales.page_info for agreement in agreements.nodes)]
    if any(page.has_next_page for page in pages):
        raise ChannelError(Result.PERMANENT, "order-too-long")
    is_paid = order.display_financial_status in _PAID
    known: dict[str, int] = {}
    events: list[ChannelEvent] = []
    for agreement in sorted(agreements.nodes, key=lambda one: one.happened_at):
        is_first = agreement.reason == _PLACED
        at = order.created_at if is_first else agreement.happened_at
        at_ms = int(at.timestamp() * 1_000)
        if lines := {line.line_id: line for line in _added(order, agreement, known)}:
            events.append(OrderTaken(order_id, at_ms, tuple(lines.values()), is_paid, at_ms))
    return events


def _added(order: ShopifyOrder, agreement: _Agreement, known: dict[str, int]) -> Iterator[SoldLine]:
    """Give the lines that an agreement added to, with all their units; `known`: units by line, kept here."""
    sales = agreement.sales.nodes
    # As the webhooks read it: it is of the order as it was placed, where that has one line of goods.
    is_of_one = agreement.reason == _PLACED and sum(sale.line_item is not None for sale in sales) == 1
    of_order = _reservation_in(order.custom_attributes) if is_of_one else None
    for sale in sales:
        line = sale.line_item
        if line is None or not line.sku or (sale.quantity or 0) < 1:
            continue
        number = number_of(line.id)
        known[number] = known.get(number, 0) + (sale.quantity or 0)
        yield SoldLine(
            number,
            known[number],
            sku=line.sku,
            location=number_of(order.retail_location.id) if order.retail_location else None,
            reservation_id=_reservation_in(line.custom_attributes) or of_order,
        )


def _reservation_in(attributes: Sequence[_Attribute]) -> str | None:
    return next((carried(one.value) for one in attributes if one.key == RESERVATION), None)
