"""What an event of a channel means as commands of the ledger. Pure; ids follow from the event (R27)."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Final, NamedTuple

from msgspec.structs import replace

from inventory_stream.flows.channels.carried import Carried
from inventory_stream.flows.channels.inbound.catalog import AccountCatalog, UnmappedError, Where
from inventory_stream.flows.channels.inbound.names import TAKEN, joined
from inventory_stream.flows.channels.moved import Moved
from inventory_stream.ports.integrations import Integration
from models.channels import (
    ChangedLine,
    ChannelEvent,
    LinesCancelled,
    LinesReturned,
    LinesShipped,
    OrderTaken,
    SoldLine,
    StockSeen,
    TillSold,
)
from models.commands import UNITS_MAX, Cancel, Command, Fulfil, RecordOrder, Return, Sync, TillSale
from models.reservation_ids import sku_of

_LinesChanged = LinesCancelled | LinesReturned | LinesShipped
OrderEvent = OrderTaken | _LinesChanged
ORDER_EVENTS: Final = (OrderTaken, LinesCancelled, LinesReturned, LinesShipped)
"""What moves the watermark of an account's orders."""
_LinesEvent = OrderEvent | TillSold
LINES_EVENTS: Final = (*ORDER_EVENTS, TillSold)


class Sent(NamedTuple):
    """A command and the SKU that decides its partition (R30)."""

    command: Command
    sku: str


class _Named(NamedTuple):
    """The reservation that a line is; several SKUs where nobody says which one the line is of."""

    reservation_id: str
    skus: tuple[str, ...]
    is_carried: bool


class Meaning(NamedTuple):
    """What an event means. `left`: the event with only the lines that could not be read, and why."""

    sent: tuple[Sent, ...]
    left: ChannelEvent | None = None
    reasons: tuple[str, ...] = ()


