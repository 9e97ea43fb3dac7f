"""The owner of accounts: takes them up from their rows, hands deliveries on, does acts at once."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from dataclasses import replace

import pytest

from inventory_stream.errors import UnreachableError
from inventory_stream.flows.channels.account import Account
from inventory_stream.flows.channels.inbound.taking import Place
from inventory_stream.flows.channels.keeper import Keeper
from inventory_stream.flows.channels.owner import ChannelOwner
from inventory_stream.ports.inputs import InputRecord
from inventory_stream.ports.integrations import Integration, MappedListing
from models.channels import (
    ACCOUNT,
    AccountRow,
    AccountTroubled,
    Act,
    ActKind,
    ChannelEvent,
    Inbound,
    OrderNamed,
    OutcomeRow,
    StockSeen,
    account_key,
    encode_inbound,
    outcome_key,
)
from models.ids import partition_of
from tests.fakes.channel import FakeChannel
from tests.fakes.channel_log import FakeChannelLog
from tests.fakes.dead_letters import FakeDeadLetters
from tests.unit.flows.channels.world import INTEGRATION, AccountWorld

PARTITIONS = 4
MINE = partition_of(account_key("shop", "one"), PARTITIONS)
SEEN = StockSeen("L0", 1, 5)
BESIDE = next(
    name for name in map(str, range(99)) if partition_of(account_key("shop", name), PARTITIONS) == MINE
)
"""An account whose deliveries lie among those of the other one."""


class Takes:
    """A `TakesInbound` that keeps what it took; `faults` are raised first, one each."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.faults: list[Exception] = []
        self.held = ""
        self.is_free = asyncio.Event()

    async def take(self, inbound: Inbound, place: Place) -> None:
        """See the port."""
        del place
        if inbound.account == self.held:
            await self.is_free.wait()
        if self.faults:
            raise self.faults.pop(0)
        self.taken.append(inbound.delivery_id)


class Inbounds:
    """`channel-inbound`: what a test has put there, and where the group goes on."""

    def __init__(self) -> None:
        self.records: list[InputRecord] = []
        self.reads = 0

    async def start_of(self, partitions: frozenset[int]) -> Mapping[int, int]:
        """See the protocol."""
        return dict.fromkeys(partitions, 7)

    async def again(self, partition: int, first: int, end: int) -> AsyncGenerator[Sequence[InputRecord]]:
        """See the protocol."""
        assert partition == MINE
        self.reads += 1
        for record in self.records:
            if first <= record.offset < end:
                yield [record]


class OwnerWorld(AccountWorld):
    """The account of `AccountWorld` at an owner."""

    def __init__(self) -> None:
        super().__init__(FakeChannel(), 3, INTEGRATION)
        self.takes = Takes()
        self.letters = FakeDeadLetters()
        self.inbounds = Inbounds()
        self.done: list[int] = []
        self.beside = AccountWorld(FakeChannel(), 3, replace(INTEGRATION, account=BESIDE))
        self.owner = ChannelOwner(
            [self.integration, self.beside.integration],
            PARTITIONS,
            new_account=self._made,
            channel_log=self.log,
            inbound_topic="inbound",
            inbound_log=self.inbounds,
            new_takes=lambda _accounts: self.takes,
            dead_letters=self.letters,
            mirror=self.mirror,
            mapping=self.mapping,
            is_leased=lambda: self.is_leased,
            fail=self.failed.append,
        )

    def _made(self, integration: Integration, keeper: Keeper, restart: object) -> Account:
        made = self if integration is self.integration else self.beside
        made.keeper = keeper
        made.account = made.new_account()
        made.account._restart = restart  # type: ignore[assignment, misc]  # as the owner gives it
        return made.account

    async def put(self, *values: bytes) -> None:
        """Hand a batch over."""
        first = self.owner.next_offset("inbound", MINE)
        records = [InputRecord(first + number, 1, b"k", value) for number, value in enumerate(values)]
        self.inbounds.records += records

        async def done() -> None:
            self.done.append(records[-1].offset)

        await self.owner.put("inbound", MINE, records, done)

    def delivery(self, delivery_id: str, *events: ChannelEvent, account: str = "one") -> bytes:
        """Give a record's value."""
        return encode_inbound(Inbound("shop", account, delivery_id, 1, events))


@pytest.fixture
async def world() -> AsyncIterator[OwnerWorld]:
    """Run an owner that has the account's partition."""
    one = OwnerWorld()
    for number in range(3):
        one.mirror.set(f"S{number}", 10)
    running = asyncio.create_task(one.owner.run())
    await one.owner.assigned(frozenset({MINE}), frozenset())
    yield one
    await one.owner.revoked(frozenset({MINE}))
    running.cancel()
    await asyncio.wait([running])
    assert not one.failed


