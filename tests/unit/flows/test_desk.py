"""The desk: commands go out, answers find who waits."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import msgspec
import pytest
import pytest_asyncio

from inventory_stream.flows.desk import RESEND_SECONDS, LedgerDesk
from inventory_stream.ports.desk import Decision, DeskClosedError, NotAnsweredError
from inventory_stream.ports.projection import Version
from models.commands import (
    POSITIONAL,
    Adjust,
    Command,
    Confirm,
    Inspect,
    Release,
    Reserve,
    SetLocationGroup,
    SetPlace,
)
from models.outcomes import Outcome
from models.rows import ReservationRow
from tests.fakes.desk import START_MS, FakeDesk

DEADLINE_SECONDS = 5.0


def reserve(units: int = 1, command_id: str = "c1", reservation_id: str = "R1") -> Reserve:
    """Ask for units of A at L1."""
    return Reserve(command_id, reservation_id, "A", units, 60, "L1")


@dataclass
class World:
    """A desk whose way leads to the ledger in memory; what `held` keeps is decided by `let_go`."""

    ledger: FakeDesk = field(default_factory=FakeDesk)
    partitions: int = 1
    is_caught_up: bool = True
    is_held: bool = False
    is_blocked: bool = False
    held: list[Command] = field(default_factory=list)
    sent: list[Command] = field(default_factory=list)
    waiting_max: int = 10
    versions: dict[str, Version] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.desk = LedgerDesk(
            self,
            partitions=self.partitions,
            now_ms=lambda: self.ledger.now_ms,
            is_caught_up=lambda: self.is_caught_up,
            waiting_max=self.waiting_max,
            version_of=self.versions.get,
        )
        self.ledger.hears = self.desk.take

    def offer(self, command: Command, partition_key: str) -> bool:
        """Take a command at once, unless the way is blocked."""
        assert partition_key == command.sku  # type: ignore[attr-defined]  # those without one are sent
        if self.is_blocked:
            return False
        self._take(command)
        return True

    async def send(self, command: Command, partition_key: str | None) -> None:
        """Take a command, or wait without an end."""
        if self.is_blocked:
            await asyncio.Event().wait()
        assert partition_key is None
        self._take(command)

    def _take(self, command: Command) -> None:
        assert type(command) in POSITIONAL.values()
        self.sent.append(command)
        self.held.append(command)
        if not self.is_held:
            asyncio.get_running_loop().call_soon(self.let_go)

    def let_go(self) -> None:
        """Decide all that was held; the desk hears of it."""
        held, self.held = self.held, []
        for command in held:
            self.ledger.decide(command)

    async def asked(self, *commands: Command) -> "list[asyncio.Task[Decision]]":
        """Ask, and return once all of them wait."""
        tasks = [asyncio.create_task(self.desk.ask(one, DEADLINE_SECONDS)) for one in commands]
        before = self.desk.waiting
        await until(lambda: self.desk.waiting >= before + len(commands))
        return tasks


async def until(is_so: Callable[[], bool]) -> None:
    """Wait for a condition, bounded."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not is_so():  # noqa: ASYNC110  # a condition of the test, not an event
            await asyncio.sleep(0)


@pytest_asyncio.fixture
async def world() -> AsyncIterator[World]:
    """Give a world with 3 units of A at L1, and see that the desk forgets whoever has gone."""
    world = World()
    await world.desk.ask(Adjust("a", "A", "L1", 3, START_MS), DEADLINE_SECONDS)
    yield world
    assert world.desk.waiting == 0
    assert not world.desk._by_key


async def test_a_command_hears_its_decision_and_the_version_it_made(world: World) -> None:
    """The answer has outcome, units, time, row, and the version of the SKU that came with it."""
    decision = await world.desk.ask(reserve(2), DEADLINE_SECONDS)
    assert (decision.outcome, decision.units, decision.at_ms) == (Outcome.GRANTED, 2, START_MS)
    assert isinstance(decision.row, ReservationRow)
    assert decision.version is not None
    assert decision.version.offset == [r.offset for r in world.ledger.rows if r.key == b"p/A/L1"][-1]
    refused = await world.desk.ask(reserve(9, "c2", "R2"), DEADLINE_SECONDS)
    assert (refused.outcome, refused.version) == (Outcome.SOLD_OUT, None)
    assert refused.breakdown is not None


