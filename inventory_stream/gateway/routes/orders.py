"""Orders of many lines: placed as one, confirmed as one, and what is left of them shown."""

import asyncio
import secrets
from collections.abc import Sequence
from contextlib import suppress
from hashlib import blake2b
from http import HTTPStatus
from typing import Any, Final, NamedTuple

import msgspec

from inventory_stream.errors import InventoryStreamError
from inventory_stream.flows.orders.notes import OrderNote, OrderNotes, OrderTakenError
from inventory_stream.flows.orders.place import (
    AskedOrder,
    KeyReusedError,
    PlacedOrder,
    PlaceOrder,
)
from inventory_stream.flows.orders.settle import HeldLine, SettleOrder
from inventory_stream.gateway.admissions import ADMISSION_HEADER
from inventory_stream.gateway.endpoint import Call, Endpoint, Handler, Reply
from inventory_stream.gateway.idempotency import command_id_of, key_of, reservation_id_of
from inventory_stream.gateway.outcomes import ANSWERS, REPEAT_HEADER
from inventory_stream.gateway.problems import Problem
from inventory_stream.gateway.reserving import Door, HidesCustomers
from inventory_stream.gateway.routes.order_lines import asked_line, placed_line, settled_body, shown
from inventory_stream.gateway.words.orders import (
    OrderAsked,
    OrderLines,
    OrderPlaced,
    OrderSettled,
    OrderShown,
)
from inventory_stream.ports.desk import Desk
from models.commands import Inspect
from models.paths import SALE
from models.payments import Settled, SettledAs
from models.reservation_ids import sku_of
from models.rows import ReservationRow

_ROOT: Final = "/v1/orders"
_ONE: Final = _ROOT + "/{order_id}"
_REFUSED: Final = (
    "all-reserved",
    "conflict",
    "expired",
    "id-reused",
    "invalid",
    "key-reused",
    "limit-reached",
    "no-single-location",
    "not-answered",
    "not-live",
    "not-ready",
    "sale-closed",
    "sale-not-open",
    "sold-out",
    "waiting-room",
)
_SETTLE_PROBLEMS: Final = (
    "conflict",
    "expired",
    "invalid",
    "key-reused",
    "not-answered",
    "not-live",
    "not-ready",
)
ADMISSIONS_MAX: Final = 8
"""Admissions of one order, separated by commas: each is a signature to be checked for each sale."""

_KEY_REUSED: Final = "the Idempotency-Key was used for another request: take a new one"


class RequestNames(NamedTuple):
    """What a request calls its reservations and commands."""

    caller: str
    key: str

    def reservation_id(self, sku: str, line: str) -> str:
        """Name the reservation of a line."""
        return reservation_id_of(self.caller, self.key, sku, line)

    def command_id(self, step: str) -> str:
        """Name a command."""
        return command_id_of(self.caller, self.key, step)

    def of_line(self, line: HeldLine, step: str) -> str:
        """Name a command of a line: its reservation tells it from the other lines' (R27)."""
        return self.command_id(f"{step}\n{line.reservation_id}")


