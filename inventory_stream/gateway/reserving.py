"""From a shopper's request to the ledger's decision, with what may end it before the ledger is asked."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol

import msgspec

from inventory_stream.errors import RetryableError
from inventory_stream.gateway.admissions import ADMISSION_HEADER, Retry
from inventory_stream.gateway.endpoint import Caller
from inventory_stream.gateway.idempotency import command_id_of, reservation_id_of
from inventory_stream.gateway.outcomes import ANSWERS, numbers_of, problem_of
from inventory_stream.gateway.problems import Problem
from inventory_stream.gateway.reservation_answers import reservation_answer
from inventory_stream.gateway.security.public import PUBLIC_BOUNDS, PublicBounds, customer_of
from inventory_stream.gateway.words.reservations import LineResult, ReserveBody
from inventory_stream.ports.desk import Decision, Desk, DeskClosedError
from inventory_stream.ports.sale_monitor import SILENT_SALE, SaleMonitor
from inventory_stream.ports.shelf import Shelf
from models.commands import Inspect, Reserve
from models.ids import ID_CHARACTERS_MAX
from models.outcomes import Outcome
from models.paths import CHANNEL, COMMON, SALE
from models.reservation_ids import sku_of
from models.rows import ReservationRow

_UNDECIDED_GRACE_MS: Final = 5_000
"""After a request's deadline another one may have its admission only so much later: clocks of gateways,
owners and Redis differ."""


class HidesCustomers(Protocol):
    """Turns what a shop calls a shopper into what the ledger may keep."""

    def hash(self, customer: str) -> str:
        """Give the keyed hash; may raise the problem `too-many-requests`."""


class Door(Protocol):
    """The waiting rooms' door; see `gateway/admissions.py`."""

    async def check(
        self,
        sale_id: str,
        customer: str | None,
        token: str | None,
        reservation_id: str,
        retry: Retry = ...,
    ) -> Any | None:  # noqa: ANN401  # the door's own note, which only it reads
        """Let a reservation of a sale pass, or raise the problem `waiting-room`."""

    async def withdraw(self, held: Any) -> None:  # noqa: ANN401
        """Hear that nothing was sent."""

    async def settle(self, held: Any, *, is_granted: bool) -> None:  # noqa: ANN401
        """Hear what came of it."""


class Knows(Protocol):
    """Knows which reservations the ledger wrote of lately."""

    def knows(self, reservation_id: str) -> bool:
        """Whether it did of this one."""


class Asked(NamedTuple):
    """A request as the ledger will be asked it."""

    command: Reserve
    sale_id: str | None


