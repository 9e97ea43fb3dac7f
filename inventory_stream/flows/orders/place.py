"""Place an order of many lines: a saga whose leftovers expire by themselves.

The ledger decides each line alone, perhaps in different partitions. So all lines are reserved for a short
time, and extended to the order's own time once they are all there: a gateway that dies in between leaves
nothing behind but reservations that end within `ASSEMBLE_SECONDS`.

Every command id follows from the request and from the answers before it, and the ledger gives a command id
its first answer again (R27). So a repeat of the request, by any gateway, walks the same way to the same
end, and goes on where the first one broke off. A line whose reservation had ended by then (its extension is
refused) is tried anew under the next name.
"""

from collections.abc import Sequence
from contextlib import suppress
from enum import StrEnum
from typing import Final, NamedTuple, Protocol

from inventory_stream.errors import RetryableError
from inventory_stream.flows.orders.asking import Asking
from inventory_stream.flows.orders.settle import HeldLine
from inventory_stream.ports.desk import Decision, Desk, NotAnsweredError
from models.commands import Extend, Release, Reserve
from models.outcomes import NOT_FINAL, Outcome
from models.paths import COMMON
from models.rows import Breakdown, ReservationRow

ASSEMBLE_SECONDS: Final = 15
"""How long lines are held while an order is put together: what a gateway's death hides of the stock. More
than a request may take by default (2 s) with its repeats; part of what is asked, so a change of it is a
change of every order that is under way."""

TRIES_MAX: Final = 4
"""Names that one line is reserved under: each more needs another lapse of `ASSEMBLE_SECONDS` in between. It
keeps the commands of one reservation within the 16 whose answers are kept (R27)."""

_GRANTED: Final = frozenset(
    {Outcome.GRANTED, Outcome.PARTIALLY_GRANTED, Outcome.BACKORDERED, Outcome.ALREADY_GRANTED}
)
_HELD: Final = frozenset({Outcome.EXTENDED, Outcome.EXTEND_LIMIT})
_REUSED: Final = frozenset({Outcome.COMMAND_ID_REUSED, Outcome.RESERVATION_ID_REUSED})


class Mode(StrEnum):
    """What happens to an order of which the ledger refuses a line."""

    ALL = "all"
    """The lines that were granted are released, the order is refused."""
    PARTIAL = "partial"
    """The other lines stand."""


class AskedLine(NamedTuple):
    """One line as the shop asks for it: a location, or a group with a strategy."""

    line_id: str
    sku: str
    units: int
    location: str | None = None
    group: str | None = None
    strategy: str = "first_fit"
    path: str = COMMON
    allow_partial: bool = False
    allow_backorder: bool = False


class AskedOrder(NamedTuple):
    """An order as the shop asks for it. `customer` is a keyed hash, never a name (R23)."""

    order_id: str
    mode: Mode
    ttl_seconds: int
    lines: Sequence[AskedLine]
    channel: str | None = None
    customer: str | None = None


class Names(Protocol):
    """What a request calls its reservations and commands; equal for equal requests, for no other."""

    def reservation_id(self, sku: str, line: str) -> str:
        """Name the reservation of a line."""

    def command_id(self, step: str) -> str:
        """Name a command."""


class PlacedLine(NamedTuple):
    """What came of one line. `breakdown` says why it was refused; `held` is None then.

    `units` are set aside until `deadline_ms`; less than asked where the line allows it.
    """

    asked: AskedLine
    outcome: Outcome
    units: int
    held: HeldLine | None
    deadline_ms: int
    breakdown: Breakdown | None

    @property
    def is_granted(self) -> bool:
        """Whether units are held for it."""
        return self.outcome in _GRANTED


class PlacedOrder(NamedTuple):
    """What came of an order. `is_repeat`: all of it was decided before."""

    lines: Sequence[PlacedLine]
    is_placed: bool
    is_repeat: bool


class KeyReusedError(Exception):
    """The ledger knows the request's key from another request (R27, R28)."""


