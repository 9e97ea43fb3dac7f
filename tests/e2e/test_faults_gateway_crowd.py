"""A crowd before a sale whose gateways are killed: nobody loses the place, and no more go in than units."""

import asyncio
import itertools
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest

from inventory_stream.adapters.redis.waiting_room import RedisWaitingRooms
from inventory_stream.flows.waiting_room.draw import draw, seed, ticket_id
from inventory_stream.ports.waiting_room import LOOK_TICKETS_MAX, Entry
from inventory_stream.settings import RedisSettings
from tests.e2e.cluster import Cluster
from tests.e2e.gateway import TOKEN_KEY, Gateway, new_key, now
from tests.e2e.journal import LOCATION, PAUSE_SECONDS, Journal, judge

pytestmark = [pytest.mark.broker, pytest.mark.redis, pytest.mark.slow]

ABSENT: Final = 4_800
"""Tickets whose holders are gone by the opening: `benchmarks/gateway/waiting_room.py` has 98,000 of them."""
CONNECTED: Final = 200
UNITS: Final = 40
PRESENT_SECONDS: Final = 8.0
"""The absent are passed over after it, and the connected must be back before it when a gateway dies."""
STARTS_AFTER_SECONDS: Final = 22.0
"""For taking the tickets and connecting, so that the absent are gone by then on a busy machine, too."""
SKU: Final = "DROP"
ROOM: Final = "/v1/waiting-rooms/drop"
ADMISSION: Final = "Waiting-Room-Admission"


class Crowd:
    """Shoppers with a ticket and a stream each; every second one who goes in changes its mind."""

    def __init__(self, gateways: Sequence[Gateway], journal: Journal) -> None:
        self._gateways = gateways
        self._journal = journal
        self.tickets: dict[str, str] = {}
        self.last_position: dict[str, int] = {}
        self.admitted: list[str] = []
        self.sold_out: set[str] = set()
        self.inside = 0
        """Those who may hold a unit: let in, and not known to have given it back."""
        self.confirmed = 0
        self.may_go_back = asyncio.Event()
        """Until it is set nobody gives a unit back, so that nobody else goes in."""
        self.connected: set[str] = set()

    async def join(self, shopper: str, number: int) -> None:
        """Take a ticket."""
        for gateway in self._round(number):
            answer = await gateway.post(f"{ROOM}/tickets", {"customer": shopper})
            if answer.status == 201:
                self.tickets[shopper] = answer.body["ticket"]
                return
            await asyncio.sleep(PAUSE_SECONDS)  # the other gateway has not read of the room yet

    async def shop(self, shopper: str, number: int) -> None:
        """Wait at one gateway or the other until let in or told that nothing is left."""
        for gateway in self._round(number):
            try:
                async for told in gateway.events(f"{ROOM}/tickets/{self.tickets[shopper]}/events"):
                    self.connected.add(shopper)
                    self._check_place(shopper, told)
                    if told["state"] == "admitted":
                        await self._buy(shopper, number, told["admission"])
                        return
                    if told["state"] == "sold_out":
                        self.sold_out.add(shopper)
                        return
            except (aiohttp.ClientError, TimeoutError):
                await asyncio.sleep(PAUSE_SECONDS)

    def _round(self, number: int) -> Iterator[Gateway]:
        return itertools.cycle((self._gateways[number % 2], self._gateways[1 - number % 2]))

    def _check_place(self, shopper: str, told: dict[str, Any]) -> None:
        position = told.get("position")
        if position is not None:
            before = self.last_position.get(shopper, position)
            assert position <= before, f"{shopper} fell from {before} to {position}"
            self.last_position[shopper] = position

    async def _buy(self, shopper: str, number: int, admission: str) -> None:
        self.inside += 1
        assert self.inside <= UNITS, f"{self.inside} are in for {UNITS} units"
        self.admitted.append(shopper)
        goes_back = len(self.admitted) % 2 == 0
        gateways = [self._gateways[number % 2], self._gateways[1 - number % 2]]
        bought = await self._journal.insist(
            gateways, shopper, SKU, {ADMISSION: admission}, {"sale_id": "drop"}
        )
        assert bought.status == 201, bought
        if goes_back:
            await self.may_go_back.wait()
            self.inside -= 1
        act = "release" if goes_back else "confirm"
        await self._insist(gateways, f"/v1/reservations/{bought.answer.body['reservation_id']}/{act}")
        self.confirmed += not goes_back

    async def _insist(self, gateways: Sequence[Gateway], path: str) -> None:
        for gateway in itertools.cycle(gateways):
            try:
                answer = await gateway.post(path, {}, key=path)
            except aiohttp.ClientError:
                await asyncio.sleep(PAUSE_SECONDS)
                continue
            if answer.status == 200:
                return
            assert answer.status == 503, answer
            await asyncio.sleep(PAUSE_SECONDS)


