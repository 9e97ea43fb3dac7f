"""The hub: one watch on the shelf for all readers, one encoding for each change."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager, suppress
from typing import Final

from inventory_stream.gateway.live.frames import Frame, Topic, frame
from inventory_stream.gateway.live.limits import SLICE_READERS, LiveLimits
from inventory_stream.gateway.live.reader import Ending, Reader
from inventory_stream.gateway.live.token import Token
from inventory_stream.ports.shelf import Shelf, Subscription

_TICK_SECONDS: Final = 1.0
"""How often the hub looks at slow readers, at freshness (itself a matter of one second) and at who is due
a heartbeat."""


class _Watch:
    """A SKU that somebody follows: the shelf's subscription, and the readers by channel."""

    __slots__ = ("partition", "readers", "subscription")

    def __init__(self, partition: int, subscription: Subscription) -> None:
        self.partition = partition
        self.subscription = subscription
        self.readers: dict[str | None, set[Reader]] = {}


class LiveHub:
    """Tells readers of changes, in rounds.

    A round takes all that changed and all that was asked since the one before, looks at the shelf once (one
    moment for all of it), encodes each topic once and marks it untold with each reader to whom it is news,
    then writes to them, those with the lower version of a partition first. Nothing is written but so: whoever
    heard a version heard all before it that still counts, which is what `Token` says, and no reader is given
    more than it takes, whether it asks or things change. Slow readers keep their marks and are tried again at
    each tick.
    """

    def __init__(
        self, shelf: Shelf, partition_of: Callable[[str], int], limits: LiveLimits | None = None
    ) -> None:
        """`partition_of` is the partition of the ledger that a SKU belongs to."""
        self.limits = limits or LiveLimits()
        self._shelf = shelf
        self._partition_of = partition_of
        self._watches: dict[str, _Watch] = {}
        self._frames: dict[Topic, Frame] = {}
        self._changed: set[str] = set()
        self._asking: set[Reader] = set()
        self._fresh: dict[int, bool] = {}
        self._wake = asyncio.Event()
        self._behind: set[Reader] = set()
        # A reader is due its heartbeat in one second of each `heartbeat_seconds`, so that they are spread.
        self._readers: dict[Reader, int] = {}
        self._second = 0
        self._is_stopping = False

    @property
    def readers(self) -> int:
        """How many readers there are."""
        return len(self._readers)

    @property
    def is_full(self) -> bool:
        """Say that no reader is taken now: there are enough, or the gateway stops."""
        return self._is_stopping or len(self._readers) >= self.limits.readers_max

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Tell readers of changes inside the block; at its end all of them are let go."""
        rounds = asyncio.create_task(self._run(), name="live rounds")
        # Should it ever fail, readers must not be left with a line on which nothing comes.
        rounds.add_done_callback(lambda _: self.stop())
        try:
            yield
        finally:
            rounds.cancel()
            with suppress(asyncio.CancelledError):
                await rounds

    def stop(self) -> None:
        """Let all readers go, and take no more: they come back to another gateway, with their token."""
        self._is_stopping = True
        for reader in self._readers:
            reader.end(Ending.SHUTDOWN)

    def follow(self, reader: Reader, topics: Collection[Topic], since: Token | None = None) -> None:
        """Have the next round tell what topics show, but for what `since` covers, and later rounds changes.

        A topic that the reader follows already costs nothing: it has heard of it, or will.
        """
        heartbeat_seconds = self.limits.heartbeat_seconds
        self._readers.setdefault(reader, (self._second + len(self._readers)) % heartbeat_seconds)
        if self._is_stopping:
            reader.end(Ending.SHUTDOWN)
        for topic in topics:
            if topic in reader.topics:
                continue
            self._watch(topic.sku).readers.setdefault(topic.channel, set()).add(reader)
            reader.topics.add(topic)
            reader.asked[topic] = since
            if topic not in self._frames:
                self._changed.add(topic.sku)
        if reader.asked:
            self._asking.add(reader)
            self._wake.set()

    def leave(self, reader: Reader, topics: Collection[Topic] | None = None) -> None:
        """Tell a reader no more of these topics; None: of any, it goes."""
        for topic in list(reader.topics if topics is None else reader.topics.intersection(topics)):
            reader.topics.discard(topic)
            reader.asked.pop(topic, None)
            reader.untold.discard(topic)
            self._unwatch(reader, topic)
        if topics is None:
            self._readers.pop(reader, None)
            self._asking.discard(reader)
            self._behind.discard(reader)

    def _watch(self, sku: str) -> _Watch:
        watch = self._watches.get(sku)
        if watch is None:
            partition = self._partition_of(sku)
            watch = self._watches[sku] = _Watch(partition, self._shelf.subscribe((sku,), self._on_change))
            if partition not in self._fresh:
                self._fresh[partition] = self._shelf.is_fresh(partition)
        return watch

    def _unwatch(self, reader: Reader, topic: Topic) -> None:
        watch = self._watches[topic.sku]
        followers = watch.readers[topic.channel]
        followers.discard(reader)
        if followers:
            return
        del watch.readers[topic.channel]
        self._frames.pop(topic, None)  # there is none before the first round
        if not watch.readers:
            watch.subscription.close()
            del self._watches[topic.sku]

    def _on_change(self, skus: Collection[str]) -> None:
        self._changed.update(skus)
        self._wake.set()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        next_tick = loop.time() + _TICK_SECONDS
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(next_tick):
                    await self._wake.wait()
            began = loop.time()
            if began >= next_tick:
                next_tick = began + _TICK_SECONDS
                await self._tick()
            if self._wake.is_set():
                self._wake.clear()
                await self._tell(self._cut())
                await asyncio.sleep(max(0.0, began + self.limits.interval_seconds - loop.time()))

    def _cut(self) -> list[Reader]:
        """Encode what changed or is new here, at one moment of the shelf, and give the readers with news."""
        skus = [sku for sku in self._changed if sku in self._watches]
        self._changed.clear()
        news: list[Reader] = []
        for sku, view in zip(skus, self._shelf.availability(skus), strict=True):
            watch = self._watches[sku]
            for channel, followers in watch.readers.items():
                topic = Topic(sku, channel)
                made = frame(topic, view, watch.partition, is_fresh=self._fresh[watch.partition])
                known = self._frames.get(topic)
                self._frames[topic] = made
                if known and made.shows != known.shows:
                    for reader in followers:
                        _mark(reader, topic, news)
        for reader in self._asking:
            for topic, since in reader.asked.items():
                made = self._frames[topic]
                is_heard = (
                    self._fresh[made.partition] and since and since.covers(made.partition, made.version)
                )
                if not is_heard:
                    _mark(reader, topic, news)
            reader.asked.clear()
        self._asking.clear()
        return news

    async def _tell(self, readers: list[Reader]) -> None:
        """Write to readers, a slice at a time; no round is cut meanwhile."""
        now = asyncio.get_running_loop().time()
        for first in range(0, len(readers), SLICE_READERS):
            for reader in readers[first : first + SLICE_READERS]:
                reader.tell(self._frames, now, self.limits.behind_seconds_max)
                if reader in self._readers and (reader.untold or reader.is_behind):
                    self._behind.add(reader)
                else:
                    self._behind.discard(reader)
            await asyncio.sleep(0)

    async def _tick(self) -> None:
        self._look_at_freshness()
        await self._tell([reader for reader in self._behind if not reader.ended.done()])
        self._second = (self._second + 1) % self.limits.heartbeat_seconds
        due = [reader for reader, second in self._readers.items() if second == self._second]
        for first in range(0, len(due), SLICE_READERS):
            for reader in due[first : first + SLICE_READERS]:
                reader.beat()
            await asyncio.sleep(0)

    def _look_at_freshness(self) -> None:
        """Tell the readers of a partition when it ceases to be heard, and when it is heard again."""
        partitions = {watch.partition for watch in self._watches.values()}
        now = {partition: self._shelf.is_fresh(partition) for partition in partitions}
        turned = {partition for partition in partitions if now[partition] != self._fresh.get(partition)}
        self._fresh = now
        if turned:
            self._on_change([sku for sku, watch in self._watches.items() if watch.partition in turned])


def _mark(reader: Reader, topic: Topic, news: list[Reader]) -> None:
    """Mark a topic untold. Who has marks from before is behind, and is tried at the ticks."""
    if not reader.untold:
        news.append(reader)
    reader.untold.add(topic)
