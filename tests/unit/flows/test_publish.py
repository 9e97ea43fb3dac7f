"""Events of a ledger partition on fakes: what is published, once, and after every kind of break."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable

import pytest

from inventory_stream.adapters.kafka.live_rows import LiveRows
from inventory_stream.errors import UnreachableError
from inventory_stream.flows import publish_partition
from inventory_stream.flows.publish import PublishFlow
from inventory_stream.flows.publish_partition import LedgerReplacedError, PartitionPublisher
from inventory_stream.ports.events import EventTopic, OutgoingEvent
from models.events import sequence_of
from models.outcomes import Outcome
from models.rows import Movement, ReceiptRow, position_key, receipt_key
from tests.fakes.event_log import FakeEvents
from tests.fakes.ledger_reader import START_MS, FakeLedger

WAIT_SECONDS_MAX = 10.0
AVAILABILITY, EXCEPTIONS = EventTopic.AVAILABILITY, EventTopic.EXCEPTIONS


class World:
    """One ledger, the event topics, as many publishers as a test wants."""

    def __init__(self) -> None:
        self.ledger = FakeLedger()
        self.events = FakeEvents()
        self.ledger.claim(0)

    def publisher(self) -> PartitionPublisher:
        """Give a publisher of partition 0."""
        return PartitionPublisher(0, "ledger", self.events.log(0), self.ledger, LiveRows)

    def raise_exception(self, command_id: str, repeat: int = 0) -> None:
        """Append the receipt of a return that nobody shipped."""
        row = ReceiptRow(
            0, repeat, command_id, "r1", "return", b"", Outcome.RETURN_UNMATCHED, "S", 1, START_MS, None,
            (Movement("A", 1, START_MS, 6, 2),),
        )  # fmt: skip
        self.ledger.row(0, receipt_key(command_id, "r1"), row)

    def shown(self) -> dict[str, dict[str, int] | None]:
        """Give what a consumer of the compacted topic ends with: units by SKU and location."""
        latest = {event.key: event.value for event in self.events.of(AVAILABILITY)}
        return {sku: None if value is None else _available(value) for sku, value in latest.items()}

    def raised(self) -> list[str]:
        """Give the ids of all exceptions, repeats too, in order."""
        return [json.loads(event.value or b"")["id"] for event in self.events.of(EXCEPTIONS)]


def _available(value: bytes) -> dict[str, int]:
    return {place: units["available"] for place, units in json.loads(value)["data"]["locations"].items()}


@pytest.fixture
def world() -> World:
    """Give a ledger with two SKUs, of which nothing was published."""
    world = World()
    world.ledger.position(0, "S", "A", 5)
    world.ledger.position(0, "S", "B", 7, reserved=9)
    world.ledger.position(0, "T", "A", 1)
    return world


def return_id(command_id: str) -> str:
    """Give the id of that exception's event."""
    return f"return_unmatched/r1/{command_id}/{START_MS}"


async def test_event_is_the_documented_one(world: World) -> None:
    """A CloudEvent in structured mode: every SKU with all of its locations, sums and version."""
    await world.publisher().catch_up()
    (event, _) = world.events.of(AVAILABILITY)
    assert event.key == "S"
    assert json.loads(event.value or b"") == {
        "specversion": "1.0",
        "id": f"{START_MS}:2",
        "source": "/inventory-stream/ledger/0",
        "type": "inventory_stream.availability_changed",
        "subject": "S",
        "time": "2023-11-14T22:13:20.002+00:00",
        "datacontenttype": "application/json",
        "dataschema": "urn:inventory-stream:contracts:1:availability-changed",
        "partitionkey": "S",
        "sequence": "001700000000000-0000000000000000002",
        "data": {
            "sku": "S",
            "total": 5,
            "short": 2,
            "v": f"{START_MS}:2",
            "locations": {"A": {"available": 5, "short": 0}, "B": {"available": 0, "short": 2}},
        },
    }


