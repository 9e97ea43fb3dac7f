"""The flash sale's driver: customers ask, hear the answer, and pay, put back or leave.

How their requests travel is behind `SaleEntry`: over HTTP to gateways, or to a ledger in memory.
"""

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Protocol
from urllib.parse import quote

from inventory_stream.demo.customers import Customer, Intent
from inventory_stream.demo.heard import CREATED, Heard, Hearings, Request

CHANNEL: Final = "web"

RESERVATION_TTL_SECONDS: Final = 4
"""Short, so that what is left behind is back on sale within the demo."""

LATE_SECONDS: Final = 1.0
"""How long after the deadline a late payment comes."""

RESERVATIONS: Final = "/v1/reservations"


class SaleEntry(Protocol):
    """The way in for customers' requests."""

    async def ask(self, request: Request, due_seconds: float) -> Heard | None:
        """Give the answer to a request that is due at a monotonic time; None: nobody answers."""


@dataclass(frozen=True, slots=True)
class SaleItem:
    """What is on sale. `run` keeps the keys of two demos on one ledger apart."""

    sku: str
    location: str
    sale_id: str
    run: str


class Sale:
    """One crowd at one item. Open loop: each comes at its time, whatever became of the others."""

    def __init__(self, item: SaleItem, entry: SaleEntry) -> None:
        """Describe a sale; `open_to` lets customers in."""
        self._item = item
        self._entry = entry
        self._served: set[str] = set()
        self.hearings = Hearings()
        self.sent = 0
        """Requests, repeats of the network included, retries not."""
        self.wanted_units = 0

    async def open_to(self, customers: Iterable[Customer]) -> None:
        """Let customers in at their time; returns when all have what they will get."""
        began = time.monotonic()
        async with asyncio.TaskGroup() as crowd:
            for customer in customers:
                self.wanted_units += customer.units
                for at_seconds, request in self._presses(customer, began + customer.at_seconds):
                    crowd.create_task(self._want(customer, request, at_seconds))

    def _presses(self, customer: Customer, at_seconds: float) -> Iterable[tuple[float, Request]]:
        """Give each time at which a wish of the customer reaches a gateway."""
        first = self._wish(customer, 1)
        yield at_seconds, first
        if customer.sends_again_after_seconds is not None:
            yield at_seconds + customer.sends_again_after_seconds, first
        if customer.presses_again_after_seconds is not None:
            yield at_seconds + customer.presses_again_after_seconds, self._wish(customer, 2)

    async def _want(self, customer: Customer, request: Request, at_seconds: float) -> None:
        heard = await self._ask(request, at_seconds)
        if heard is None or heard.status != CREATED or request.key in self._served:
            return
        self._served.add(request.key)
        await self._act(customer, heard)

    async def _act(self, customer: Customer, held: Heard) -> None:
        """Do what the customer came for."""
        if customer.intent is Intent.WALK_AWAY:
            return
        at_seconds = held.answered_seconds + customer.think_seconds
        if customer.intent is Intent.PUT_BACK:
            await self._ask(_request("release", held), at_seconds)
            return
        if customer.intent is Intent.PAY_LATE:
            at_seconds = held.answered_seconds + RESERVATION_TTL_SECONDS + LATE_SECONDS
        paid = _request("confirm", held)
        times = 2 if customer.pays_twice else 1
        await asyncio.gather(*(self._ask(paid, at_seconds) for _ in range(times)))

    async def _ask(self, request: Request, at_seconds: float) -> Heard | None:
        await asyncio.sleep(max(0.0, at_seconds - time.monotonic()))
        self.sent += 1
        heard = await self._entry.ask(request, at_seconds)
        if heard is None:
            self.hearings.unanswered.append(request)
        else:
            self.hearings.heard.append(heard)
        return heard

    def _wish(self, customer: Customer, attempt: int) -> Request:
        """Give what the customer asks; a new attempt is a new wish, with a key of its own."""
        return Request(
            "reserve",
            f"{self._item.run}-{customer.name}-{attempt}",
            RESERVATIONS,
            {
                "sku": self._item.sku,
                "location": self._item.location,
                "sale_id": self._item.sale_id,
                "units": customer.units,
                "ttl_seconds": RESERVATION_TTL_SECONDS,
                "channel": CHANNEL,
                "customer": f"{self._item.run}-{customer.name}",
            },
        )


def _request(kind: str, held: Heard) -> Request:
    path = f"{RESERVATIONS}/{quote(held.reservation_id, safe='')}/{kind}"
    return Request(kind, f"{held.request.key}-{kind}", path, {})
