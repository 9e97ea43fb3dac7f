"""What happens to the lines of an order after it was placed: confirm, release, call off.

Orders and payments mean the same by these words, so both go through here. Every step asks by a command id
that its caller derives, so that all of it may be asked again and hears the same.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from inventory_stream.flows.orders.asking import Asking
from inventory_stream.ports.desk import Decision, Desk
from models.commands import Cancel, Confirm, Extend, Release
from models.outcomes import Outcome
from models.payments import Settled, SettledLine
from models.rows import Line, ReservationRow

CONFIRM_HOLD_SECONDS: Final = 60
"""How long lines are held while all of an order are confirmed: the longest time a request may wait, so that
no line ends between the first confirm and the last. A deadline further off stays."""

_CONFIRMED: Final = frozenset({Outcome.CONFIRMED, Outcome.CONFIRMED_LATE, Outcome.ALREADY_CONFIRMED})
_WRONG: Final = frozenset(
    {
        Outcome.RESERVATION_ID_REUSED,
        Outcome.COMMAND_ID_REUSED,
        Outcome.TOO_MANY_COMMANDS,
        Outcome.WRONG_PARTITION,
        Outcome.PRODUCT_CHANGED,
        Outcome.UNKNOWN_RESERVATION,
        Outcome.MORE_THAN_HELD,
    }
)
"""Refusals of how it was asked: no word about the units, so none about the money."""


_WITHOUT_MONEY: Final = {
    Outcome.REMEMBERED: Settled.WAITING,
    Outcome.ALREADY_APPLIED: Settled.NOTHING,
    **dict.fromkeys(_WRONG, Settled.REFUSED),
}
"""What a confirm answers that says nothing of the units."""


class HeldLine(NamedTuple):
    """A reservation as a line of an order."""

    line_id: str
    reservation_id: str
    sku: str


CommandIds = Callable[[HeldLine, str], str]
"""(line, step) -> the id under which the step is asked; equal for equal requests."""


class Settlement(NamedTuple):
    """What came of one line, with the row that says so: None where the ledger keeps none."""

    line: SettledLine
    row: ReservationRow | None


class SettleOrder:
    """Moves all lines of an order. Every method raises as `Asking.ask`; what was decided by then stays."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def confirm(
        self, lines: Sequence[HeldLine], order_id: str | None, ids: CommandIds, within_seconds: float
    ) -> list[Settlement]:
        """Extend all lines, then confirm all: lines that were lost by then are to be refunded (R17)."""
        asking = Asking(self._desk, within_seconds)
        if len(lines) > 1:
            await asking.ask_all(
                [
                    Extend(ids(line, "hold"), line.reservation_id, line.sku, CONFIRM_HOLD_SECONDS)
                    for line in lines
                ]
            )
        decisions = await asking.ask_all(
            [
                Confirm(ids(line, "confirm"), line.reservation_id, line.sku, order_id=order_id)
                for line in lines
            ]
        )
        return [_confirmed(line, decision) for line, decision in zip(lines, decisions, strict=True)]

    async def release(
        self, lines: Sequence[HeldLine], ids: CommandIds, within_seconds: float
    ) -> list[Settlement]:
        """Free what is only reserved; what was confirmed stays."""
        asking = Asking(self._desk, within_seconds)
        decisions = await asking.ask_all(
            [Release(ids(line, "release"), line.reservation_id, line.sku) for line in lines]
        )
        return [_freed(line, (decision,)) for line, decision in zip(lines, decisions, strict=True)]

    async def call_off(
        self, lines: Sequence[HeldLine], ids: CommandIds, within_seconds: float
    ) -> list[Settlement]:
        """Free what is reserved and what is allocated."""
        asking = Asking(self._desk, within_seconds)

        async def one(line: HeldLine) -> Settlement:
            # In this order: a confirm that comes in between finds nothing reserved any more, or its
            # units are cancelled after it. The other way round it would keep them.
            release = Release(ids(line, "release"), line.reservation_id, line.sku)
            cancel = Cancel(ids(line, "cancel"), line.reservation_id, line.sku)
            return _freed(line, (await asking.ask(release), await asking.ask(cancel)))

        ended = await asyncio.gather(*map(one, lines), return_exceptions=True)
        settlements = []
        for end in ended:
            if isinstance(end, BaseException):
                raise end
            settlements.append(end)
        return settlements


def bought_units(row: ReservationRow) -> int:
    """Count the units of a reservation that are the buyer's, shipped or to be shipped."""
    return sum(line.allocated + line.fulfilled + line.backorders_confirmed for line in row.lines)


def _row_of(decision: Decision) -> ReservationRow | None:
    return decision.row if isinstance(decision.row, ReservationRow) else None


def _settlement(
    line: HeldLine, decision: Decision, result: Settled, units: int = 0, refund_units: int = 0
) -> Settlement:
    settled = SettledLine(
        line.reservation_id, line.sku, result, decision.outcome.name.lower(), units, refund_units
    )
    return Settlement(settled, _row_of(decision))


def _confirmed(line: HeldLine, decision: Decision) -> Settlement:
    outcome, row = decision.outcome, _row_of(decision)
    bought = bought_units(row) if row is not None else 0
    if outcome in _CONFIRMED:
        return _settlement(line, decision, Settled.CONFIRMED, bought)
    if outcome in _WITHOUT_MONEY or row is None:
        return _settlement(line, decision, _WITHOUT_MONEY.get(outcome, Settled.REFUSED))
    if outcome is Outcome.NOT_LIVE:  # released or cancelled, so by nobody's fault but the money is here
        granted = sum(part.granted for part in row.lines) or row.units
        return _settlement(line, decision, Settled.REFUND_REQUIRED, 0, granted)
    lost = sum(map(_lost_units, row.lines))
    if bought:
        return _settlement(line, decision, Settled.PARTLY_CONFIRMED, bought, lost)
    return _settlement(line, decision, Settled.REFUND_REQUIRED, 0, lost or row.units)


def _lost_units(line: Line) -> int:
    return line.expired + line.revoked


def _freed(line: HeldLine, decisions: Sequence[Decision]) -> Settlement:
    """Sum up the release and the cancel of a line; the newest row counts."""
    last = decisions[-1]
    done = {decision.outcome for decision in decisions}
    if Outcome.CANCELLED in done:
        units = sum(one.units for one in decisions if one.outcome in {Outcome.CANCELLED, Outcome.RELEASED})
        return _settlement(line, last, Settled.CANCELLED, units)
    if Outcome.RELEASED in done:
        return _settlement(line, decisions[0], Settled.RELEASED, decisions[0].units)._replace(
            row=_row_of(last)
        )
    if Outcome.REMEMBERED in done:
        return _settlement(line, last, Settled.WAITING)
    if done & _WRONG:
        return _settlement(line, last, Settled.REFUSED)
    row = _row_of(last)
    is_shipped = row is not None and any(part.fulfilled for part in row.lines)
    return _settlement(line, last, Settled.SHIPPED if is_shipped else Settled.NOTHING)
