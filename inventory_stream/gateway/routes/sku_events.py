"""What happened to one SKU, from an offset of the ledger on."""

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from inventory_stream.flows.shelf.sku_event import SkuEvent
from inventory_stream.flows.shelf.sku_events import events_of
from inventory_stream.gateway.asking import moved
from inventory_stream.gateway.endpoint import Call, Endpoint, Reply, Scope
from inventory_stream.gateway.problems import Problem
from inventory_stream.gateway.words.sku_events import Event, Events, EventsQuery
from inventory_stream.ports.ledger_reader import LedgerReader, RowFilterFactory

COMPLETE_MS: Final = 21_600_000
"""6 h: the ledger topic's `min.compaction.lag.ms` (P12), before which no row is taken away."""
_TURN_SECONDS_MAX: Final = 2.0
"""How long a question waits for those before it: each takes 0.1 s, and one at a time is what a broker and
this process should spend on history."""


class SkuEventRoutes:
    """Endpoint of a SKU's events, read from the ledger itself, one question at a time."""

    def __init__(
        self,
        reader: LedgerReader,
        row_filter: RowFilterFactory,
        partition_of_sku: Callable[[str], int],
        now_ms: Callable[[], int],
    ) -> None:
        self._reader = reader
        self._row_filter = row_filter
        self._partition_of_sku = partition_of_sku
        self._now_ms = now_ms
        self._turn = asyncio.Lock()

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Give the endpoints."""
        return (
            Endpoint(
                "GET",
                "/v1/skus/{sku}/events",
                self.events,
                "What happened to a SKU since an offset",
                "skus",
                {200: Events},
                scope=Scope.STOCK,
                query=EventsQuery,
                problems=("not-ready",),
            ),
        )

    async def events(self, call: Call) -> Reply:
        """Answer a page of events; a SKU that nobody knows has none."""
        query: EventsQuery = call.query
        sku = call.path["sku"]
        partition = self._partition_of_sku(sku)
        try:
            async with asyncio.timeout(_TURN_SECONDS_MAX):
                await self._turn.acquire()
        except TimeoutError:
            raise Problem(
                "not-ready", "others are reading the ledger's history now", headers={"Retry-After": "1"}
            ) from None
        try:
            found = await events_of(self._reader, self._row_filter, partition, sku, query.since, query.limit)
        finally:
            self._turn.release()
        told = Events(
            sku,
            partition,
            list(map(_event, found.events)),
            found.next_offset,
            found.end_offset,
            self._now_ms() - COMPLETE_MS,
        )
        return Reply(HTTPStatus.OK, told)


def _event(event: SkuEvent) -> Event:
    return Event(
        event.offset,
        event.at_ms,
        event.kind,
        event.command_id,
        event.reservation_id,
        event.outcome,
        event.units,
        event.is_repeat,
        tuple(map(moved, event.movements)),
        event.numbers,
    )
