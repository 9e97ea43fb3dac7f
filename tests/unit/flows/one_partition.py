"""A world of one partition: its two inputs, its log, its dead letters, and owners that come and go."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from inventory_stream.errors import LedgerLogError
from inventory_stream.flows.own_partition import OwnPartition
from inventory_stream.ledger.rules import Rules
from inventory_stream.ports.dead_letters import DeadLetter
from inventory_stream.ports.inputs import Input, InputRange, InputRecord
from models.codec import encode_command, encode_pack
from models.commands import Command
from models.rows import Answer, PositionRow, ReceiptRow, ReservationRow, Row, decode_row
from tests.fakes.ledger_log import FakeLedgerLog, FakePartition

TOPICS = {Input.STOCK: "stock-events", Input.ORDERS: "order-events"}
START_MS = 1_795_000_000_000
DEADLINE_SECONDS = 10.0


class OwnerFailedError(Exception):
    """What an owner's process would have ended with."""


@dataclass
class FakeDeadLetters:
    """Keeps letters; fails once when told to."""

    letters: list[DeadLetter] = field(default_factory=list)
    fail_next: bool = False

    async def write(self, letters: Sequence[DeadLetter]) -> None:
        """Keep the letters, or fail before any is kept."""
        await asyncio.sleep(0)
        if self.fail_next:
            self.fail_next = False
            raise LedgerLogError("the dead letters were not kept")
        self.letters += letters


@dataclass
class World:
    """Inputs that are appended to, the ledger that owners write, and a clock that the test moves."""

    now_ms: int = START_MS
    log: FakePartition = field(default_factory=FakePartition)
    dead: FakeDeadLetters = field(default_factory=FakeDeadLetters)
    inputs: dict[Input, list[InputRecord]] = field(
        default_factory=lambda: {Input.STOCK: [], Input.ORDERS: []}
    )
    beginnings: dict[Input, int] = field(default_factory=lambda: {Input.STOCK: 0, Input.ORDERS: 0})
    acked: dict[Input, int] = field(default_factory=lambda: {Input.STOCK: 0, Input.ORDERS: 0})
    markers: dict[Input, int] = field(default_factory=lambda: {Input.STOCK: 0, Input.ORDERS: 0})
    """Control records after the newest record: offsets that no command has."""
    looks: int = 0
    """How often it was asked whether there are records."""
    rules: Rules = field(default_factory=Rules)

    def send(self, source: Input, *commands: Command) -> None:
        """Append one record: a single command, or a pack."""
        value = encode_command(commands[0]) if len(commands) == 1 else encode_pack(commands)
        self.send_raw(source, value)

    def send_raw(self, source: Input, value: bytes | None) -> None:
        """Append one record as it is."""
        records = self.inputs[source]
        records.append(InputRecord(len(records), self.now_ms, None, value))

    async def range_of(self, source: Input, partition: int) -> InputRange:
        """The port InputOffsets."""
        assert partition == 0
        await asyncio.sleep(0)
        return InputRange(self.beginnings[source], len(self.inputs[source]) + self.markers[source])

    async def has_records(self, source: Input, partition: int, first: int, end: int) -> bool:
        """The port InputOffsets."""
        assert partition == 0
        await asyncio.sleep(0)
        self.looks += 1
        return any(first <= record.offset < end for record in self.inputs[source])

    def rows(self) -> dict[bytes, Row]:
        """The newest row of each key, as a reader of the ledger sees it."""
        newest: dict[bytes, bytes | None] = {}
        for record in self.log.records:
            newest[record.key] = record.value
        return {key: decode_row(key, value) for key, value in newest.items() if value is not None}

    def position(self, sku: str, location: str = "DC1") -> PositionRow:
        """The position row of a SKU."""
        row = self.rows()[f"p/{sku}/{location}".encode()]
        assert isinstance(row, PositionRow)
        return row

    def answers(self) -> list[tuple[bytes, Answer | ReceiptRow, int]]:
        """Every answer in the log, in order: row key, answer, and whether it is a repeat."""
        found: list[tuple[bytes, Answer | ReceiptRow, int]] = []
        for record in self.log.records:
            if record.value is None or record.key[:2] not in (b"r/", b"c/"):
                continue
            row = decode_row(record.key, record.value)
            if isinstance(row, ReservationRow) and row.answered >= 0:
                found.append((record.key, row.answers[row.answered], row.repeat))
            elif isinstance(row, ReceiptRow):
                found.append((record.key, row, row.repeat))
        return found


class Owner:
    """One process that owns the partition: fed from its next offsets, dead once anything failed."""

    def __init__(self, world: World, **options: object) -> None:
        self.world = world
        self.failed: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()
        self.flow = OwnPartition(
            0,
            1,
            world.rules,
            log=FakeLedgerLog(world.log, self._end_process),
            dead_letters=world.dead,
            offsets=world,
            wall_clock_ms=lambda: world.now_ms,
            fail=self._fail,
            topics=TOPICS,
            **options,  # type: ignore[arg-type]  # by name
        )

    def _end_process(self, code: int, reason: str) -> None:
        assert code == 70
        self._fail(OwnerFailedError(reason))

    def _fail(self, error: BaseException) -> None:
        if not self.failed.done():
            self.failed.set_result(error)

    async def feed(self, records_per_put: int = 3) -> None:
        """Hand over all that the inputs hold after the owner's next offsets."""
        offsets = self.flow.next_offsets
        for source, first in ((Input.STOCK, offsets.stock), (Input.ORDERS, offsets.orders)):
            held = self.world.inputs[source]
            for start in range(first, len(held), records_per_put):
                records = held[start : start + records_per_put]
                await self.flow.put(source, records, self._ack(source, records[-1].offset + 1))

    def _ack(self, source: Input, offset: int) -> Callable[[], Awaitable[None]]:
        async def acknowledge() -> None:
            assert self.world.acked[source] <= offset, "acknowledged out of order"
            self.world.acked[source] = offset

        return acknowledge

    async def run_to_end(self) -> bool:
        """Open, feed and wait until all is acknowledged; whether the owner lived to see it."""
        try:
            await self.flow.open()
        except LedgerLogError:
            return False
        feeding = asyncio.create_task(self.feed())
        try:
            await self.until(
                lambda: (
                    all(self.flow.next_offsets[n] == len(self.world.inputs[s]) for n, s in enumerate(Input))
                    and feeding.done()
                )
            )
            return not self.failed.done()
        finally:
            feeding.cancel()
            await self.stop()

    async def until(self, reached: Callable[[], bool]) -> None:
        """Wait for a condition, or for the owner's end."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            while not reached() and not self.failed.done():  # noqa: ASYNC110  # the world's condition
                await asyncio.sleep(0)

    async def stop(self) -> None:
        """Close the owner, as after a revocation or at the process's end."""
        await self.flow.close()
