"""What shoppers were told over HTTP, request by request, and a judge who holds it against the ledger."""

import asyncio
import itertools
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import aiohttp

from models.outcomes import Outcome
from models.rows import ReservationRow
from tests.e2e.audit import Judgement, Place
from tests.e2e.cluster import Cluster
from tests.e2e.gateway import Answer, Gateway

LOCATION: Final = "DC"

PAUSE_SECONDS: Final = 0.1
"""Before a shopper asks again who was told 503 or nothing: a tenth of what Retry-After asks for, so that
repeats meet what they repeat."""

NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})

ROUNDING_MS: Final = 1
"""Times of the ledger and ours are whole milliseconds."""


class Heard(NamedTuple):
    """One answer. `at_ms` is when it was there, ms since the epoch, `seconds` how long it took."""

    status: int
    answer: Answer
    at_ms: int
    seconds: float


class Journal:
    """Every request for a reservation, by its key, and all that was heard of it."""

    def __init__(self) -> None:
        self.heard: defaultdict[str, list[Heard]] = defaultdict(list)
        self.asked: dict[str, str] = {}
        """The SKU by key; a key asks for one unit."""
        self.lost = 0
        """Requests that were sent and whose connection ended without an answer."""
        self.refused = 0
        """Requests that found no gateway."""
        self.under_way: Counter[str] = Counter()
        """By gateway."""

    async def ask(
        self,
        gateway: Gateway,
        key: str,
        sku: str,
        headers: Mapping[str, str] = NOTHING,
        more: Mapping[str, Any] = NOTHING,
    ) -> Heard | None:
        """Ask for one unit under a key, once; None when no answer came.

        Args:
            gateway: Whom.
            key: Also the customer and the order.
            sku: Of what.
            headers: Of the request beside the key.
            more: Fields of the request beside what and for whom.
        """
        self.asked[key] = sku
        body = {"sku": sku, "location": LOCATION, "units": 1, "ttl_seconds": 3_600, "order_id": key, **more}
        self.under_way[gateway.name] += 1
        began = time.monotonic()
        try:
            answer = await gateway.post("/v1/reservations", {**body, "customer": key}, key=key, **headers)
        except aiohttp.ClientConnectorError:
            self.refused += 1
            return None
        except aiohttp.ClientError:
            self.lost += 1
            return None
        finally:
            self.under_way[gateway.name] -= 1
        heard = Heard(answer.status, answer, time.time_ns() // 1_000_000, time.monotonic() - began)
        self.heard[key].append(heard)
        return heard

    async def insist(
        self,
        gateways: Sequence[Gateway],
        key: str,
        sku: str,
        headers: Mapping[str, str] = NOTHING,
        more: Mapping[str, Any] = NOTHING,
    ) -> Heard:
        """Ask one gateway after the other, under the same key, until one decides; see `ask`."""
        for gateway in itertools.cycle(gateways):
            heard = await self.ask(gateway, key, sku, headers, more)
            if heard is not None and heard.status != 503:
                return heard
            await asyncio.sleep(PAUSE_SECONDS)
        raise AssertionError("a cycle of gateways ends with an answer")

    def statuses(self) -> Counter[int]:
        """Count answers by status."""
        return Counter(one.status for answers in self.heard.values() for one in answers)

    def refusals(self) -> list[Heard]:
        """Give every 503."""
        return [one for answers in self.heard.values() for one in answers if one.status == 503]


@asynccontextmanager
async def shopping(
    journal: Journal, gateways: Sequence[Gateway], skus: Sequence[str], shoppers: int, *, patient: bool
) -> AsyncIterator[None]:
    """Have shoppers ask, one request after the other, inside the block; the last ones hear their answers.

    Args:
        journal: Keeps what they hear.
        gateways: Whom they ask; each begins at the next one.
        skus: What they want, one after the other.
        shoppers: How many at once.
        patient: Everybody asks again until there is an answer; else every second one gives up at each 503.
    """
    is_over = asyncio.Event()
    numbers = itertools.count()

    async def shop(shopper: int) -> None:
        mine = [*gateways[shopper % len(gateways) :], *gateways[: shopper % len(gateways)]]
        while not is_over.is_set():
            number = next(numbers)
            key, sku = f"order-{number}", skus[number % len(skus)]
            if patient or shopper % 2:
                await journal.insist(mine, key, sku)
            else:
                await journal.ask(mine[0], key, sku)

    async with asyncio.TaskGroup() as group:
        for shopper in range(shoppers):
            group.create_task(shop(shopper))
        try:
            yield
        finally:
            is_over.set()


async def judge(cluster: Cluster, journal: Journal, stock: Mapping[str, int]) -> Judgement:
    """Hold the ledger against the answers; every input record must be decided by then.

    - every 201 is in the ledger, under the id that it told, and no key was ever told two things;
    - one reservation for each key, and none that nobody asked for;
    - no unit is held beyond the stock, at no moment of the log;
    - nothing was granted after its asker had been told 503.

    Args:
        cluster: Where.
        journal: All that was asked.
        stock: Units by SKU, all of them at the one location.
    """
    await cluster.until_decided()
    found = cluster.audit.judge({})
    for sku, units in stock.items():
        assert found.held_peak[Place(sku, LOCATION)] <= units
    grants: dict[str, ReservationRow] = {}
    for row in found.reservations.values():
        if not row.lines:
            continue
        assert row.order_id in journal.asked, f"{row.reservation_id} was asked for by nobody"
        assert row.order_id not in grants, f"{row.order_id} was granted twice"
        grants[row.order_id] = row
    for key, answers in journal.heard.items():
        _judge_one(key, answers, grants.get(key))
    await cluster.verify()
    return found


def _judge_one(key: str, answers: Sequence[Heard], row: ReservationRow | None) -> None:
    decided = [one for one in answers if one.status != 503]
    granted = [one for one in decided if one.status == 201]
    for one in answers:
        assert one.status in {201, 409, 503}, f"{key}: {one}"
        if one.status == 503:
            assert int(one.answer.headers["Retry-After"]) >= 1
    if not granted:
        if row is not None and answers:
            assert not decided, f"{key} was refused and has {row.reservation_id}: {decided}"
            at_ms = next(one.at_ms for one in row.answers if one.outcome == Outcome.GRANTED)
            assert at_ms <= answers[-1].at_ms + ROUNDING_MS, f"{key} was granted after it was told 503"
        return
    assert row is not None, f"{key} was told 201, and the ledger has nothing of it"
    # Whatever was refused before bound nothing (R27); from the first 201 on there is the one answer.
    assert decided[decided.index(granted[0]) :] == granted, f"{key}: {decided}"
    assert {one.answer.body["reservation_id"] for one in granted} == {row.reservation_id}
    assert {one.answer.body["lines"][0]["granted"] for one in granted} == {sum(x.granted for x in row.lines)}
