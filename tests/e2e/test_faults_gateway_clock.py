"""Gateways whose wall clock is an hour off: holds, sales and waiting rooms go by the decisions' clock."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from tests.e2e.cluster import Cluster
from tests.e2e.gateway import Gateway, new_key, now
from tests.e2e.journal import LOCATION, Journal, judge
from tests.e2e.worker_with_clock import FILE_VARIABLE, move_clock

pytestmark = [pytest.mark.broker, pytest.mark.redis, pytest.mark.slow]

HOUR_SECONDS: Final = 3_600
UNITS: Final = 50
ROUNDS: Final = 10
STARTS_AFTER_SECONDS: Final = 14.0
"""A room opens 10 s before its sale at the latest; the rest is for the calls."""
OFF_MS_MAX: Final = 10_000
"""Furthest that a deadline may lie from its place: the skew that is allowed (2 s) and a busy machine."""
ADMISSION: Final = "Waiting-Room-Admission"
TICKETS: Final = "/v1/waiting-rooms/drop/tickets"
ROOM_OF: Final[Mapping[str, Any]] = {"sku": "DROP", "location": LOCATION, "units": 1, "sale_id": "drop"}


async def test_gateway_an_hour_off_sells_as_any_other(cluster: Cluster, tmp_path: Path) -> None:
    """Behind from the start, then ahead: no hold is over early or late, a sale and its room open on time."""
    clock = tmp_path / "clock"
    move_clock(clock, -HOUR_SECONDS)
    journal = Journal()
    async with Gateway(
        cluster,
        tmp_path,
        new_key(tmp_path),
        module="tests.e2e.worker_with_clock",
        environment={FILE_VARIABLE: str(clock)},
        ANSWER_SECONDS="5",
    ) as gateway:
        await gateway.stock("A", UNITS)
        await gateway.stock("DROP", UNITS)
        for jump in (-HOUR_SECONDS, HOUR_SECONDS):
            move_clock(clock, jump)
            await sell(journal, gateway, f"jump-{jump}")
        await judge(cluster, journal, {"A": UNITS})
        sale = {
            "sale_id": "drop",
            "starts_at": now(seconds=STARTS_AFTER_SECONDS),
            "ends_at": now(seconds=HOUR_SECONDS),
            "lines": [{"sku": "DROP", "location": LOCATION, "units": 2}],
        }
        assert (await gateway.post("/v1/sales", sale)).status == 201
        opened = await gateway.post("/v1/waiting-rooms", {"sale_id": "drop"})
        assert opened.status == 201, opened
        joined = await gateway.post(TICKETS, {"customer": "ann"})
        assert (joined.status, joined.body["state"]) == (201, "waiting"), joined
        stood: dict[str, Any] = {}

        async def is_in() -> bool:
            answer = await gateway.get(f"{TICKETS}/{joined.body['ticket']}")
            stood.update(answer.body)
            return answer.status == 200 and answer.body["state"] == "admitted"

        await cluster.until(is_in, "the shopper to be let in")
        for number, jump in enumerate((HOUR_SECONDS, -HOUR_SECONDS)):
            move_clock(clock, jump)
            bought = await gateway.post(
                "/v1/reservations",
                {**ROOM_OF, "customer": "ann"},
                key="drop",
                **{ADMISSION: stood["admission"]},
            )
            assert (bought.status, "Idempotent-Replay" in bought.headers) == (201, bool(number)), bought
        await cluster.until_decided()
        await cluster.verify()


async def sell(journal: Journal, gateway: Gateway, name: str) -> None:
    """Hold some units; each until as long from now as was asked."""
    for number in range(ROUNDS):
        heard = await journal.ask(gateway, f"{name}-{number}", "A")
        assert heard is not None
        assert heard.status == 201, heard
        due_ms = time.time_ns() // 1_000_000 + HOUR_SECONDS * 1_000
        assert abs(heard.answer.body["deadline_ms"] - due_ms) <= OFF_MS_MAX, heard