async def test_an_assigned_partition_brings_its_accounts(world: OwnerWorld) -> None:
    """The account of the partition is told what the ledger says, and reading goes on at the group's place."""
    await world.until(lambda: world.channel.shown == {"L0": 10, "L1": 10, "L2": 10})
    assert world.owner.of("shop", "one") is world.account
    assert world.owner.of("shop", "two") is None
    assert world.owner.next_offset("inbound", MINE) == 7


async def test_acts_are_done_at_once_though_deliveries_wait(world: OwnerWorld) -> None:
    """A channel that must be asked and does not answer holds neither acts nor other accounts up."""
    world.takes.held = "one"
    kind: ActKind = "pause"
    await world.put(
        world.delivery("d1", SEEN),
        world.delivery("d2", SEEN, account="other"),
        world.delivery("a1", Act("a1", kind, "me", 1)),
    )
    assert world.account.gate.mode == "off"
    await world.until(lambda: world.takes.taken == ["d2"])
    assert world.owner.first_untaken(MINE) == 7
    world.takes.is_free.set()
    await world.until(lambda: world.owner.first_untaken(MINE) is None)


async def test_more_orders_than_are_held_stop_neither_acts_nor_other_accounts(world: OwnerWorld) -> None:
    """5,000 named orders wait for a channel that is down: kills act at once, the neighbour's orders go on.

    What is not held is taken from Kafka when the channel answers: each one, once, in order.
    """
    world.takes.held = "one"
    orders = [f"d{number}" for number in range(5_000)]
    for first in range(0, len(orders), 500):
        await world.put(*(world.delivery(order, OrderNamed(order, 1)) for order in orders[first:][:500]))
    await world.put(
        world.delivery("b1", SEEN, account=BESIDE),
        world.delivery("kill", Act("a1", "kill", "me", 1)),
        world.delivery("kill", Act("a2", "kill", "me", 1), account=BESIDE),
    )
    assert (world.account.gate.mode, world.beside.account.gate.mode) == ("off", "off")
    await world.until(lambda: world.takes.taken == ["b1"])
    assert world.done[-1] == world.owner.next_offset("inbound", MINE) - 1 == 5_009
    assert world.owner.first_untaken(MINE) == 7
    await world.put(world.delivery("last", OrderNamed("last", 1)))
    world.takes.is_free.set()
    await world.until(lambda: world.owner.first_untaken(MINE) is None)
    assert world.takes.taken == ["b1", *orders, "last"]
    assert 1 < world.inbounds.reads < 10


async def test_a_partition_that_goes_leaves_what_was_not_taken_to_the_next_owner() -> None:
    """The group does not pass over it, also after the partition went."""
    one = OwnerWorld()
    await one.owner.assigned(frozenset({MINE}), frozenset())
    one.takes.held = "one"
    await one.put(one.delivery("d1", SEEN, account=BESIDE), one.delivery("d2", SEEN))
    await one.until(lambda: one.takes.taken == ["d1"])
    await one.owner.revoked(frozenset({MINE}))
    assert one.owner.first_untaken(MINE) == 8
    one.takes.held = ""
    await one.owner.assigned(frozenset({MINE}), frozenset())
    assert one.owner.first_untaken(MINE) is None
    await one.owner.revoked(frozenset({MINE}))
    assert not one.failed


async def test_deliveries_of_an_account_stay_in_order_and_are_passed_over_when_all_are_taken(
    world: OwnerWorld,
) -> None:
    """Also where Kafka did not answer for a while."""
    world.takes.faults = [UnreachableError("no broker answers")]
    await world.put(world.delivery("d1", SEEN), world.delivery("d2", SEEN))
    await world.put(world.delivery("d3", SEEN))
    assert world.owner.first_untaken(MINE) == 7
    await world.until(lambda: world.owner.first_untaken(MINE) is None)
    assert world.takes.taken == ["d1", "d2", "d3"]


NESTED = b'{"channel":"shop","events":' + b"[" * 100_000 + b"]" * 100_000 + b"}"


@pytest.mark.parametrize("value", [b"nonsense", NESTED], ids=["nonsense", "nested"])
async def test_what_cannot_be_read_is_a_dead_letter(world: OwnerWorld, value: bytes) -> None:
    """It is kept with its reason before it is passed over."""
    await world.put(value)
    await world.until(lambda: world.done == [7])
    (letter,) = world.letters.kept.values()
    assert (letter.partition, letter.offset, letter.value) == (MINE, 7, value)