async def test_changes_are_told_once_per_look_with_the_last_numbers(world: World) -> None:
    """A SKU that changed ten times since the last look makes one event, the newest."""
    publisher = world.publisher()
    await publisher.catch_up()
    for units in range(10):
        world.ledger.position(0, "S", "A", units)
    world.ledger.position(0, "new", "C", 3)
    assert await publisher.follow() == 11
    assert [event.key for event in world.events.of(AVAILABILITY)] == ["S", "T", "S", "new"]
    assert world.shown() == {"S": {"A": 9, "B": 0}, "T": {"A": 1}, "new": {"C": 3}}
    assert await publisher.follow() == 0
    assert len(world.events.of(AVAILABILITY)) == 4


async def test_sku_without_any_location_is_taken_out(world: World) -> None:
    """A tombstone under its key lets compaction forget the SKU."""
    publisher = world.publisher()
    await publisher.catch_up()
    world.ledger.tombstone(0, position_key("T", "A"))
    await publisher.follow()
    assert world.events.of(AVAILABILITY)[-1] == OutgoingEvent(AVAILABILITY, "T", None)


async def test_next_publisher_goes_on_where_the_last_one_was(world: World) -> None:
    """After a restart only what is new is told, with locations that have not changed for long."""
    world.raise_exception("b1")
    await world.publisher().catch_up()
    world.ledger.position(0, "S", "A", 4)
    world.raise_exception("b2")
    await world.publisher().catch_up()
    assert [event.key for event in world.events.of(AVAILABILITY)] == ["S", "T", "S"]
    assert world.shown() == {"S": {"A": 4, "B": 0}, "T": {"A": 1}}
    assert world.raised() == [return_id("b1"), return_id("b2")]
    await world.publisher().catch_up()
    assert len(world.events.published) == 5


async def test_a_row_compacted_into_the_future_does_not_hide_its_location(world: World) -> None:
    """Where the row of a location was replaced since, its SKU is told with the newer units, never without."""
    await world.publisher().catch_up()
    world.ledger.position(0, "S", "A", 4)
    world.ledger.position(0, "T", "A", 0)
    world.ledger.position(0, "S", "B", 8)
    world.ledger.compact(0)
    await world.publisher().catch_up()
    assert _available(world.events.of(AVAILABILITY)[2].value or b"") == {"A": 4, "B": 8}


async def test_repeated_answers_raise_nothing(world: World) -> None:
    """A command that comes again hears its answer again; nobody is called twice (R27)."""
    publisher = world.publisher()
    await publisher.catch_up()
    world.raise_exception("b1")
    world.raise_exception("b1", repeat=1)
    await publisher.follow()
    world.raise_exception("b1", repeat=2)
    await publisher.follow()
    assert world.raised() == [return_id("b1")]


async def test_break_after_each_publication_loses_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever publication fails, the next holder publishes every exception, and ends at the ledger."""
    monkeypatch.setattr(publish_partition, "EVENTS_MAX", 2)
    for number in range(7):
        world.raise_exception(f"b{number}")
    breaks = 0
    for allowed in range(100):
        world.events = FakeEvents(refuse_after=allowed)
        try:
            await world.publisher().catch_up()
        except UnreachableError:
            breaks += 1
        else:
            break
        world.events.refuse_after = None
        await world.publisher().catch_up()
        assert set(world.raised()) == {return_id(f"b{number}") for number in range(7)}
        assert world.shown() == {"S": {"A": 5, "B": 0}, "T": {"A": 1}}
    assert breaks >= 4


async def test_sequences_grow_with_the_rows_although_the_claim_moved_behind_them(world: World) -> None:
    """Compaction keeps the newest claim only: the generation is known all the same, from the start."""
    world.raise_exception("b1")
    world.ledger.claim(0)
    world.raise_exception("b2")
    world.ledger.compact(0)
    await world.publisher().catch_up()
    sequences = [json.loads(event.value or b"")["sequence"] for event in world.events.of(EXCEPTIONS)]
    assert sequences == [sequence_of(START_MS, 4), sequence_of(START_MS, 6)]


async def test_rows_of_a_fenced_owner_raise_nothing(world: World) -> None:
    """What a replaced owner wrote is no decision, also where its successor's claim was published past."""
    old_term = world.ledger._terms[0]
    world.ledger.claim(0, producer_id=8)
    await world.publisher().catch_up()
    world.ledger._terms[0] = old_term
    world.raise_exception("late")
    await world.publisher().catch_up()
    assert world.raised() == []


