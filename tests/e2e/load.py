"""A seeded rush at a few hot SKUs, far beyond their stock, at a steady rate until a test has seen enough."""

import asyncio
import random
import time
from collections import defaultdict, deque
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Final, Self

from aiokafka import AIOKafkaProducer

from inventory_stream.adapters.kafka.client_internals import abandon
from inventory_stream.adapters.kafka.process_end import EXIT_CODE
from inventory_stream.ports.commands import ORDER_EVENTS, STOCK_EVENTS
from models.codec import encode_command, encode_pack, to_positional
from models.commands import (
    STOCK_COMMANDS,
    Adjust,
    Cancel,
    Command,
    Confirm,
    Extend,
    Fulfil,
    Release,
    Reserve,
    SetLocationGroup,
    Sync,
)
from models.ids import partition_of
from tests.e2e.audit import Asked, Place, Sent
from tests.e2e.cluster import DEADLINE_SECONDS, LEDGER_WORKERS, LOOK_SECONDS, PARTITIONS, Cluster

LOCATIONS: Final = ("harbour", "mall", "station")
GROUP: Final = "town"
HOT_SKUS_PER_PARTITION: Final = 2
STOCK_UNITS: Final = 120
"""Of a hot SKU at each location: sold out within the first two seconds of a rush."""
QUIET_SKUS: Final = 40

TICK_SECONDS: Final = 0.02
"""Between two handfuls of commands."""

COMMANDS_MAX: Final = 300_000
"""End of a rush whose test never sees what it waits for; at 3,000/s the deadline comes before it."""


def skus_of(name: str, per_partition: int) -> list[str]:
    """Find names for SKUs, so many in each partition."""
    wanted = dict.fromkeys(range(PARTITIONS), per_partition)
    found = []
    number = 0
    while any(wanted.values()):
        sku = f"{name}-{number}"
        if wanted[partition_of(sku, PARTITIONS)]:
            wanted[partition_of(sku, PARTITIONS)] -= 1
            found.append(sku)
        number += 1
    return found


HOT_SKUS: Final = skus_of("hot", HOT_SKUS_PER_PARTITION)
STEADY_SKUS: Final = skus_of("steady", 1)
"""Stocked like the hot ones; nobody buys them, so readers must see their opening stock or nothing."""


