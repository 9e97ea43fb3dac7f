"""Reservations: held, extended, paid, given back, shipped, returned, explained."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

import msgspec

from inventory_stream.gateway.endpoint import Call, Endpoint, Handler, Reply, Scope
from inventory_stream.gateway.idempotency import command_id_of, key_of
from inventory_stream.gateway.outcomes import answer_of
from inventory_stream.gateway.problems import Problem
from inventory_stream.gateway.reservation_answers import explanation, reservation_answer
from inventory_stream.gateway.reserving import Reserving
from inventory_stream.gateway.words.reservations import (
    BatchAnswer,
    CancelBody,
    ConfirmBody,
    ExplanationAnswer,
    ExtendBody,
    FulfilBody,
    PendingAnswer,
    ReleaseBody,
    ReservationAnswer,
    ReserveBatchBody,
    ReserveBody,
    ReturnBody,
    SkuQuery,
)
from inventory_stream.ports.desk import Decision, Desk, NotAnsweredError
from models.commands import Cancel, Confirm, Extend, Fulfil, Inspect, Release, Return
from models.reservation_ids import sku_of
from models.rows import ReservationRow

_Act = Extend | Confirm | Release | Cancel | Fulfil | Return
"""What is done to a reservation that is there."""

ADDRESS: Final = "/v1/reservations"

_TAG: Final = "reservations"
_ASKED: Final = ("not-answered", "not-ready")
_WRITE: Final = ("invalid", "key-reused", *_ASKED)
_GRANT: Final = (
    "sold-out",
    "all-reserved",
    "no-single-location",
    "limit-reached",
    "sale-not-open",
    "sale-closed",
    "not-live",
    "id-reused",
    "waiting-room",
)
_ACT: Final = ("not-found", "not-live", "conflict", "id-reused")
_DONE: Final[Mapping[int, type[msgspec.Struct]]] = {200: ReservationAnswer, 202: ReservationAnswer}
"""202: the ledger remembers it until the reservation comes (R21)."""


class ReservationRoutes:
    """Endpoints of reservations.

    Args:
        desk: Decides.
        reserving: Makes grants of requests.
        answer_seconds: How long a request waits where it does not say.
        wait_seconds_max: How long it may ask to wait.
        new_id: Makes ids of questions that bind nothing.
    """

    def __init__(
        self,
        desk: Desk,
        reserving: Reserving,
        *,
        answer_seconds: float,
        wait_seconds_max: float,
        new_id: Callable[[], str],
    ) -> None:
        self._desk = desk
        self._reserving = reserving
        self._answer_seconds = answer_seconds
        self._wait_seconds_max = wait_seconds_max
        self._new_id = new_id

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Give the endpoints."""
        one = f"{ADDRESS}/{{reservation_id}}"
        return (
            Endpoint(
                "POST",
                ADDRESS,
                self.reserve,
                "Hold units until a deadline",
                _TAG,
                {200: ReservationAnswer, 201: ReservationAnswer, 202: PendingAnswer},
                body=ReserveBody,
                problems=(*_WRITE, *_GRANT),
                is_write=True,
                is_public=True,
                binds_late=True,
            ),
            Endpoint(
                "POST",
                f"{ADDRESS}:batch",
                self.reserve_many,
                "Hold units for up to 1,000 requests at once, each decided by itself",
                _TAG,
                {200: BatchAnswer},
                body=ReserveBatchBody,
                problems=_WRITE,
                is_write=True,
            ),
            Endpoint(
                "GET",
                one,
                self.get,
                "Tell how a reservation stands now",
                _TAG,
                {200: ReservationAnswer},
                query=SkuQuery,
                problems=("not-found", "invalid", *_ASKED),
            ),
            Endpoint(
                "GET",
                f"{one}/explanation",
                self.explain,
                "Tell why its requests ended as they did",
                _TAG,
                {200: ExplanationAnswer},
                query=SkuQuery,
                problems=("not-found", "invalid", *_ASKED),
            ),
            self._act("extend", Extend, ExtendBody, "Move the deadline, up to a total", is_public=True),
            self._act("confirm", Confirm, ConfirmBody, "It is paid: what is held stays", ("expired",)),
            self._act("release", Release, ReleaseBody, "Give back what is held", is_public=True),
            self._act("cancel", Cancel, CancelBody, "The order is off: what has not left is free again"),
            self._act("fulfilments", Fulfil, FulfilBody, "It left the building", scope=Scope.STOCK),
            self._act("returns", Return, ReturnBody, "It came back", scope=Scope.STOCK),
        )

    async def reserve(self, call: Call) -> Reply:
        """Hold units."""
        prefers = call.wait_seconds
        within_seconds = prefers or self._answer_seconds
        asked = self._reserving.asked(call.caller, key_of(call), call.body)
        # Who gets a 202 is promised an answer later: then the ledger has as long as one may wait at most.
        decide_seconds = None if prefers is None else self._wait_seconds_max
        try:
            decision = await self._reserving.decide(
                asked, call.headers, within_seconds, decide_seconds, call.bind
            )
        except NotAnsweredError:
            if prefers is None:
                raise
            command = asked.command
            address = address_of(command.reservation_id, command.sku)
            return Reply(
                HTTPStatus.ACCEPTED,
                PendingAnswer(command.reservation_id, command.sku, address),
                {"Location": address, "Retry-After": "1"},
            )
        status, headers = answer_of(decision)
        if status == HTTPStatus.CREATED:
            headers["Location"] = address_of(asked.command.reservation_id, asked.command.sku)
        return Reply(status, reservation_answer(decision), headers)

    async def reserve_many(self, call: Call) -> Reply:
        """Hold units for many."""
        results = await self._reserving.decide_many(
            call.caller,
            key_of(call),
            call.body.reservations,
            call.headers,
            call.wait_seconds or self._answer_seconds,
        )
        return Reply(HTTPStatus.OK, BatchAnswer(results))

    async def get(self, call: Call) -> Reply:
        """Tell how a reservation stands."""
        decision = await self._inspect(call)
        status, headers = answer_of(decision)
        return Reply(status, reservation_answer(decision), headers)

    async def explain(self, call: Call) -> Reply:
        """Tell its last commands."""
        decision = await self._inspect(call)
        answer_of(decision)
        assert isinstance(decision.row, ReservationRow)  # noqa: S101  # what INSPECTED gives
        return Reply(HTTPStatus.OK, explanation(decision.row))

    async def _inspect(self, call: Call) -> Decision:
        reservation_id = call.path["reservation_id"]
        command = Inspect(self._new_id(), reservation_id, asked_sku(reservation_id, call.query.sku))
        return await self._desk.ask(command, self._answer_seconds)

    def _act(
        self,
        name: str,
        kind: type[_Act],
        body: type[msgspec.Struct],
        summary: str,
        problems: tuple[str, ...] = (),
        *,
        scope: Scope = Scope.STOREFRONT,
        is_public: bool = False,
    ) -> Endpoint:
        return Endpoint(
            "POST",
            f"{ADDRESS}/{{reservation_id}}/{name}",
            self._handler(name, kind),
            summary,
            _TAG,
            _DONE,
            scope=scope,
            body=body,
            query=SkuQuery,
            problems=(*_WRITE, *_ACT, *problems),
            is_write=True,
            is_public=is_public,
        )

    def _handler(self, name: str, kind: type[_Act]) -> Handler:
        async def handle(call: Call) -> Reply:
            reservation_id = call.path["reservation_id"]
            fields: dict[str, Any] = msgspec.structs.asdict(call.body)
            if call.caller.is_public and isinstance(call.body, ExtendBody):
                self._reserving.public.check_ttl(call.body.ttl_seconds)
            command = kind(
                command_id_of(call.caller.name, key_of(call), name),
                reservation_id=reservation_id,
                sku=asked_sku(reservation_id, call.query.sku),
                **fields,
            )
            decision = await self._desk.ask(command, call.wait_seconds or self._answer_seconds)
            status, headers = answer_of(decision)
            return Reply(status, reservation_answer(decision), headers)

        return handle


def address_of(reservation_id: str, sku: str) -> str:
    """Give the address of a reservation; it names the SKU where the id does not."""
    if sku_of(reservation_id) == sku:
        return f"{ADDRESS}/{reservation_id}"  # an id of ours, which has nothing to quote
    return f"{ADDRESS}/{quote(reservation_id, safe='')}?sku={quote(sku, safe='')}"


def asked_sku(reservation_id: str, given: str | None) -> str:
    """Give the SKU of a reservation, by which its partition is found.

    Raises:
        Problem: `invalid`: neither the id nor the request tells it, or they differ.
    """
    told = sku_of(reservation_id)
    if told is None and given is None:
        raise Problem("invalid", "this reservation was not made by a gateway: name its SKU as `?sku=`")
    if told is not None and given is not None and told != given:
        raise Problem("invalid", "the id tells another SKU than `?sku=` names")
    return told or given or ""
