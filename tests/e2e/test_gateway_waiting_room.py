"""A flash sale behind its waiting room: two gateways, one of them killed, a ledger, a broker and Valkey."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

import pytest

from tests.e2e.cluster import Cluster
from tests.e2e.gateway import Gateway, new_key, now

pytestmark = pytest.mark.slow

SKU: Final = "DROP"
UNITS: Final = 2
STARTS_AFTER_SECONDS: Final = 14.0
"""A room opens 10 s before its sale at the latest; the rest is for the calls."""
ADMISSION: Final = "Waiting-Room-Admission"
TICKETS: Final = "/v1/waiting-rooms/drop/tickets"


async def standing(gateway: Gateway, ticket: str) -> dict[str, Any]:
    """Ask how a ticket stands."""
    answer = await gateway.get(f"{TICKETS}/{ticket}")
    assert answer.status == 200, answer
    return answer.body


def wish(customer: str) -> dict[str, Any]:
    """Give what a shopper wants."""
    return {
        "sku": SKU,
        "units": 1,
        "ttl_seconds": 600,
        "location": "DC",
        "sale_id": "drop",
        "customer": customer,
    }


async def test_sale_goes_through_its_waiting_room(cluster: Cluster, tmp_path: Path) -> None:
    """Only who was let in reserves, each for itself and once; the others hear that it is sold out."""
    key = new_key(tmp_path)
    shoppers = [f"shopper-{number}" for number in range(5)]
    async with AsyncExitStack() as stack:
        gateways = [
            await stack.enter_async_context(Gateway(cluster, tmp_path, key, f"gateway-{number}"))
            for number in (1, 2)
        ]
        one, two = gateways
        await one.stock(SKU, 10)
        sale = {
            "sale_id": "drop",
            "starts_at": now(seconds=STARTS_AFTER_SECONDS),
            "ends_at": now(seconds=3_600),
            "lines": [{"sku": SKU, "location": "DC", "units": UNITS}],
        }
        assert (await one.post("/v1/sales", sale)).status == 201
        opened = await one.post("/v1/waiting-rooms", {"sale_id": "drop"})
        assert opened.status == 201, opened

        tickets: dict[str, str] = {}

        async def has_ticket(number: int) -> bool:
            answer = await gateways[number % 2].post(TICKETS, {"customer": shoppers[number]})
            if answer.status == 201:
                tickets[shoppers[number]] = answer.body["ticket"]
            return answer.status == 201  # 404: the other gateway has not read of the room yet

        for number in range(len(shoppers)):
            await cluster.until(lambda number=number: has_ticket(number), "a ticket")  # type: ignore[misc]
        refused = await two.post("/v1/reservations", wish(shoppers[0]))
        assert (refused.status, refused.body["type"]) == (403, "/problems/waiting-room"), refused

        # The gateway that holds the door may be the one that dies.
        one.kill()
        stood: dict[str, dict[str, Any]] = {}

        async def are_in() -> bool:
            for shopper, ticket in tickets.items():
                stood[shopper] = await standing(two, ticket)
            inside = [one for one in stood.values() if one["state"] == "admitted"]
            # One after the other was asked: the line has moved up when all of it is of one moment.
            line = {one["position"] for one in stood.values() if one["state"] == "waiting"}
            return len(inside) == UNITS and line == {1, 2, 3}

        await cluster.until(are_in, "the first to be let in")
        inside = [shopper for shopper in shoppers if stood[shopper]["state"] == "admitted"]
        outside = [shopper for shopper in shoppers if shopper not in inside]

        first, second = inside
        theirs = {ADMISSION: stood[first]["admission"]}
        for thief in (outside[0], second):
            stolen = await two.post("/v1/reservations", wish(thief), **theirs)
            assert (stolen.status, stolen.body["type"]) == (403, "/problems/waiting-room"), stolen
        bought = await asyncio.gather(
            *(
                two.post("/v1/reservations", wish(shopper), **{ADMISSION: stood[shopper]["admission"]})
                for shopper in inside
            )
        )
        assert [answer.status for answer in bought] == [201, 201], bought
        again = await two.post("/v1/reservations", wish(first), **theirs)
        assert again.status in {403, 409}, again  # used, or nothing is left: no second unit in any case

        async def all_wait_for_holds() -> bool:
            told = [await standing(two, tickets[shopper]) for shopper in outside]
            return all(one["state"] == "waiting" and one["all_held"] for one in told)

        await cluster.until(all_wait_for_holds, "told that all is held")
        for answer in bought:
            paid = await two.post(f"/v1/reservations/{answer.body['reservation_id']}/confirm", {})
            assert paid.status == 200, paid

        async def all_sold_out() -> bool:
            told = [await standing(two, tickets[shopper]) for shopper in outside]
            return all(one["state"] == "sold_out" for one in told)

        await cluster.until(all_sold_out, "told that it is sold out")
        await one.until_ready()
        await cluster.until_decided()
        await cluster.verify()