async def test_a_repeat_of_what_moved_units_has_the_version_of_its_sku(world: World) -> None:
    """Who was cut off and asks again can read the write as well; a repeat of a refusal moved nothing."""
    world.versions["A"] = Version(START_MS, 4_711)
    for command in (reserve(2), reserve(9, "c2", "R2")):
        first = await world.desk.ask(command, DEADLINE_SECONDS)
        assert first.version != world.versions["A"]
        again = await world.desk.ask(command, DEADLINE_SECONDS)
        assert again.is_repeat
        assert again.version == (world.versions["A"] if first.units else None)


async def test_a_repeat_hears_the_first_answer(world: World) -> None:
    """The same command later is told what was decided, marked as a repeat (R27)."""
    first = await world.desk.ask(reserve(2), DEADLINE_SECONDS)
    again = await world.desk.ask(reserve(2), DEADLINE_SECONDS)
    assert (again.outcome, again.units, again.is_repeat, first.is_repeat) == (Outcome.GRANTED, 2, True, False)


async def test_two_who_ask_the_same_share_one_way(world: World) -> None:
    """While a command is under way its repeat is not sent, and both hear the one answer."""
    world.is_held = True
    world.sent.clear()
    tasks = await world.asked(reserve(), reserve())
    assert len(world.sent) == 1
    world.let_go()
    assert {(await task).outcome for task in tasks} == {Outcome.GRANTED}


async def test_one_who_gives_up_does_not_take_the_other_along(world: World) -> None:
    """A shared wait ends for each at its own deadline."""
    world.is_held = True
    (patient,) = await world.asked(reserve())
    with pytest.raises(NotAnsweredError):
        await world.desk.ask(reserve(), 0.01)
    world.let_go()
    assert (await patient).outcome is Outcome.GRANTED


async def test_many_are_asked_at_once_and_each_hears_its_own(world: World) -> None:
    """One wait for all: answers in the order asked, None for those that did not come in time."""
    assert await world.desk.ask_all([], DEADLINE_SECONDS) == []
    decisions = await world.desk.ask_all(
        [reserve(2, "c1", "R1"), reserve(2, "c2", "R2"), reserve(1, "c3", "R3")], DEADLINE_SECONDS
    )
    outcomes = [one.outcome for one in decisions if one is not None]
    assert outcomes == [Outcome.GRANTED, Outcome.ALL_RESERVED, Outcome.GRANTED]
    world.is_held = True
    asking = asyncio.create_task(world.desk.ask_all([Inspect("c4", "R1", "A"), reserve(1, "c5", "R5")], 0.2))
    await until(lambda: len(world.held) == 2)
    del world.held[1]  # lost
    world.let_go()
    heard = await asking
    assert heard[0] is not None
    assert heard[1] is None


async def test_the_same_id_for_two_things_is_told_apart(world: World) -> None:
    """Whichever of two contents under one id is decided first, the other hears that the id was used."""
    world.is_held = True
    tasks = await world.asked(reserve(1), reserve(2))
    world.let_go()
    assert [(await task).outcome for task in tasks] == [Outcome.GRANTED, Outcome.COMMAND_ID_REUSED]
    later = await asyncio.gather(*(world.asked(Adjust("a", "A", "L1", units, START_MS)) for units in (3, 4)))
    world.let_go()
    outcomes = [(await task).outcome for (task,) in later]
    assert outcomes == [Outcome.APPLIED, Outcome.COMMAND_ID_REUSED]


async def test_commands_of_one_reservation_hear_their_own_answers(world: World) -> None:
    """Two commands under way for one reservation share a row key, and no answer."""
    await world.desk.ask(reserve(3), DEADLINE_SECONDS)
    world.is_held = True
    tasks = await world.asked(Release("c2", "R1", "A", 1), Confirm("c3", "R1", "A"), Inspect("c4", "R1", "A"))
    world.let_go()
    decisions = [await task for task in tasks]
    assert [one.outcome for one in decisions] == [Outcome.RELEASED, Outcome.CONFIRMED, Outcome.INSPECTED]
    assert [one.units for one in decisions[:2]] == [1, 2]