class PlaceOrder:
    """The saga."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def place(self, order: AskedOrder, names: Names, within_seconds: float) -> PlacedOrder:
        """Reserve all lines; see the module.

        Raises:
            NotAnsweredError: not all was decided in time, or lines lapsed again and again; the same request
                goes on where this one ended.
            DeskClosedError: nothing was sent.
            KeyReusedError: the same names were used for another order.
        """
        return await _Attempt(Asking(self._desk, within_seconds), order, names).run()


class _Attempt:
    """One walk of the saga."""

    def __init__(self, asking: Asking, order: AskedOrder, names: Names) -> None:
        self._asking = asking
        self._order = order
        self._names = names
        self._tries = [0] * len(order.lines)
        self._decided: dict[int, Decision] = {}
        self._is_repeat = True

    async def run(self) -> PlacedOrder:
        for _ in range(TRIES_MAX):
            await self._reserve()
            granted = [at for at in sorted(self._decided) if self._decided[at].outcome in _GRANTED]
            if len(granted) < len(self._tries) and self._order.mode is Mode.ALL:
                await self._release(granted)
                return self._placed(is_placed=False)
            if not granted:
                return self._placed(is_placed=False)
            if not await self._hold(granted):
                return self._placed(is_placed=True)
        raise NotAnsweredError("the lines of the order ended faster than they could be put together")

    async def _reserve(self) -> None:
        """Ask for the lines that are not decided under their present name."""
        asked = [at for at in range(len(self._tries)) if at not in self._decided]
        decisions = await self._asking.ask_all([self._reserve_command(at) for at in asked])
        for at, decision in zip(asked, decisions, strict=True):
            if decision.outcome in _REUSED:
                raise KeyReusedError
            if decision.outcome in NOT_FINAL:
                # TOO_LATE above all: another answer may follow, so the order has none yet.
                raise NotAnsweredError(f"line {self._order.lines[at].line_id}: {decision.outcome.name}")
            self._decided[at] = decision
            self._is_repeat &= decision.is_repeat

    async def _hold(self, granted: Sequence[int]) -> bool:
        """Extend the lines to the order's time; says whether some had ended, to be tried anew."""
        # All names are in the id: lines that were tried anew need an answer of their own from the others.
        tried = ",".join(map(str, self._tries))
        commands = [
            Extend(
                self._names.command_id(f"hold\n{self._order.lines[at].line_id}\n{tried}"),
                self._reservation_id(at),
                self._order.lines[at].sku,
                self._order.ttl_seconds,
            )
            for at in granted
        ]
        has_lapsed = False
        for at, decision in zip(granted, await self._asking.ask_all(commands), strict=True):
            if decision.outcome in _REUSED:
                raise KeyReusedError
            self._is_repeat &= decision.is_repeat
            if decision.outcome in _HELD:
                self._decided[at] = self._decided[at]._replace(row=decision.row)
            else:
                self._tries[at] += 1
                del self._decided[at]
                has_lapsed = True
        return has_lapsed

    async def _release(self, granted: Sequence[int]) -> None:
        """Free what was granted. The order is refused whether this is heard or not: it ends by itself."""
        releases = [
            Release(
                self._names.command_id(f"drop\n{self._order.lines[at].line_id}\n{self._tries[at]}"),
                self._reservation_id(at),
                self._order.lines[at].sku,
            )
            for at in granted
        ]
        with suppress(RetryableError):
            await self._asking.ask_all(releases)

    def _reservation_id(self, at: int) -> str:
        line = self._order.lines[at]
        return self._names.reservation_id(line.sku, f"{line.line_id}\n{self._tries[at]}")

    def _reserve_command(self, at: int) -> Reserve:
        line, order = self._order.lines[at], self._order
        return Reserve(
            id=self._names.command_id(f"reserve\n{line.line_id}\n{self._tries[at]}"),
            reservation_id=self._reservation_id(at),
            sku=line.sku,
            units=line.units,
            ttl_seconds=min(ASSEMBLE_SECONDS, order.ttl_seconds),
            location=line.location,
            group=line.group,
            strategy="split" if line.strategy == "split" else "first_fit",
            channel=order.channel,
            order_id=order.order_id,
            allow_partial=line.allow_partial,
            path=line.path,
            customer=order.customer,
            allow_backorder=line.allow_backorder,
        )

    def _placed(self, *, is_placed: bool) -> PlacedOrder:
        lines = []
        for at, asked in enumerate(self._order.lines):
            decision = self._decided[at]
            is_granted = decision.outcome in _GRANTED
            row = decision.row
            lines.append(
                PlacedLine(
                    asked,
                    decision.outcome,
                    decision.units if is_granted else 0,
                    HeldLine(asked.line_id, self._reservation_id(at), asked.sku) if is_granted else None,
                    row.deadline_ms if is_granted and isinstance(row, ReservationRow) else 0,
                    decision.breakdown,
                )
            )
        return PlacedOrder(lines, is_placed, self._is_repeat)