class OrderRoutes:
    """Endpoints of orders."""

    def __init__(
        self,
        desk: Desk,
        notes: OrderNotes,
        customers: HidesCustomers,
        door: Door | None,
        answer_seconds: float,
    ) -> None:
        """Take what it needs; `door` None: no sale has a waiting room."""
        self._desk = desk
        self._place = PlaceOrder(desk)
        self._settle = SettleOrder(desk)
        self._notes = notes
        self._customers = customers
        self._door = door
        self._answer_seconds = answer_seconds

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Give the endpoints."""
        return (
            Endpoint(
                "POST",
                _ROOT,
                self.place,
                "Place an order of many lines",
                "orders",
                {201: OrderPlaced},
                body=OrderAsked,
                problems=_REFUSED,
                is_write=True,
            ),
            Endpoint(
                "GET",
                _ONE,
                self.show,
                "Show what the ledger has of an order now",
                "orders",
                {200: OrderShown},
                problems=("not-answered", "not-ready"),
            ),
            _settling("confirm", self.confirm, "Make all lines the buyer's", (200, 202, 207)),
            _settling("release", self.release, "Free what is only held"),
            _settling("cancel", self.cancel, "Call the order off: free what is held and what is paid"),
        )

    async def place(self, call: Call) -> Reply:
        """Reserve all lines; see `flows.orders.place`."""
        names = RequestNames(call.caller.name, key_of(call))
        order = self._asked(call, names)
        claimed = await self._claim(order, names)
        is_placed = False
        try:
            placed = await self._reserve(call, order, names)
            is_placed = placed.is_placed
        finally:
            if claimed is not None and not is_placed:
                with suppress(InventoryStreamError):
                    await self._notes.unclaim(order.order_id, claimed)
        lines = [placed_line(line, is_placed=is_placed) for line in placed.lines]
        headers = {REPEAT_HEADER: "true"} if placed.is_repeat else {}
        if not is_placed:
            refused = next(line for line in placed.lines if not line.is_granted)
            answer = ANSWERS[refused.outcome]
            raise Problem(
                answer.slug or "conflict",
                f"line {refused.asked.line_id}: {answer.way_out}",
                members={"order_id": order.order_id, "lines": list(map(msgspec.to_builtins, lines))},
                headers=headers,
            )
        held = tuple(line.held for line in placed.lines if line.held is not None)
        is_noted = False
        if claimed is not None:
            with suppress(InventoryStreamError):
                is_noted = await self._notes.remember(order.order_id, claimed, held)
        is_whole = all(line.is_granted for line in placed.lines)
        body = OrderPlaced(
            order.order_id, "placed" if is_whole else "partial", lines, is_noted, placed.is_repeat
        )
        return Reply(HTTPStatus.CREATED, body, headers)

    async def confirm(self, call: Call) -> Reply:
        """Confirm all lines: 200 all, 207 some, 202 not heard of yet, a problem when none is the buyer's."""
        lines, names = await self._settled(call)
        done = await self._settle.confirm(
            lines, call.path["order_id"], names.of_line, self._within_seconds(call)
        )
        settled = settled_body(call.path["order_id"], done)
        if settled.status is SettledAs.CONFIRMED:
            return Reply(HTTPStatus.OK, settled)
        if settled.status is SettledAs.WAITING:
            return Reply(HTTPStatus.ACCEPTED, settled)
        if any(line.units for line in settled.lines):
            return Reply(HTTPStatus.MULTI_STATUS, settled)
        if settled.status is SettledAs.REFUND_REQUIRED:
            raise _problem("expired", "nothing is held for the order any more: refund the payment", settled)
        raise _problem("conflict", "no line could be confirmed: `lines` say why", settled)

    async def release(self, call: Call) -> Reply:
        """Release all lines."""
        lines, names = await self._settled(call)
        done = await self._settle.release(lines, names.of_line, self._within_seconds(call))
        return _freed(settled_body(call.path["order_id"], done))

    async def cancel(self, call: Call) -> Reply:
        """Release and cancel all lines."""
        lines, names = await self._settled(call)
        done = await self._settle.call_off(lines, names.of_line, self._within_seconds(call))
        return _freed(settled_body(call.path["order_id"], done))

    async def show(self, call: Call) -> Reply:
        """Ask the ledger for each line as it is now."""
        lines = await self._noted(call)
        rows = await asyncio.gather(*map(self._row, lines))
        found = [shown(line, row) for line, row in zip(lines, rows, strict=True) if row is not None]
        return Reply(HTTPStatus.OK, OrderShown(call.path["order_id"], found))

    def _within_seconds(self, call: Call) -> float:
        return call.wait_seconds or self._answer_seconds

    async def _row(self, line: HeldLine) -> ReservationRow | None:
        # A word of its own: an older look of somebody else must not be this one's answer.
        command = Inspect(f"http:look-{secrets.token_hex(8)}", line.reservation_id, line.sku)
        row = (await self._desk.ask(command, self._answer_seconds)).row
        return row if isinstance(row, ReservationRow) else None

    async def _settled(self, call: Call) -> tuple[Sequence[HeldLine], RequestNames]:
        """Find the lines that a request is about."""
        body: OrderLines = call.body
        names = RequestNames(call.caller.name, key_of(call))
        if not body.reservations:
            return await self._noted(call), names
        lines = []
        for at, paid in enumerate(body.reservations):
            sku = paid.sku or sku_of(paid.reservation_id)
            if sku is None:
                raise Problem("invalid", f"reservation {paid.reservation_id}: name its sku beside it")
            lines.append(HeldLine(str(at), paid.reservation_id, sku))
        if len({line.reservation_id for line in lines}) < len(lines):
            raise Problem("invalid", "a reservation stands twice in the order")
        return lines, names

    async def _noted(self, call: Call) -> Sequence[HeldLine]:
        """Give the lines that were noted for who placed the order.

        A public key is everybody's, and order ids can be guessed: what it reserved is read by the ids of its
        reservations, which nobody can guess.
        """
        if call.caller.is_public:
            raise Problem("not-found", "orders are not shown to public keys: ask for its reservations")
        try:
            note = await self._notes.find(call.path["order_id"])
        except InventoryStreamError:
            raise Problem(
                "not-ready", "the order's lines cannot be looked up now: name its reservations"
            ) from None
        if note is None or note.caller != call.caller.name:
            raise Problem("not-found", "no such order of yours is noted (any more): name its reservations")
        return note.held

    async def _claim(self, order: AskedOrder, names: RequestNames) -> OrderNote | None:
        """Take the order's id for this request before anything is reserved; None: Redis is away.

        Raises:
            Problem: `id-reused`: payments and callers know another order by it.
        """
        content = blake2b(msgspec.msgpack.encode(order), digest_size=16).hexdigest()
        try:
            return await self._notes.claim(order.order_id, names.caller, names.command_id(content))
        except OrderTakenError:
            raise Problem(
                "id-reused", f"order {order.order_id!r} stands for another request: name a new one"
            ) from None
        except InventoryStreamError:
            return None

    async def _reserve(self, call: Call, order: AskedOrder, names: RequestNames) -> PlacedOrder:
        """Pass the doors and have the lines decided."""
        held = await self._admit(call, order, names)
        try:
            placed = await self._place.place(order, names, self._within_seconds(call))
        except KeyReusedError:
            raise Problem("key-reused", _KEY_REUSED) from None
        if self._door is not None:
            for sale_path, admission in held.items():
                is_granted = placed.is_placed and any(
                    line.is_granted and line.asked.path == sale_path for line in placed.lines
                )
                await self._door.settle(admission, is_granted=is_granted)
        return placed

    def _asked(self, call: Call, names: RequestNames) -> AskedOrder:
        body: OrderAsked = call.body
        own_channel = call.caller.channel
        if own_channel is not None and body.channel not in {None, own_channel}:
            raise Problem("not-allowed", f"the key is of the channel {own_channel!r}")
        lines = [asked_line(str(at), line, own_channel) for at, line in enumerate(body.lines)]
        if len({line.line_id for line in lines}) < len(lines):
            raise Problem("invalid", "a line_id stands twice in the order")
        customer = None if body.customer is None else self._customers.hash(body.customer)
        order_id = body.order_id or "o-" + names.command_id("order")[len("http:") :]
        return AskedOrder(order_id, body.mode, body.ttl_seconds, lines, body.channel or own_channel, customer)

    async def _admit(self, call: Call, order: AskedOrder, names: RequestNames) -> dict[str, Any]:
        """Go through the doors of the sales that have a waiting room; the order is one use of each admission.

        Where one door stays shut, what was bound at the others is free again.
        """
        door, held = self._door, dict[str, Any]()
        if door is None:
            return held
        paths = {line.path for line in order.lines if line.path.startswith(SALE)}
        try:
            for path in sorted(paths):
                admission = await self._pass(door, path.removeprefix(SALE), call, order, names)
                if admission is not None:
                    held[path] = admission
        except (Problem, InventoryStreamError):
            for admission in held.values():
                await door.withdraw(admission)
            raise
        return held

    async def _pass(
        self, door: Door, sale_id: str, call: Call, order: AskedOrder, names: RequestNames
    ) -> Any | None:  # noqa: ANN401  # the door's own note
        """Show the admissions one after the other: each names its sale only by its signature."""
        tokens = call.headers.get(ADMISSION_HEADER, "").split(",")[:ADMISSIONS_MAX]
        for token in tokens[:-1]:
            with suppress(Problem):
                return await door.check(sale_id, order.customer, token.strip(), names.command_id("order"))
        return await door.check(
            sale_id, order.customer, tokens[-1].strip() or None, names.command_id("order")
        )


def _settling(word: str, handle: Handler, summary: str, statuses: tuple[int, ...] = (200,)) -> Endpoint:
    return Endpoint(
        "POST",
        f"{_ONE}/{word}",
        handle,
        summary,
        "orders",
        dict.fromkeys(statuses, OrderSettled),
        body=OrderLines,
        problems=_SETTLE_PROBLEMS,
        is_write=True,
    )


def _freed(settled: OrderSettled) -> Reply:
    freed = {Settled.RELEASED, Settled.CANCELLED, Settled.WAITING}
    if any(line.result in freed for line in settled.lines):
        return Reply(HTTPStatus.OK, settled)
    raise _problem("not-live", "nothing of the order is left that could be freed", settled)


def _problem(slug: str, detail: str, settled: OrderSettled) -> Problem:
    members = msgspec.to_builtins(settled)
    members["settled"] = members.pop("status")  # a problem's own status is the number
    return Problem(slug, detail, members=members)