class Shoppers:
    """Makes commands, the same ones for the same seed but for the time in `effective_at`."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._number = 0
        # Of the last second or so: what is confirmed, released, shipped, or sent again by mistake.
        self._reserves: deque[Reserve] = deque(maxlen=600)
        self._recent: deque[Command] = deque(maxlen=3_000)

    def commands(self) -> Iterator[Command]:
        """Give commands without end."""
        while True:
            command = self._next()
            self._recent.append(command)
            yield command

    def _next(self) -> Command:
        dice = self._random.random()
        if dice < 0.55 or not self._reserves:
            return self._reserve()
        if dice < 0.70:
            return self._random.choice(self._recent)  # a producer's retry
        if dice < 0.75:
            pressed = self._random.choice(self._reserves)  # a shopper's: another id, the same wish
            return Reserve(self._id("again"), *_fields(pressed)[1:])
        if dice < 0.90:
            return self._after(self._random.choice(self._reserves))
        return self._adjust()

    def _reserve(self) -> Reserve:
        # Short lives expire within the test, so that expiry meets every fault too.
        reserve = Reserve(
            self._id("ask"),
            self._id("cart"),
            self._random.choice(HOT_SKUS),
            self._random.randint(1, 4),
            self._random.choice([1, 2, 600, 600]),
            customer=self._id("who"),
            allow_partial=self._random.random() < 0.2,
            **self._random.choice(_WAYS),
        )
        self._reserves.append(reserve)
        return reserve

    def _after(self, reserve: Reserve) -> Command:
        ids = self._id("then"), reserve.reservation_id, reserve.sku
        dice = self._random.random()
        if dice < 0.45:
            return Confirm(*ids)
        if dice < 0.70:
            return Release(*ids)
        if dice < 0.80:
            return Extend(*ids, ttl_seconds=30)
        return Fulfil(*ids) if dice < 0.90 else Cancel(*ids)

    def _adjust(self) -> Adjust:
        """Deliver to a hot shelf, or count up and down on a quiet one, where nobody buys."""
        at_ms = time.time_ns() // 1_000_000
        location = self._random.choice(LOCATIONS)
        if self._random.random() < 0.2:
            sku, delta = self._random.choice(HOT_SKUS), self._random.randint(1, 2)
        else:
            sku, delta = f"quiet-{self._random.randrange(QUIET_SKUS)}", self._random.choice([-3, -1, 2, 5])
        return Adjust(self._id("adjust"), sku, location, delta, at_ms)

    def _id(self, kind: str) -> str:
        self._number += 1
        return f"{kind}-{self._number}"


_WAYS: Final[list[dict[str, Any]]] = [
    {"location": "harbour"},
    {"location": "mall"},
    {"group": GROUP},
    {"group": GROUP, "strategy": "split"},
]


def _fields(command: Command) -> list[Any]:
    return [getattr(command, name) for name in command.__struct_fields__]


class Producer:
    """Puts commands into the inputs with acks=all, and remembers each; `moves` are for the audit."""

    def __init__(self, cluster: Cluster) -> None:
        self.sent = Sent()
        self._cluster = cluster
        self._acks: list[asyncio.Future[Any]] = []
        self._producer = AIOKafkaProducer(
            bootstrap_servers=cluster.settings.kafka.bootstrap_servers,
            acks="all",
            enable_idempotence=True,
            # Two bytes more than the largest record of the fault tests and its head.
            max_request_size=2 * 1024 * 1024,
        )

    async def __aenter__(self) -> Self:
        await self._producer.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            await self._producer.stop()
        else:
            await abandon(self._producer)  # stop() would wait for a broker that may be gone

    @property
    def count(self) -> int:
        """Commands sent so far, copies included."""
        return self.sent.copies.total()

    def topic_of(self, command: Command) -> str:
        """Give the full name of the topic that carries a command."""
        return self._cluster.settings.topic(
            STOCK_EVENTS if isinstance(command, STOCK_COMMANDS) else ORDER_EVENTS
        )

    async def send(self, command: Command) -> None:
        """Send one command as a record of its own; aiokafka finds the partition of its key (R30)."""
        key = _sku(command)
        self.note(command, partition_of(key, PARTITIONS))
        await self.put(self.topic_of(command), encode_command(command), key=key.encode())

    async def put_command(self, command: Command, partition: int) -> None:
        """Send one command that the audit knows without being told."""
        await self.put(self.topic_of(command), encode_command(command), partition=partition)

    async def send_pack(self, commands: list[Command], partition: int) -> None:
        """Send a positional pack to a partition; all of one topic."""
        for command in commands:
            self.note(command, partition)
        value = encode_pack(to_positional(command) for command in commands)
        await self.put(self.topic_of(commands[0]), value, partition=partition)

    async def put(
        self, topic: str, value: bytes | None, *, key: bytes | None = None, partition: int | None = None
    ) -> "asyncio.Future[Any]":
        """Send raw bytes; the future gives the record's place once it is acknowledged."""
        ack: asyncio.Future[Any] = await self._producer.send(topic, value, key=key, partition=partition)
        self._acks.append(ack)
        return ack

    async def flush(self) -> None:
        """Return when everything sent is acknowledged."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            await asyncio.gather(*self._acks)
        self._acks.clear()

    async def stock_up(self) -> None:
        """Put the opening stock on the shelves, and wait until the ledger has it."""
        hour_ago_ms = time.time_ns() // 1_000_000 - 3_600_000
        for partition in range(PARTITIONS):
            await self.send_pack([SetLocationGroup("town", GROUP, LOCATIONS)], partition)
        for sku in (*HOT_SKUS, *STEADY_SKUS):
            for location in LOCATIONS:
                await self.send(Sync(f"opening-{sku}-{location}", sku, location, STOCK_UNITS, hour_ago_ms))
        await self.flush()
        await self._cluster.until_decided()

    def note(self, command: Command, partition: int) -> None:
        """Remember a command that goes to a partition, in whatever form."""
        reservation_id = getattr(command, "reservation_id", None)
        asked = Asked(partition, reservation_id, command.id)
        self.sent.copies[asked] += 1
        if isinstance(command, Fulfil):  # of a reservation that was refused there is nothing to ship yet
            self.sent.may_bind_nothing.add(asked)
        if isinstance(command, Adjust):
            self.sent.moves[command.id] = Place(command.sku, command.location), command.delta
        elif isinstance(command, Sync):
            self.sent.moves[command.id] = Place(command.sku, command.location), command.on_hand


def _sku(command: Command) -> str:
    sku: str = command.sku  # type: ignore[attr-defined]  # only SetLocationGroup has none, and comes in packs
    return sku


class Rush:
    """A steady load while a test does its worst: `async with` begins it, and ends it all acknowledged."""

    def __init__(self, producer: Producer, seed: int, per_second: int, commands_min: int) -> None:
        """Send at least `commands_min` commands, and on until the body is through."""
        self._producer = producer
        self._commands = Shoppers(seed).commands()
        self._packs = random.Random(seed)
        self._per_tick = round(per_second * TICK_SECONDS)
        self._commands_min = commands_min
        self._stop = asyncio.Event()
        self._running: asyncio.Task[None] | None = None
        self.sent = 0

    async def __aenter__(self) -> Self:
        self._running = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._running is not None
        if error is not None:
            self._running.cancel()
            await asyncio.wait([self._running])
            return
        self._stop.set()
        await self._running
        await self._producer.flush()

    async def until_sent(self, more: int) -> None:
        """Wait until so many more commands are on their way."""
        target = self.sent + more
        async with asyncio.timeout(DEADLINE_SECONDS):
            while self.sent < target:
                assert self._running is not None
                if self._running.done():
                    self._running.result()
                    raise AssertionError(f"the rush is over after {self.sent} commands")
                await asyncio.sleep(LOOK_SECONDS)

    async def _run(self) -> None:
        began = time.monotonic()
        ticks = 0
        while self.sent < COMMANDS_MAX:
            if self._stop.is_set() and self.sent >= self._commands_min:
                return
            await self._send([next(self._commands) for _ in range(self._per_tick)])
            ticks += 1
            early_seconds = began + ticks * TICK_SECONDS - time.monotonic()
            if early_seconds > 0:  # the rate, not a wait for anything
                await asyncio.sleep(early_seconds)

    async def _send(self, commands: list[Command]) -> None:
        """Send a handful: mostly one record a command, every fifth time in packs."""
        if self._packs.random() < 0.8:
            for command in commands:
                await self._producer.send(command)
        else:
            packs: defaultdict[tuple[str, int], list[Command]] = defaultdict(list)
            for command in commands:
                place = self._producer.topic_of(command), partition_of(_sku(command), PARTITIONS)
                packs[place].append(command)
            for (_, partition), pack in packs.items():
                await self._producer.send_pack(pack, partition)
        self.sent += len(commands)


SLEEPS_MAX: Final = 5
"""A sleeper that happens to wake with no append under way, and is given other partitions before it tries
one, has nothing to be refused. That is the rarer case: five in a row are another fault."""


async def sleep_until_refused(cluster: Cluster, rush: Rush, worker: str, commands: int) -> None:
    """Suspend a worker until others own everything and have decided some; again until it ended for it."""
    for _ in range(SLEEPS_MAX):
        cluster.supervisor.pause(worker)
        await cluster.until_shared_by(1)
        await rush.until_sent(commands)
        cluster.supervisor.resume(worker)

        async def is_settled() -> bool:
            return bool(cluster.supervisor.exit_statuses(worker)) or len(await cluster.shares()) == len(
                LEDGER_WORKERS
            )

        await cluster.until(is_settled, f"{worker} to end or to join again")
        await cluster.until_shared_by(len(LEDGER_WORKERS))
        if cluster.supervisor.exit_statuses(worker):
            assert cluster.supervisor.exit_statuses(worker) == [EXIT_CODE]
            return
    raise AssertionError(f"{worker} woke {SLEEPS_MAX} times and was never refused\n{cluster.log_tails()}")