async def test_an_answer_that_binds_nothing_is_heard_too(world: World) -> None:
    """Of a reservation that nobody knows an Inspect is answered, and a confirm is remembered."""
    unknown = await world.desk.ask(Inspect("c1", "R9", "A"), DEADLINE_SECONDS)
    assert unknown.outcome is Outcome.UNKNOWN_RESERVATION
    early = await world.desk.ask(Confirm("c2", "R9", "A"), DEADLINE_SECONDS)
    assert early.outcome is Outcome.REMEMBERED


async def test_a_reserve_must_be_decided_before_its_asker_gives_up(world: World) -> None:
    """Nothing is held for who was told 503: the ledger gets a deadline shortly before that (R15)."""
    await world.desk.ask(reserve(), 2.0)
    assert world.sent[-1].answer_by == START_MS + 1_750  # type: ignore[attr-defined]  # of a Reserve
    await world.desk.ask(msgspec.structs.replace(reserve(1, "c2", "R2"), answer_by=START_MS + 9), 2.0)
    assert world.sent[-1].answer_by == START_MS + 9  # type: ignore[attr-defined]
    world.is_held = True
    (late,) = await world.asked(reserve(1, "c3", "R3"))
    world.ledger.now_ms += 10_000
    world.let_go()
    assert (await late).outcome is Outcome.TOO_LATE


async def test_too_late_for_an_earlier_try_is_no_answer_to_this_one(world: World) -> None:
    """After an outage the ledger decides the old try and the new one: who asked anew hears of the new one."""
    world.is_held = True
    with pytest.raises(NotAnsweredError):
        await world.desk.ask(reserve(), 0.02)
    world.ledger.now_ms += 10_000
    (again,) = await world.asked(reserve())
    assert len(world.held) == 2
    world.let_go()
    assert (await again).outcome is Outcome.GRANTED


async def test_what_goes_to_every_partition_is_answered_by_all() -> None:
    """A command without a SKU waits for each partition, and a refusal of one is the answer."""
    world = World(partitions=2)
    second = FakeDesk()
    second.hears = lambda _, generation_ms, rows: world.desk.take(1, generation_ms, rows)
    place = SetPlace("c1", "L1", 50.0, 10.0)
    world.is_held = True
    (task,) = await world.asked(place)
    await until(lambda: len(world.held) == 1)
    world.let_go()
    await asyncio.sleep(0)
    assert not task.done()
    second.decide(place)
    assert (await task).outcome is Outcome.APPLIED
    second.decide(SetLocationGroup("c2", "G", ("L2",)))
    group = SetLocationGroup("c2", "G", ("L1",))
    (task,) = await world.asked(group)
    await until(lambda: len(world.held) == 1)
    world.let_go()
    second.decide(group)
    assert (await task).outcome is Outcome.COMMAND_ID_REUSED


async def test_nobody_is_let_in_before_the_ledger_is_read_or_beyond_the_bound(world: World) -> None:
    """An old answer must not be taken for a new one, and no crowd may fill the memory."""
    world.is_caught_up = False
    with pytest.raises(DeskClosedError, match="still being read"):
        await world.desk.ask(reserve(), DEADLINE_SECONDS)
    world.is_caught_up = world.is_held = True
    tasks = await world.asked(*(reserve(1, f"c{n}", f"R{n}") for n in range(world.waiting_max)))
    with pytest.raises(DeskClosedError, match="10 requests wait"):
        await world.desk.ask(reserve(1, "d", "D"), DEADLINE_SECONDS)
    world.let_go()
    assert len({(await task).row.reservation_id for task in tasks}) == world.waiting_max


async def test_a_blocked_way_ends_at_the_deadline_too(world: World) -> None:
    """While Kafka takes nothing, a request is answered when its time is over."""
    world.is_blocked = True
    with pytest.raises(NotAnsweredError):
        await world.desk.ask(reserve(), 0.02)


async def test_a_command_that_may_be_lost_is_sent_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A repeat that comes while the first has been under way for long does not wait in vain for it."""
    world.is_held = True
    (first,) = await world.asked(reserve())
    world.held.clear()  # lost
    loop = asyncio.get_running_loop()
    later = loop.time() + 2 * RESEND_SECONDS
    with monkeypatch.context() as patch:
        patch.setattr(loop, "time", lambda: later)
        (second,) = await world.asked(reserve())
    world.let_go()
    assert (await first).outcome is (await second).outcome is Outcome.GRANTED