class Reserving:
    """Grants, one or many.

    Args:
        desk: Decides.
        now_ms: The owners' clock, as well as it is known.
        customers: Hides them; None: no customer can be named.
        shelf: Says early that something is sold out; None: only the ledger does.
        recent: What the shelf may not be asked about.
        door: Of the waiting rooms; None: there are none.
        monitor: Hears of what is refused early.
        public: What a public caller may hold at once.
    """

    def __init__(
        self,
        desk: Desk,
        now_ms: Callable[[], int],
        *,
        customers: HidesCustomers | None = None,
        shelf: Shelf | None = None,
        recent: Knows | None = None,
        door: Door | None = None,
        monitor: SaleMonitor = SILENT_SALE,
        public: PublicBounds = PUBLIC_BOUNDS,
    ) -> None:
        self._desk = desk
        self._now_ms = now_ms
        self._customers = customers
        self._shelf = shelf
        self._recent = recent
        self._door = door
        self._monitor = monitor
        self.public: Final = public

    @property
    def door(self) -> Door | None:
        """The door, for whoever reserves in another way."""
        return self._door

    def asked(self, caller: Caller, key: str, body: ReserveBody, line: int = 0) -> Asked:
        """Make the command of a request, the same one for each retry.

        Raises:
            Problem: `invalid` for what the ledger could never decide, `not-allowed`, `too-many-requests`.
        """
        if (body.location is None) == (body.group is None):
            raise Problem("invalid", "name a location, or a group of locations, and not both")
        path, sale_id = path_of(body.sale_id, body.path)
        if caller.is_public:
            self.public.check_units(body.units, path)
            self.public.check_ttl(body.ttl_seconds)
        channel = body.channel or caller.channel
        if caller.channel not in {None, channel} or (
            path.startswith(CHANNEL) and caller.channel not in {None, path.removeprefix(CHANNEL)}
        ):
            raise Problem("not-allowed", f"the key is of the channel {caller.channel!r}")
        named = customer_of(caller, body.customer)
        customer = None
        if named is not None:
            if self._customers is None:
                raise Problem("not-ready", "this gateway has no gateway.customer_key to hide customers with")
            customer = self._customers.hash(named)
            if caller.is_public:
                # Shoppers who share a key, and by chance its word, are still two.
                key = f"{key} {customer}"
        command = Reserve(
            command_id_of(caller.name, key, f"reserve {line}"),
            reservation_id_of(caller.name, key, body.sku, line),
            body.sku,
            body.units,
            body.ttl_seconds,
            body.location,
            body.group,
            body.strategy,
            channel,
            body.order_id,
            body.allow_partial,
            path,
            customer,
            None,
            body.allow_backorder,
        )
        return Asked(command, sale_id)

    async def decide(
        self,
        asked: Asked,
        headers: Mapping[str, str],
        within_seconds: float,
        decide_seconds: float | None = None,
        bind: Callable[[], Awaitable[None]] | None = None,
    ) -> Decision:
        """Have it decided.

        Args:
            asked: The request.
            headers: May hold the admission of a waiting room.
            within_seconds: How long to wait.
            decide_seconds: How long the ledger may take to decide; None: so that the answer still comes.
            bind: Binds the request's key; not heard of what is refused early, of which a crash has many.

        Raises:
            Problem: the waiting room does not let it through, or it is surely sold out.
            NotAnsweredError: no answer within the time.
            DeskClosedError: nothing was sent.
        """
        command, sale_id = asked
        self._refuse_early(command)
        if bind is not None:
            await bind()
        held = None
        if sale_id is not None and self._door is not None:
            token = headers.get(ADMISSION_HEADER)
            retry = self._retry(command, max(within_seconds, decide_seconds or 0))
            held = await self._door.check(sale_id, command.customer, token, command.reservation_id, retry)
        if decide_seconds is not None:
            answer_by = self._now_ms() + int(decide_seconds * 1_000)
            command = msgspec.structs.replace(command, answer_by=answer_by)
        try:
            decision = await self._desk.ask(command, within_seconds)
        except DeskClosedError:
            if held is not None and self._door is not None:
                await self._door.withdraw(held)
            raise
        if held is not None and self._door is not None:
            await self._door.settle(held, is_granted=ANSWERS[decision.outcome].slug is None)
        return decision

    async def decide_many(
        self,
        caller: Caller,
        key: str,
        bodies: Sequence[ReserveBody],
        headers: Mapping[str, str],
        within_seconds: float,
    ) -> list[LineResult]:
        """Have many decided, each by itself; a refusal is the result of its line alone.

        Every line has ids of its own, so a line that was not answered hears its answer when the whole
        request is sent again.

        Raises:
            DeskClosedError: nothing was sent.
        """
        results: list[LineResult | None] = []
        commands: list[Reserve] = []
        passed: list[Any] = []
        # One task for each line that has a door to pass, as that may ask a server; none for the others.
        asked = [self._asked_or_refused(caller, key, body, line) for line, body in enumerate(bodies)]
        doors = await asyncio.gather(
            *(self._pass(one, headers, within_seconds) for one in asked if self._has_door(one))
        )
        at_door = iter(doors)
        for one in asked:
            held = next(at_door) if self._has_door(one) else None
            refused = one if isinstance(one, Problem) else held if isinstance(held, Problem) else None
            if refused is not None:
                results.append(_refused(refused))
                continue
            assert isinstance(one, Asked)  # noqa: S101  # the other was refused
            results.append(None)
            commands.append(one.command)
            passed.append(held)
        try:
            answers = await self._desk.ask_all(commands, within_seconds)
        except DeskClosedError:
            for held in passed:
                if held is not None and self._door is not None:
                    await self._door.withdraw(held)
            raise
        decisions = iter(zip(answers, passed, strict=True))
        told = []
        for result in results:
            if result is not None:
                told.append(result)
                continue
            decision, held = next(decisions)
            if held is not None and self._door is not None and decision is not None:
                await self._door.settle(held, is_granted=ANSWERS[decision.outcome].slug is None)
            told.append(_NOT_ANSWERED if decision is None else _result(decision))
        return told

    def _asked_or_refused(self, caller: Caller, key: str, body: ReserveBody, line: int) -> Asked | Problem:
        try:
            asked = self.asked(caller, key, body, line)
            self._refuse_early(asked.command)
        except Problem as problem:
            return problem
        return asked

    def _has_door(self, asked: Asked | Problem) -> bool:
        return self._door is not None and isinstance(asked, Asked) and asked.sale_id is not None

    async def _pass(self, asked: Asked | Problem, headers: Mapping[str, str], within_seconds: float) -> Any:  # noqa: ANN401  # the door's own
        assert isinstance(asked, Asked)  # noqa: S101  # as `_has_door` says
        assert self._door is not None  # noqa: S101
        command, sale_id = asked
        try:
            return await self._door.check(
                sale_id or "",
                command.customer,
                headers.get(ADMISSION_HEADER),
                command.reservation_id,
                self._retry(command, within_seconds),
            )
        except Problem as problem:
            return problem
        except RetryableError as error:
            return Problem("not-ready", str(error))

    def _retry(self, command: Reserve, within_seconds: float) -> Retry:
        """Give what the door should know of a reservation that is asked now."""

        async def came_to_nothing(reservation_id: str) -> bool:
            sku = sku_of(reservation_id)
            if sku is None:
                return False  # an order's: its lines cannot be told from its name
            # Behind whatever is still on its way to the ledger, which then comes too late to be granted.
            look = Inspect(f"http:look:{secrets.token_hex(16)}", reservation_id, sku)
            row = (await self._desk.ask(look, within_seconds)).row
            return not isinstance(row, ReservationRow) or not row.lines

        is_known = self._recent is not None and self._recent.knows(command.reservation_id)
        undecided_ms = round(within_seconds * 1_000) + _UNDECIDED_GRACE_MS
        return Retry(is_known, undecided_ms, came_to_nothing)

    def _refuse_early(self, command: Reserve) -> None:
        """Refuse what the shelf knows to be sold out, without a way through Kafka. Binds no key.

        Not where the ledger wrote of this very reservation: a retry must hear the one answer (R27).

        Raises:
            Problem: `sold-out`, or `all-reserved` where what others hold would do.
        """
        shelf = self._shelf
        if shelf is None or self._recent is None:
            return
        could = shelf.could_cover(
            command.sku,
            command.units,
            location=command.location,
            group=command.group,
            path=command.path,
            is_split=command.strategy == "split",
            allow_partial=command.allow_partial,
            allow_backorder=command.allow_backorder,
        )
        if could is not False or self._recent.knows(command.reservation_id):
            return
        breakdown = shelf.breakdown(
            command.sku, location=command.location, group=command.group, path=command.path
        )
        outcome = Outcome.SOLD_OUT
        if breakdown is not None:
            offered = breakdown.path_units
            offered = max(0, breakdown.available_to_promise) if offered is None else offered
            if offered + breakdown.reserved >= command.units:
                outcome = Outcome.ALL_RESERVED
        answer = ANSWERS[outcome]
        assert answer.slug is not None  # noqa: S101  # both are refusals
        self._monitor.refused_early()
        raise Problem(
            answer.slug,
            "there are not enough units there now; the same request may be sent again",
            members={
                "outcome": outcome.name,
                "sku": command.sku,
                "is_early": True,
                **numbers_of(breakdown),
            },
        )