async def test_crowd_keeps_its_places_when_gateways_are_killed(cluster: Cluster, tmp_path: Path) -> None:
    """Of 5,000 the first by the draw go in, never more than units, whoever lets them in; all hear the end."""
    journal, key = Journal(), new_key(tmp_path)
    shoppers = [f"shopper-{number}" for number in range(CONNECTED)]
    async with AsyncExitStack() as stack:
        gateways = [
            await stack.enter_async_context(
                Gateway(cluster, tmp_path, key, name, WAITING_ROOM_PRESENT_SECONDS=str(PRESENT_SECONDS))
            )
            for name in ("gateway-1", "gateway-2")
        ]
        one, two = gateways
        await one.stock(SKU, 2 * UNITS)
        sale = {
            "sale_id": "drop",
            "starts_at": now(seconds=STARTS_AFTER_SECONDS),
            "ends_at": now(seconds=3_600),
            "lines": [{"sku": SKU, "location": LOCATION, "units": UNITS}],
        }
        assert (await one.post("/v1/sales", sale)).status == 201
        assert (await one.post("/v1/waiting-rooms", {"sale_id": "drop"})).status == 201
        seed_bytes = await take_tickets_of_the_absent(cluster.settings.redis)
        crowd = Crowd(gateways, journal)
        await asyncio.gather(*(crowd.join(shopper, n) for n, shopper in enumerate(shoppers)))

        async def has_begun() -> bool:
            return len(crowd.admitted) >= UNITS // 2

        async def is_over() -> bool:
            return len(crowd.sold_out) + len(crowd.admitted) == CONNECTED

        async with asyncio.TaskGroup() as group:
            for number, shopper in enumerate(shoppers):
                group.create_task(crowd.shop(shopper, number))
            await cluster.until(has_begun, "the first to go in")
            one.kill()
            await one.until_ready()
            # Whoever of the two lets people in now: the next ones need the other.
            two.kill()
            crowd.may_go_back.set()
            await cluster.until(is_over, "everybody to be in or told that nothing is left")
        assert crowd.connected == set(shoppers)
        assert crowd.confirmed == UNITS
        await two.until_ready()
        found = await judge(cluster, journal, {SKU: UNITS})
        assert found.granted_units[SKU] == len(crowd.admitted)
        # Nobody was passed over: who went in are the first by the draw, which the seed proves.
        order = sorted(shoppers, key=lambda one: draw(seed_bytes, crowd.tickets[one].split(".")[1]))
        assert set(crowd.admitted) == set(order[: len(crowd.admitted)])


async def take_tickets_of_the_absent(redis: RedisSettings) -> bytes:
    """Put tickets into the room whose holders never come back; gives the seed of its draw."""
    rooms = RedisWaitingRooms.connect(redis, PRESENT_SECONDS)
    try:
        (room,) = await rooms.rooms()
        seed_bytes = seed(TOKEN_KEY.encode(), room)
        ids = [ticket_id(room.sale_id, f"absent-{number}") for number in range(ABSENT)]
        entries = [Entry(one, draw(seed_bytes, one)) for one in ids]
        for first in range(0, ABSENT, LOOK_TICKETS_MAX):
            await rooms.enter(room, entries[first : first + LOOK_TICKETS_MAX])
    finally:
        await rooms.close()
    return seed_bytes
