"""Deliveries of one partition: each account's in their order, accounts beside each other."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import structlog

from inventory_stream.errors import RetryableError
from inventory_stream.flows.channels.inbound.taking import Place, TakesInbound
from inventory_stream.flows.channels.tasks import Fail
from models.channels import Inbound, account_key

log = structlog.get_logger(__name__)

WAITING_MAX: Final = 2_000
"""Deliveries of one account that wait, 2 MB. A channel that must be asked about its orders and does not
answer fills it; then reading stops for all accounts of this worker until it answers. More would hold longer,
and forget as much more at a crash (it is read again)."""

RETRY_SECONDS: Final = (0.2, 0.5, 1.0, 2.0, 5.0)
"""Pauses before a delivery is taken again whose channel or whose Kafka did not answer; the last one stays: an
order is never given up."""

CLOSE_SECONDS_MAX: Final = 2.0
"""Longest that a delivery under way is waited for when the partition goes; the next owner takes it again."""

Done = Callable[[], Awaitable[None]]


class _Batch:
    """Records that were handed over together."""

    __slots__ = ("done", "left")

    def __init__(self, left: int, done: Done) -> None:
        self.left = left
        self.done = done


class Intake:
    """Hands deliveries to the flow that takes them, and acknowledges batches in order once all are taken.

    Args:
        takes: Makes the commands of a delivery durable.
        fail: Ends the process: what a delivery meant could be lost.
        waiting_max: Of one account.
    """

    def __init__(self, takes: TakesInbound, fail: Fail, waiting_max: int = WAITING_MAX) -> None:
        self._waiting_max = waiting_max
        self._is_stopped = False
        self._takes = takes
        self._fail = fail
        self._queues: Final[dict[str, asyncio.Queue[tuple[Inbound, Place, _Batch]]]] = {}
        self._tasks: Final[dict[str, asyncio.Task[None]]] = {}
        self._batches: Final[deque[_Batch]] = deque()
        self._acknowledging: asyncio.Task[None] | None = None

    async def put(self, deliveries: Sequence[tuple[Inbound, Place]], done: Done) -> None:
        """Take deliveries of one batch; waits where an account has `waiting_max` of them already."""
        batch = _Batch(len(deliveries), done)
        self._batches.append(batch)
        for inbound, place in deliveries:
            key = account_key(inbound.channel, inbound.account)
            queue = self._queues.get(key)
            if queue is None:
                queue = self._queues[key] = asyncio.Queue(self._waiting_max)
                self._tasks[key] = asyncio.create_task(self._take_all(key, queue))
            await queue.put((inbound, place, batch))
            if self._is_stopped:
                return
        self._acknowledge()

    async def stop(self) -> None:
        """Take nothing more; bounded. Whoever waits in `put` goes on: the next owner reads it all again."""
        self._is_stopped = True
        tasks = list(self._tasks.values())
        if self._acknowledging is not None:
            tasks.append(self._acknowledging)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=CLOSE_SECONDS_MAX)
        for queue in self._queues.values():
            while not queue.empty():
                queue.get_nowait()

    async def _take_all(self, key: str, queue: asyncio.Queue[tuple[Inbound, Place, _Batch]]) -> None:
        while True:
            inbound, place, batch = await queue.get()
            try:
                await self._take(key, inbound, place)
            except Exception as error:  # noqa: BLE001  # whatever it is, this delivery must not be passed over
                self._fail(error)
                return
            batch.left -= 1
            self._acknowledge()

    async def _take(self, key: str, inbound: Inbound, place: Place) -> None:
        faults = 0
        while True:
            try:
                await self._takes.take(inbound, place)
            except RetryableError as error:
                if faults == 0:
                    log.warning("channel_delivery_waits", account=key, reason=str(error))
                await asyncio.sleep(RETRY_SECONDS[min(faults, len(RETRY_SECONDS) - 1)])
                faults += 1
            else:
                return

    def _acknowledge(self) -> None:
        if self._acknowledging is None and self._batches and not self._batches[0].left:
            self._acknowledging = asyncio.create_task(self._acknowledge_all())
            self._acknowledging.add_done_callback(self._acknowledged)

    async def _acknowledge_all(self) -> None:
        while self._batches and not self._batches[0].left:
            await self._batches.popleft().done()

    def _acknowledged(self, task: asyncio.Task[None]) -> None:
        self._acknowledging = None
        if not task.cancelled() and (error := task.exception()) is not None:
            self._fail(error)
        elif not task.cancelled():
            self._acknowledge()
