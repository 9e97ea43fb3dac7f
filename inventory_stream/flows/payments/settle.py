"""Settles payment events: asks the ledger what the table says, and tells what came of it.

Events come in any order, late and repeated. Nothing is remembered here: what a reservation heard of its
payment before stands in its row (`names`), and the ledger decides one command after the other. Two rules
make every order of one payment's events end alike:

* a void is final for its payment: a confirm of it that comes later is taken back in the same call, and
  whichever of the two comes second hears that the money must go back;
* a failure releases only what is not paid.
"""

from collections.abc import Callable, Sequence
from typing import Final

from msgspec.structs import replace

from inventory_stream.flows.orders.notes import OrderNotes
from inventory_stream.flows.orders.settle import HeldLine, Settlement, SettleOrder
from inventory_stream.flows.payments.names import command_ids, has_heard
from inventory_stream.flows.payments.table import ACTS, Act, ConfirmOn
from inventory_stream.ports.desk import Desk
from inventory_stream.ports.payments import PaymentOutcomes
from inventory_stream.ports.sale_monitor import SILENT_SALE, SaleMonitor
from models.payments import (
    PaymentEvent,
    PaymentKind,
    PaymentOutcome,
    Settled,
    SettledAs,
    SettledLine,
    settled_as,
)

_BOUGHT: Final = frozenset({Settled.CONFIRMED, Settled.PARTLY_CONFIRMED})


class LinesUnknownError(Exception):
    """A reservation's id does not tell its SKU, and the event does not either. The message names it."""


class SettlePayment:
    """Settles one event at a time; any number of calls may run side by side, here and in other gateways."""

    def __init__(
        self,
        desk: Desk,
        notes: OrderNotes,
        outcomes: PaymentOutcomes,
        confirm_on: ConfirmOn,
        sku_of: Callable[[str], str | None],
        monitor: SaleMonitor = SILENT_SALE,
    ) -> None:
        """Take what it needs.

        Args:
            desk: Decides.
            notes: Know the lines of orders.
            outcomes: Hear what came of it.
            confirm_on: Which event makes units the buyer's.
            sku_of: Reads the SKU out of a reservation's id, None where it cannot be.
            monitor: Hears what came of each.
        """
        self._orders = SettleOrder(desk)
        self._notes = notes
        self._outcomes = outcomes
        self._confirm_on = confirm_on
        self._sku_of = sku_of
        self._monitor = monitor

    async def settle(self, event: PaymentEvent, within_seconds: float) -> PaymentOutcome:
        """Do what an event means, and publish what came of it.

        Raises:
            LinesUnknownError: see there; permanent.
            RetryableError: the ledger, the notes or the topic of outcomes did not answer. The same event
                goes on where this call ended.
        """
        lines = await self._lines(event)
        if lines is None:
            outcome = _outcome(event, SettledAs.UNKNOWN_ORDER, ())
        else:
            settled = tuple([one.line for one in await self._act(event, lines, within_seconds)])
            outcome = _outcome(event, settled_as(settled), settled)
        await self._outcomes.publish(outcome)
        self._monitor.settled(outcome.status.value)
        return outcome

    async def _lines(self, event: PaymentEvent) -> Sequence[HeldLine] | None:
        if not event.reservations:
            note = await self._notes.find(event.order_id or "")
            return None if note is None else note.held
        lines = []
        for at, paid in enumerate(event.reservations):
            sku = paid.sku or self._sku_of(paid.reservation_id)
            if sku is None:
                raise LinesUnknownError(f"reservation {paid.reservation_id}: name its sku beside it")
            lines.append(HeldLine(str(at), paid.reservation_id, sku))
        return lines

    async def _act(
        self, event: PaymentEvent, lines: Sequence[HeldLine], within_seconds: float
    ) -> list[Settlement]:
        act, ids = ACTS[event.kind, self._confirm_on], command_ids(event)
        if act is Act.CONFIRM:
            settled = await self._orders.confirm(lines, event.order_id, ids, within_seconds)
            return await self._take_back(event, lines, settled, within_seconds)
        if act is Act.CALL_OFF:
            freed = await self._orders.call_off(lines, ids, within_seconds)
            return [_with_money(event, one) for one in freed]
        if act is Act.RELEASE:
            return await self._orders.release(lines, ids, within_seconds)
        return [
            Settlement(SettledLine(line.reservation_id, line.sku, Settled.NOTHING), None) for line in lines
        ]

    async def _take_back(
        self,
        event: PaymentEvent,
        lines: Sequence[HeldLine],
        settled: list[Settlement],
        within_seconds: float,
    ) -> list[Settlement]:
        """Call off again what was confirmed for a payment that had been voided."""
        voided = [
            at
            for at, (line, row) in enumerate(settled)
            if line.result in _BOUGHT and row is not None and has_heard(row, event, PaymentKind.VOIDED)
        ]
        if voided:
            called_off = [lines[at] for at in voided]
            await self._orders.call_off(called_off, command_ids(event, undo=True), within_seconds)
        for at in voided:
            line = settled[at].line
            refund = replace(line, result=Settled.REFUND_REQUIRED, refund_units=line.units, units=0)
            settled[at] = settled[at]._replace(line=refund)
        return settled


def _with_money(event: PaymentEvent, one: Settlement) -> Settlement:
    """Say of units that were called off whether their money had been captured."""
    line, row = one
    is_paid = row is not None and has_heard(row, event, PaymentKind.CAPTURED)
    if line.result is not Settled.CANCELLED or not is_paid:
        return one
    return one._replace(line=replace(line, result=Settled.REFUND_REQUIRED, refund_units=line.units, units=0))


def _outcome(event: PaymentEvent, status: SettledAs, lines: tuple[SettledLine, ...]) -> PaymentOutcome:
    return PaymentOutcome(
        event.provider, event.id, event.payment_id, event.kind, status, event.order_id, lines
    )