async def test_a_fault_that_is_no_matter_of_time_ends_the_process(world: OwnerWorld) -> None:
    """What a delivery meant must not be passed over."""
    world.takes.faults = [ValueError("a mistake of ours")]
    await world.put(world.delivery("d1", SEEN))
    await world.until(lambda: world.failed)
    assert world.owner.first_untaken(MINE) == 7
    world.failed.clear()


async def test_after_shadow_mode_the_account_begins_anew(world: OwnerWorld) -> None:
    """What was only recorded was not acknowledged: it is sent when the mode is on."""
    await world.put(world.delivery("a1", Act("a1", "shadow", "me", 1)))
    await world.until(lambda: world.account.gate.is_shadow)
    world.mirror.set("S0", 3)
    await world.until(lambda: world.channel.dry)
    assert world.channel.shown.get("L0") != 3
    before = world.account
    await world.put(world.delivery("a2", Act("a2", "resume", "me", 2)))
    await world.until(lambda: world.account is not before)
    await world.until(lambda: world.channel.shown.get("L0") == 3)
    assert world.account.gate.mode == "on"


class HeldHistory:
    """Has whoever reads the rows of a log wait before the last of them."""

    def __init__(self, log: FakeChannelLog) -> None:
        self._history = log.history
        self.readers = 0
        self.goes = asyncio.Event()
        log.history = self.history  # type: ignore[method-assign]

    async def history(self, partition: int) -> AsyncIterator[Sequence[tuple[str, OutcomeRow | None]]]:
        """See the port."""
        async for rows in self._history(partition):
            yield rows
        self.readers += 1
        await self.goes.wait()


async def _leaving_shadow(world: OwnerWorld) -> HeldHistory:
    """Have the account taken up anew, and wait where it reads its rows."""
    await world.put(world.delivery("a1", Act("a1", "shadow", "me", 1)))
    held = HeldHistory(world.log)
    await world.put(world.delivery("a2", Act("a2", "resume", "me", 2)))
    await world.until(lambda: held.readers)
    return held


async def test_a_kill_that_comes_while_the_account_begins_anew_is_done(world: OwnerWorld) -> None:
    """The operator is told that it was done when the account that sends does it, and it stays done."""
    held = await _leaving_shadow(world)
    await world.put(world.delivery("a3", Act("a3", "kill", "me", 3, zeros_first=True)))
    assert world.owner.first_untaken(MINE) is not None
    held.goes.set()
    await world.until(lambda: world.channel.shown == {"L0": 0, "L1": 0, "L2": 0})
    assert world.account.gate.mode == "off"
    await world.until(lambda: world.owner.first_untaken(MINE) is None)
    row = dict(world.log.rows[MINE])[outcome_key("shop", "one", ACCOUNT)]
    assert isinstance(row, AccountRow)
    assert (row.mode, row.last_act_id) == ("off", "a3")


async def test_an_account_that_is_asked_to_begin_anew_twice_is_there_once(world: OwnerWorld) -> None:
    """Else two would send for one account, one of them for ever."""
    held = await _leaving_shadow(world)
    await world.put(world.delivery("a3", Act("a3", "shadow", "me", 3)))
    await world.put(world.delivery("a4", Act("a4", "resume", "me", 4)))
    await world.quiet()
    held.goes.set()
    await world.until(lambda: held.readers == 2)
    world.mirror.set("S0", 3)
    await world.until(lambda: world.channel.shown.get("L0") == 3)
    assert world.heard.owned == ["shop"]
    assert world.owner.of("shop", "one") is world.account


async def test_trouble_and_orders_that_come_while_the_account_begins_anew_count(world: OwnerWorld) -> None:
    """What the account before it was told last counts, not what the log had when it was read."""
    held = await _leaving_shadow(world)
    former = world.owner.of("shop", "one")
    assert former is not None
    former.troubled(AccountTroubled("revoked", 5))
    former.orders_through(77)
    held.goes.set()
    await world.until(lambda: world.owner.of("shop", "one") is world.account)
    assert "revoked" in world.account.gate.row.parked
    assert world.account.gate.row.orders_through_ms == 77


async def test_a_partition_that_goes_while_its_account_begins_anew_leaves_nobody_who_sends() -> None:
    """And what an operator asked meanwhile is read again by the next owner."""
    one = OwnerWorld()
    await one.owner.assigned(frozenset({MINE}), frozenset())
    await _leaving_shadow(one)
    asked = one.owner.next_offset("inbound", MINE)
    await one.put(one.delivery("a3", Act("a3", "kill", "me", 3, zeros_first=True)))
    await one.owner.revoked(frozenset({MINE}))
    assert not one.heard.owned
    assert one.owner.of("shop", "one") is None
    first = one.owner.first_untaken(MINE)
    assert first is not None
    assert first <= asked
    assert not one.failed


