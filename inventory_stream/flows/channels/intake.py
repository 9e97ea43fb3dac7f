"""Deliveries of one partition: each account's in their order, accounts beside each other.

An account whose channel must be asked and does not answer holds nobody else up: what does not fit here stays
in Kafka, and is read again from there when its turn comes.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from functools import partial
from typing import Final, Protocol

import structlog

from inventory_stream.errors import RetryableError
from inventory_stream.flows.channels.inbound.taking import Place, TakesInbound
from inventory_stream.flows.channels.tasks import Fail
from inventory_stream.ports.inputs import InputRecord
from models.channels import Act, Inbound, account_key, decode_inbound

log = structlog.get_logger(__name__)

WAITING_MAX: Final = 2_000
"""Deliveries of one account that are held here, 2 MB. Behind them only a number is kept: from where to read
again. Fewer would be read again in more portions, of 20 ms each."""

RETRY_SECONDS: Final = (0.2, 0.5, 1.0, 2.0, 5.0)
"""Pauses before a delivery is taken again whose channel or whose Kafka did not answer; the last one stays.
How long an order is waited for is in inbound/patience.py."""

CLOSE_SECONDS_MAX: Final = 2.0
"""Longest that a delivery under way is waited for when the partition goes; the next owner takes it again."""


class RereadsInbound(Protocol):
    """Reads records of `channel-inbound` that were handed over before."""

    def again(self, partition: int, first: int, end: int) -> AsyncGenerator[Sequence[InputRecord]]:
        """Yield those from `first` up to, not including, `end`, oldest first; retention may have taken some.

        Raises:
            UnreachableError: Kafka does not answer.
        """


class Intake:
    """Hands deliveries to the flow that takes them.

    Args:
        topic: Full name of `channel-inbound`.
        partition: Whose deliveries these are.
        takes: Makes the commands of a delivery durable.
        rereads: Gives again what did not fit.
        fail: Ends the process: what a delivery meant could be lost.
        waiting_max: Of one account, held here.
    """

    def __init__(
        self,
        topic: str,
        partition: int,
        takes: TakesInbound,
        rereads: RereadsInbound,
        fail: Fail,
        waiting_max: int = WAITING_MAX,
    ) -> None:
        self._topic = topic
        self._partition = partition
        self._takes = takes
        self._rereads = rereads
        self._fail = fail
        self._waiting_max = waiting_max
        self._end = 0
        self.is_stopped = False
        self._accounts: Final[dict[str, _Waiting]] = {}
        self._tasks: Final[list[asyncio.Task[None]]] = []

    def put(self, deliveries: Sequence[tuple[Inbound, Place]], end: int) -> None:
        """Take the deliveries of what was read up to `end`; waits for nobody."""
        for inbound, place in deliveries:
            key = account_key(inbound.channel, inbound.account)
            waiting = self._accounts.get(key)
            if waiting is None:
                waiting = self._accounts[key] = _Waiting(self._waiting_max)
                self._tasks.append(asyncio.create_task(self._take_all(key, waiting)))
            was_behind = waiting.behind_from is not None
            waiting.add(inbound, place)
            if waiting.behind_from is not None and not was_behind:
                log.warning("channel_deliveries_stay_in_kafka", account=key, offset=place.offset)
        self._end = end

    @property
    def first_untaken(self) -> int | None:
        """The oldest record whose delivery was not taken yet: a next owner has to begin with it.

        None: all that was handed over is taken.
        """
        first = [found for one in self._accounts.values() if (found := one.first) is not None]
        return min(first, default=None)

    async def stop(self) -> None:
        """Take nothing more; bounded. The next owner reads again from `first_untaken` on."""
        self.is_stopped = True
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=CLOSE_SECONDS_MAX)

    async def _take_all(self, key: str, waiting: "_Waiting") -> None:
        try:
            while True:
                if waiting.held:
                    await self._persist(key, partial(self._takes.take, *waiting.held[0]))
                    waiting.held.popleft()
                elif waiting.behind_from is None:
                    waiting.has_more.clear()
                    await waiting.has_more.wait()
                elif waiting.behind_from < self._end:
                    await self._persist(key, partial(self._read_again, key, waiting))
                else:
                    waiting.behind_from = None  # all that was handed over is in order here again
                    log.info("channel_deliveries_caught_up", account=key)
        except Exception as error:  # noqa: BLE001  # whatever it is, no delivery must be passed over
            self._fail(error)

    async def _persist(self, key: str, work: Callable[[], Awaitable[None]]) -> None:
        faults = 0
        while True:
            try:
                await work()
            except RetryableError as error:
                if faults == 0:
                    log.warning("channel_delivery_waits", account=key, reason=str(error))
                await asyncio.sleep(RETRY_SECONDS[min(faults, len(RETRY_SECONDS) - 1)])
                faults += 1
            else:
                return

    async def _read_again(self, key: str, waiting: "_Waiting") -> None:
        """Hold the next portion of what stayed in Kafka; a fault in the midst goes on where it ended."""
        first, end = waiting.behind_from or 0, self._end
        async with aclosing(self._rereads.again(self._partition, first, end)) as portions:
            async for records in portions:
                for record in records:
                    if waiting.is_full:
                        return
                    waiting.behind_from = record.offset + 1
                    self._hold(key, waiting, record)
        waiting.behind_from = end

    def _hold(self, key: str, waiting: "_Waiting", record: InputRecord) -> None:
        try:
            inbound = decode_inbound(record.value or b"")
        except ValueError:
            return  # it was kept as a dead letter when it was handed over
        if account_key(inbound.channel, inbound.account) == key and has_delivery(inbound):
            place = Place(self._topic, self._partition, record.offset, record.key, record.timestamp)
            waiting.held.append((inbound, place))


class _Waiting:
    """What one account has not taken: some held here, and where in Kafka what follows them begins."""

    __slots__ = ("_max", "behind_from", "has_more", "held")

    def __init__(self, most: int) -> None:
        self._max = most
        self.held: Final[deque[tuple[Inbound, Place]]] = deque()
        self.behind_from: int | None = None
        self.has_more: Final = asyncio.Event()

    def add(self, inbound: Inbound, place: Place) -> None:
        """Hold a delivery, unless older ones stayed in Kafka or it has to stay there itself."""
        if self.behind_from is None:
            if self.is_full:
                self.behind_from = place.offset
            else:
                self.held.append((inbound, place))
            self.has_more.set()

    @property
    def is_full(self) -> bool:
        """Whether nothing more is held."""
        return len(self.held) >= self._max

    @property
    def first(self) -> int | None:
        """The oldest one's offset; None: nothing waits."""
        return self.held[0][1].offset if self.held else self.behind_from


def has_delivery(inbound: Inbound) -> bool:
    """Say whether a record is more than acts of operators."""
    return any(not isinstance(event, Act) for event in inbound.events)