class Commands:
    """Reads the events of one account.

    The reservation of a line is `channel:account:order:line`; of the first line that carries the id of a
    reservation of ours it is that one (`carried.py`): recorded under it, it is its confirm (R20).

    A listing means the SKU that it showed when the order was placed (`moved.py`), in all that is told of it.
    """

    def __init__(
        self, integration: Integration, catalog: AccountCatalog, moved: Moved, carried: Carried
    ) -> None:
        self._integration = integration
        self._moved = moved
        self._carried = carried
        self._catalog = catalog
        self._account = (integration.channel, integration.account)

    def bind(self, events: Sequence[ChannelEvent]) -> None:
        """Find, before all else, which lines are reservations: the first to tell of one may not carry it."""
        for event in events:
            if isinstance(event, ORDER_EVENTS):
                read = self._reader(event)
                for line in event.lines:
                    if line.reservation_id is not None:
                        with suppress(UnmappedError):
                            tuple(read(line))

    def of(self, event: _LinesEvent) -> Meaning:
        """Give the commands of an event, line by line; what one line lacks does not hold up the others."""
        sent: list[Sent] = []
        left: list[SoldLine | ChangedLine] = []
        reasons: list[str] = []
        read = self._reader(event)
        for line in event.lines:
            try:
                sent.extend(read(line))
            except UnmappedError as error:
                left.append(line)
                reasons.append(str(error))
        if not left:
            return Meaning(tuple(sent))
        return Meaning(tuple(sent), replace(event, lines=tuple(left)), tuple(reasons))

    def of_count(self, event: StockSeen) -> Meaning:
        """Give the count that a location's authority states (R14); nothing from anybody else."""
        if not self._integration.is_count_authority or not 0 <= event.units <= UNITS_MAX:
            return Meaning(())
        rows = self._catalog.listings_of(event.listing, None)
        skus = {row.sku for row in rows}
        locations = {name for row in rows for name in row.locations}
        if len(skus) != 1 or len(locations) != 1:
            reason = f"a count of listing {event.listing!r} needs one of exactly one SKU and location"
            return Meaning((), event, (reason,))
        sku, location = skus.pop(), locations.pop()
        name = joined(*self._account, event.listing, str(event.at_ms), str(event.units), "count")
        sync = Sync(
            id=name,
            sku=sku,
            location=location,
            on_hand=event.units,
            effective_at=event.at_ms,
            source=self._integration.name,
            nets_orders=self._integration.counts_net_orders,
        )
        return Meaning((Sent(sync, sku),))

    def _reader(self, event: _LinesEvent) -> Callable[..., Iterator[Sent]]:
        match event:
            case OrderTaken():
                return lambda line: self._taken(event, line)
            case LinesCancelled():
                return lambda line: self._cancelled(event, line)
            case LinesReturned():
                return lambda line: self._returned(event, line)
            case LinesShipped():
                return lambda line: self._shipped(event, line)
            case TillSold():
                return lambda line: self._till_sold(event, line)

    def _taken(self, event: OrderTaken, line: SoldLine) -> Iterator[Sent]:
        where = self._where(line, event.at_ms)
        name = self._named(event.order_id, line, (where.sku,))
        # What says as of when is not called off by who releases a reservation id that he made up (R21).
        as_of_ms = event.as_of_ms or (event.at_ms if name.is_carried else 0)
        # Each telling that may state other units is a command of its own; the ledger knows the newest (R20).
        told = f"{TAKEN}-{as_of_ms}-{line.units}" if as_of_ms else TAKEN
        record = RecordOrder(
            id=joined(*self._account, event.order_id, line.line_id, told),
            reservation_id=name.reservation_id,
            sku=name.skus[0],
            units=line.units,
            location=where.location,
            group=where.group,
            channel=self._integration.channel,
            order_id=event.order_id,
            ordered_at=event.at_ms,
            as_of=as_of_ms or None,
        )
        yield Sent(record, record.sku)

    def _cancelled(self, event: LinesCancelled, line: ChangedLine) -> Iterator[Sent]:
        name = self._named(event.order_id, line, self._skus_of(event, line))
        first, *others = name.skus
        location = self._catalog.location_of(line.location)
        cancel = Cancel(
            id=self._change(event, line, "cancel"),
            reservation_id=name.reservation_id,
            sku=first,
            units=line.units,
            # A reservation of ours was made where it was made, whatever place the channel has for the line.
            location=None if name.is_carried else location,
            effective_at=event.at_ms,
            as_of=(event.as_of_ms or None) if line.units is None else None,
        )
        if name.is_carried:
            # It may come before its order; and what is paid over HTTP, or in another account, stays sold.
            cancel = replace(cancel, as_of=event.as_of_ms or event.at_ms, order_id=event.order_id)
        yield Sent(cancel, first)
        for sku in others:
            # Moves nothing where the order is not: it is remembered there, and then dropped (R21).
            yield Sent(replace(cancel, id=self._change(event, line, "cancel", sku), sku=sku), sku)

    def _returned(self, event: LinesReturned, line: ChangedLine) -> Iterator[Sent]:
        if line.units is None:
            raise UnmappedError(f"a return of line {line.line_id!r} does not say how many units")
        reservation_id, sku = self._fact(event, line)
        back = Return(
            id=self._change(event, line, "return"),
            reservation_id=reservation_id,
            sku=sku,
            units=line.units,
            location=self._catalog.location_of(line.location),
            sellable=event.sellable,
            effective_at=event.at_ms,
        )
        yield Sent(back, sku)

    def _shipped(self, event: LinesShipped, line: ChangedLine) -> Iterator[Sent]:
        reservation_id, sku = self._fact(event, line)
        fulfil = Fulfil(
            id=self._change(event, line, "ship"),
            reservation_id=reservation_id,
            sku=sku,
            units=line.units,
            location=self._catalog.location_of(line.location),
            effective_at=event.at_ms,
        )
        yield Sent(fulfil, sku)

    def _till_sold(self, event: TillSold, line: SoldLine) -> Iterator[Sent]:
        where = self._where(line, event.at_ms)
        if where.location is None:
            raise UnmappedError(f"a till sale of SKU {where.sku!r} does not name its place")
        sale = TillSale(
            id=joined(*self._account, event.sale_id, line.line_id, "till"),
            sku=where.sku,
            location=where.location,
            units=line.units,
            effective_at=event.at_ms,
            order_id=event.sale_id,
        )
        yield Sent(sale, where.sku)

    def _where(self, line: SoldLine, at_ms: int) -> Where:
        where = self._catalog.where(line.listing, line.sku, line.location)
        rows = self._catalog.of_listing(line.listing)
        if not rows:
            return where
        return where._replace(sku=self._moved.sku_then(rows[0].listing, where.sku, at_ms))

    def _skus_of(self, event: _LinesChanged, line: ChangedLine) -> tuple[str, ...]:
        """Give the SKU of the order's line; several where the listing showed several, and nobody says which.

        The first one is what the listing showed when the change happened.
        """
        rows = self._catalog.of_listing(line.listing)
        if not rows:
            if line.sku is not None and self._moved.has_shown(line.sku):
                return (line.sku,)
            return (self._catalog.sku_of(line.listing, line.sku),)
        listing, today = rows[0].listing, rows[0].sku
        if event.ordered_ms:
            return (self._moved.sku_then(listing, today, event.ordered_ms),)
        skus = self._moved.skus_until(listing, today, event.at_ms)
        return (line.sku,) if line.sku in skus else skus

    def _fact(self, event: _LinesChanged, line: ChangedLine) -> tuple[str, str]:
        """Give reservation and SKU of what moves units at once, before its order, too (R21): never of two."""
        reservation_id, skus, _ = self._named(event.order_id, line, self._skus_of(event, line))
        if len(skus) > 1:
            raise UnmappedError(
                f"listing {line.listing!r} has shown the SKUs {', '.join(skus)}, and neither the time of the "
                "order nor the SKU is told"
            )
        return reservation_id, skus[0]

    def _named(self, order_id: str, line: SoldLine | ChangedLine, skus: tuple[str, ...]) -> _Named:
        """Name the reservation that a line is, which may be of one of these SKUs."""
        carried = self._carried.of_line(order_id, line.line_id, line.reservation_id, skus)
        if carried is None:
            return _Named(joined(*self._account, order_id, line.line_id), skus, is_carried=False)
        return _Named(carried, (sku_of(carried) or skus[0],), is_carried=True)

    def _change(self, event: _LinesChanged, line: ChangedLine, *act: str) -> str:
        # All that is left may be told of again, at another time: an act of its own, which finds nothing.
        when = () if line.units is not None else (str(event.at_ms),)
        return joined(*self._account, event.order_id, line.line_id, event.change_id, *when, *act)


def dated(events: Sequence[ChannelEvent]) -> list[ChannelEvent]:
    """Have changes of orders say when their order was placed, where the same telling has the order."""
    placed = {event.order_id: event.at_ms for event in events if isinstance(event, OrderTaken)}
    return [
        replace(event, ordered_ms=placed.get(event.order_id, 0))
        if isinstance(event, _LinesChanged) and not event.ordered_ms
        else event
        for event in events
    ]


def left_of(meanings: Sequence[Meaning]) -> tuple[tuple[ChannelEvent, ...], tuple[str, ...]]:
    """Gather what could not be read, and why, each reason once."""
    events = tuple(meaning.left for meaning in meanings if meaning.left is not None)
    return events, tuple(dict.fromkeys(reason for meaning in meanings for reason in meaning.reasons))
