"""An admin act is on record before it is done, and its outcome before it is answered."""

import asyncio

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from inventory_stream.gateway.app import new_app
from inventory_stream.gateway.endpoint import Call, Caller, Endpoint, Reply, Scope
from inventory_stream.gateway.problems import Problem
from inventory_stream.gateway.security.audit import Auditor
from tests.fakes.audit import FakeAuditTrail


class Act:
    """An act that counts how often it is done, and ends as told."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.done = 0
        self._error = error

    async def __call__(self) -> Reply:
        """Do it."""
        self.done += 1
        if self._error is not None:
            raise self._error
        return Reply(201)


async def witness(trail: FakeAuditTrail, act: Act) -> Reply:
    """Have an auditor see the act."""
    return await Auditor(trail, lambda: 7).witness(
        caller="isk_a", act="POST /v1/sales", subject="/v1/sales", request_id="r1", do=act
    )


async def test_an_act_leaves_two_rows() -> None:
    """Who, what, when and how it ended, both under the request's id."""
    trail, act = FakeAuditTrail(), Act()
    assert (await witness(trail, act)).status == 201
    assert [(row.outcome, row.caller, row.act, row.at_ms, row.request_id) for row in trail.rows] == [
        ("asked", "isk_a", "POST /v1/sales", 7, "r1"),
        ("201", "isk_a", "POST /v1/sales", 7, "r1"),
    ]


async def test_an_act_that_cannot_be_recorded_is_not_done() -> None:
    """Refused with 503 and a time to come back; nothing has changed."""
    trail, act = FakeAuditTrail(0), Act()
    with pytest.raises(Problem, match="nothing was done") as refused:
        await witness(trail, act)
    assert refused.value.kind.status == 503
    assert "Retry-After" in refused.value.headers
    assert act.done == 0


async def test_a_lost_outcome_is_no_good_answer() -> None:
    """The act stands as asked; its caller hears that it was done and repeats."""
    trail, act = FakeAuditTrail(1), Act()
    with pytest.raises(Problem, match="it was done"):
        await witness(trail, act)
    assert act.done == 1
    assert [row.outcome for row in trail.rows] == ["asked"]


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (Problem("sale-closed", "over"), "409 sale-closed"),
        (RuntimeError("a bug"), "fault"),
        (asyncio.CancelledError(), "fault"),
    ],
)
async def test_refusals_and_faults_are_on_record_too(error: BaseException, outcome: str) -> None:
    """What was tried counts as much as what was done; the caller gets the act's own end."""
    for trail in (FakeAuditTrail(), FakeAuditTrail(1)):
        with pytest.raises(type(error)):
            await witness(trail, Act(error))
    trail = FakeAuditTrail()
    with pytest.raises(type(error)):
        await witness(trail, Act(error))
    assert [row.outcome for row in trail.rows] == ["asked", outcome]


async def test_the_app_puts_admin_acts_on_record_and_nothing_else() -> None:
    """A POST of scope admin has its rows, with the request's id; reads and other scopes have none."""

    async def reply(_call: Call) -> Reply:
        return Reply(204)

    async def admin(_request: web.Request) -> Caller:
        return Caller("isk_a", frozenset(Scope))

    endpoints = [
        Endpoint(method, path, reply, "", "", {204: None}, scope=scope)
        for method, path, scope in (
            ("POST", "/v1/sales/{sale_id}/close", Scope.ADMIN),
            ("GET", "/v1/sales", Scope.ADMIN),
            ("POST", "/v1/reservations", Scope.STOREFRONT),
        )
    ]
    trail = FakeAuditTrail()
    app = new_app(endpoints, authenticate=admin, auditor=Auditor(trail))
    async with TestClient(TestServer(app)) as client:
        await client.post("/v1/reservations")
        await client.get("/v1/sales")
        assert trail.rows == []
        await client.post("/v1/sales/summer/close", headers={"X-Request-Id": "mine"})
    assert [(row.act, row.subject, row.outcome, row.request_id) for row in trail.rows] == [
        ("POST /v1/sales/{sale_id}/close", "/v1/sales/summer/close", "asked", "mine"),
        ("POST /v1/sales/{sale_id}/close", "/v1/sales/summer/close", "204", "mine"),
    ]