def _result(decision: Decision) -> LineResult:
    answer = ANSWERS[decision.outcome]
    if answer.slug is not None:
        return _refused(problem_of(decision))
    return LineResult(answer.status, reservation_answer(decision))


def _refused(problem: Problem) -> LineResult:
    return LineResult(problem.kind.status, problem=problem.document())


def path_of(sale_id: str | None, path: str | None) -> tuple[str, str | None]:
    """Give the path of a request and the sale that it is of.

    Raises:
        Problem: `invalid`.
    """
    if sale_id is not None:
        of_sale = SALE + sale_id
        if path not in {None, of_sale}:
            raise Problem("invalid", "`path` names another sale than `sale_id`, or none")
        if len(of_sale) > ID_CHARACTERS_MAX:
            raise Problem("invalid", f"a sale_id has at most {ID_CHARACTERS_MAX - len(SALE)} characters")
        return of_sale, sale_id
    path = path or COMMON
    if path == COMMON:
        return path, None
    for start in (SALE, CHANNEL):
        if path.startswith(start) and path != start:
            return path, path.removeprefix(start) if start is SALE else None
    raise Problem("invalid", "a path is common, sale:<sale id> or channel:<channel>")


_NOT_ANSWERED: Final = _refused(
    Problem("not-answered", "the ledger did not answer in time: send the whole request again")
)
