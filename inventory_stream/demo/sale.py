"""The flash sale's driver: customers ask, hear the ledger's answer, and pay, put back or leave.

How their commands travel is behind `SaleEntry`: through Kafka here, through an HTTP gateway when
there is one. Answers come in by `Sale.hear`, from whoever hears them.
"""

import asyncio
import heapq
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Protocol

from inventory_stream.demo.customers import Customer, Intent
from inventory_stream.demo.errors import DemoError
from inventory_stream.demo.sale_tally import Answered
from models.commands import Command, Confirm, Release, Reserve
from models.outcomes import Outcome

CHANNEL: Final = "web"

RESERVATION_TTL_SECONDS: Final = 4
"""Short, so that what is left behind is back on sale within the demo."""

LATE_SECONDS: Final = 1.0
"""How long after the deadline a late payment comes."""

LOOK_SECONDS_MAX: Final = 0.02
"""Longest sleep of the driver: new work of `hear` waits at most this long."""

ANSWER_SECONDS_MAX: Final = 120.0
"""Longest wait for the next answer. A killed owner's partition is decided again within the session
timeout (6 s), 3 s and 4 s per million rows; this is the bound of a test, not of a customer."""

_GRANTS: Final = frozenset({Outcome.GRANTED, Outcome.PARTIALLY_GRANTED})


class SaleEntry(Protocol):
    """The way in for customers' commands."""

    async def send(self, command: Command) -> None:
        """Take a command; waits while too much is under way.

        Raises:
            UnreachableError: the way is closed.
        """


@dataclass(frozen=True, slots=True)
class SaleItem:
    """What is on sale. `run` keeps the ids of two demos on one broker apart."""

    sku: str
    location: str
    run: str


class Sale:
    """One crowd at one item."""

    def __init__(self, item: SaleItem, entry: SaleEntry) -> None:
        """Describe a sale; `open_to` lets customers in."""
        self._item = item
        self._entry = entry
        self._customers: dict[str, Customer] = {}
        self._holding: set[str] = set()
        self._due: list[tuple[float, int, Command]] = []
        self._order = 0
        self._heard_at = 0.0
        self.sent = 0
        """Commands, repeats included."""
        self.heard = 0
        """Answers, those to repeats included. Every command gets exactly one."""
        self.wanted_units = 0

    @property
    def unanswered(self) -> int:
        """Commands under way."""
        return self.sent - self.heard

    async def open_to(self, customers: Iterable[Customer]) -> None:
        """Let customers in at their time; returns when all have what they will get.

        Raises:
            DemoError: no answer came for `ANSWER_SECONDS_MAX`.
            UnreachableError: the way in is closed.
        """
        began = self._heard_at = time.monotonic()
        for customer in customers:
            self._admit(customer, began + customer.at_seconds)
        while self._due or self.unanswered:
            now = time.monotonic()
            while self._due and self._due[0][0] <= now:
                self.sent += 1
                await self._entry.send(heapq.heappop(self._due)[2])
            if not self.unanswered:
                self._heard_at = now
            elif now - self._heard_at > ANSWER_SECONDS_MAX:
                raise DemoError(
                    f"{self.unanswered:,} commands of the sale got no answer for {ANSWER_SECONDS_MAX:.0f} s"
                )
            wait_seconds = self._due[0][0] - time.monotonic() if self._due else LOOK_SECONDS_MAX
            await asyncio.sleep(min(max(0.0, wait_seconds), LOOK_SECONDS_MAX))

    def hear(self, answers: Iterable[Answered]) -> None:
        """Tell customers the ledger's answers, also those to repeats."""
        for answer in answers:
            self.heard += 1
            self._heard_at = time.monotonic()
            if answer.kind == "reserve" and answer.outcome in _GRANTS:
                self._act(answer)

    def _admit(self, customer: Customer, at: float) -> None:
        self.wanted_units += customer.units
        reservation_id = f"{self._item.run}-{customer.name}"
        self._customers[reservation_id] = customer
        first = self._reserve(customer, reservation_id, attempt=1)
        self._at(at, first)
        if customer.sends_again_after_seconds is not None:
            self._at(at + customer.sends_again_after_seconds, first)
        if customer.presses_again_after_seconds is not None:
            again = self._reserve(customer, reservation_id, attempt=2)
            self._at(at + customer.presses_again_after_seconds, again)

    def _act(self, answer: Answered) -> None:
        """Do, once, what the customer came for."""
        customer = self._customers[answer.reservation_id]
        if answer.reservation_id in self._holding or customer.intent is Intent.WALK_AWAY:
            return
        self._holding.add(answer.reservation_id)
        at = time.monotonic() + customer.think_seconds
        if customer.intent is Intent.PUT_BACK:
            self._at(at, Release(f"{answer.reservation_id}-back", answer.reservation_id, self._item.sku))
            return
        if customer.intent is Intent.PAY_LATE:
            at = time.monotonic() + RESERVATION_TTL_SECONDS + LATE_SECONDS
        paid = Confirm(f"{answer.reservation_id}-paid", answer.reservation_id, self._item.sku)
        self._at(at, paid)
        if customer.pays_twice:
            self._at(at, paid)

    def _reserve(self, customer: Customer, reservation_id: str, attempt: int) -> Reserve:
        return Reserve(
            f"{reservation_id}-{attempt}",
            reservation_id,
            self._item.sku,
            customer.units,
            RESERVATION_TTL_SECONDS,
            location=self._item.location,
            channel=CHANNEL,
            customer=customer.name,
        )

    def _at(self, at: float, command: Command) -> None:
        self._order += 1  # keeps the order of equal times, and commands from being compared
        heapq.heappush(self._due, (at, self._order, command))