async def test_an_account_that_begins_anew_during_a_rebalance_sends_nothing_before_its_end(
    world: OwnerWorld,
) -> None:
    """Nobody knows yet whose it will be."""
    await world.until(lambda: len(world.channel.shown) == 3)
    held = await _leaving_shadow(world)
    world.mirror.set("S0", 1)
    await world.owner.suspend()
    held.goes.set()
    await world.until(lambda: world.owner.of("shop", "one") is world.account)
    await world.quiet()
    assert world.channel.shown["L0"] == 10
    await world.owner.assigned(frozenset(), frozenset({MINE}))
    await world.until(lambda: world.channel.shown["L0"] == 1)


async def test_an_act_is_read_again_until_its_row_is_durable(world: OwnerWorld) -> None:
    """A worker that is killed before that would take the kill with it."""
    await world.until(lambda: len(world.channel.shown) == 3)
    await world.until(lambda: world.owner.first_untaken(MINE) is None)
    world.log.is_away = True
    asked = world.owner.next_offset("inbound", MINE)
    await world.put(world.delivery("a1", Act("a1", "kill", "me", 1)))
    assert world.account.gate.mode == "off"
    assert world.owner.first_untaken(MINE) == asked
    world.log.is_away = False
    await world.until(lambda: world.owner.first_untaken(MINE) is None)
    assert outcome_key("shop", "one", ACCOUNT) in dict(world.log.rows[MINE])


async def test_acts_of_hosts_whose_clocks_differ_are_done_once_though_read_again(world: OwnerWorld) -> None:
    """The broker's clock counts: the later record is the later act, also in a topic that was made anew."""

    async def read(offset: int, stamped_ms: int, act: Act) -> str:
        record = InputRecord(offset, stamped_ms, b"k", world.delivery(act.act_id, act))
        await world.owner.put("inbound", MINE, [record], _nothing)
        return world.account.gate.mode

    resume, kill = Act("a1", "resume", "laptop", 100_000), Act("a2", "kill", "server", 5)
    assert await read(7, 1_000, resume) == "on"
    assert await read(8, 1_001, kill) == "off"
    assert await read(7, 1_000, resume) == "off"
    assert await read(0, 2_000, Act("a3", "resume", "server", 6)) == "on"


async def _nothing() -> None:
    """Acknowledge."""


async def test_nothing_is_sent_from_the_begin_of_a_rebalance_until_the_account_is_ours_again(
    world: OwnerWorld,
) -> None:
    """Meanwhile another worker may be told that it has the account."""
    await world.until(lambda: len(world.channel.shown) == 3)
    await world.owner.suspend()
    world.mirror.set("S0", 1)
    await world.quiet()
    assert world.channel.shown["L0"] == 10
    await world.owner.assigned(frozenset(), frozenset({MINE}))
    await world.until(lambda: world.channel.shown["L0"] == 1)


async def test_a_changed_mapping_is_followed_without_a_restart(world: OwnerWorld) -> None:
    """A listing that is new in the file is told, one that went is not any more."""
    await world.until(lambda: len(world.channel.shown) == 3)
    world.mapping.put([MappedListing("L0", "S0", (), 1), MappedListing("L9", "S1", (), 2)])
    await world.until(lambda: world.channel.shown.get("L9") == 10)
    world.mirror.set("S2", 1)
    world.mirror.set("S0", 4)
    await world.until(lambda: world.channel.shown["L0"] == 4)
    assert world.channel.shown["L2"] == 10


async def test_nothing_is_told_before_the_ledger_was_read_to_its_end() -> None:
    """Until then the mirror shows units of long ago, and misses SKUs."""
    one = OwnerWorld()
    one.mirror.is_read = False
    for number in range(3):
        one.mirror.set(f"S{number}", 10)
    running = asyncio.create_task(one.owner.run())
    await one.owner.assigned(frozenset({MINE}), frozenset())
    one.mirror.set("S0", 9)
    await one.quiet()
    assert not one.channel.pushes
    one.mirror.is_read = True
    await one.until(lambda: one.channel.shown == {"L0": 9, "L1": 10, "L2": 10})
    await one.owner.revoked(frozenset({MINE}))
    running.cancel()
    await asyncio.wait([running])
    assert not one.failed