async def test_ledger_made_anew_is_published_from_its_beginning(world: World) -> None:
    """Another ledger under the same name: what was published of the first one says nothing about it."""
    await world.publisher().catch_up()
    world.ledger = FakeLedger(START_MS + 1_000_000)
    world.ledger.claim(0)
    world.ledger.position(0, "U", "A", 3)
    for number in range(5):
        world.raise_exception(f"b{number}")
    await world.publisher().catch_up()
    assert world.shown()["U"] == {"A": 3}
    assert len(world.raised()) == 5


async def test_truncated_and_regrown_ledger_is_published_again(world: World) -> None:
    """Another row where the last published one lay means that some of what follows was never told."""
    world.ledger.position(0, "T", "A", 8)
    await world.publisher().catch_up()
    world.ledger.truncate(0, 2)
    world.ledger.start_ms += 500
    world.ledger.position(0, "T", "B", 6)
    world.ledger.position(0, "T", "C", 6)
    world.ledger.position(0, "T", "D", 6)
    world.ledger.position(0, "T", "E", 6)
    await world.publisher().catch_up()
    assert world.shown()["T"] == dict.fromkeys("BCDE", 6)


async def test_truncation_under_a_publisher_is_noticed(world: World) -> None:
    """A ledger that ends before what was published stops the publisher, which begins anew."""
    publisher = world.publisher()
    await publisher.catch_up()
    world.ledger.truncate(0, 2)
    with pytest.raises(LedgerReplacedError):
        await publisher.follow()


@pytest.fixture
async def flow(world: World) -> AsyncIterator[PublishFlow]:
    """Give a flow that publishes partition 0, with pauses too short to wait for."""
    flow = PublishFlow(
        "ledger", world.events.log, world.ledger, LiveRows, interval_ms=1, pause_seconds_min=0.001
    )
    flow.start(0)
    yield flow
    await flow.stop(0)


async def until(condition: Callable[[], bool]) -> None:
    """Let the flow's task run until a condition holds, or fail after a deadline."""
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        while not condition():  # noqa: ASYNC110  # the condition is plain state of a fake, nobody signals it
            await asyncio.sleep(0.001)


async def test_flow_publishes_what_comes_until_it_is_stopped(world: World, flow: PublishFlow) -> None:
    """A partition is followed as rows come; after `stop` nothing more is published."""
    await until(lambda: len(world.shown()) == 2)
    world.ledger.position(0, "T", "A", 9)
    await until(lambda: world.shown()["T"] == {"A": 9})
    await flow.stop(0)
    world.ledger.position(0, "T", "A", 10)
    await asyncio.sleep(0)
    assert world.shown()["T"] == {"A": 9}


async def test_flow_outlives_outages_of_both_sides(world: World, flow: PublishFlow) -> None:
    """While the broker is away nothing is lost, and nothing is told twice but what may not have arrived."""
    await until(lambda: len(world.shown()) == 2)
    sides: tuple[FakeLedger | FakeEvents, ...] = (world.ledger, world.events)
    for number, side in enumerate(sides, 1):
        side.is_down = True
        world.raise_exception(f"b{number}")
        await until(lambda: side.refusals > 1)  # noqa: B023  # awaited here
        side.is_down = False
        await until(lambda: len(world.raised()) == number)  # noqa: B023  # awaited here
    assert world.raised() == [return_id("b1"), return_id("b2")]
    assert flow is not None


async def test_row_of_a_newer_version_waits_for_a_newer_projection(world: World, flow: PublishFlow) -> None:
    """Nothing is skipped: events stop with an error in the log, and the place stays before the row."""
    await until(lambda: len(world.shown()) == 2)
    place = world.events.places[0]
    row = ReceiptRow(0, 0, "x", None, "adjust", b"", 250, "S", 1, START_MS)
    world.ledger.row(0, receipt_key("x"), row)
    claims = [world.events.holders[0]]
    await until(lambda: world.events.holders[0] not in claims)
    assert world.events.places[0] == place
    assert flow is not None
