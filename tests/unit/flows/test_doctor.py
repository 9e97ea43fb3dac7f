"""What `doctor` makes of what it sees."""

import asyncio
from collections.abc import Sequence

import pytest

from inventory_stream.adapters.kafka.live_rows import LiveRows
from inventory_stream.errors import UnreachableError
from inventory_stream.flows import doctor
from inventory_stream.flows.doctor import Check, Level, in_order, look, worst
from inventory_stream.flows.doctor_groups import judge_group
from inventory_stream.flows.doctor_ledger import (
    POSITIONS_MAX,
    LedgerSeen,
    Tail,
    Waiting,
    judge_owner,
    judge_progress,
    read_tail,
)
from inventory_stream.flows.doctor_view import compare_sample, judge_heartbeats, judge_marker, judge_server
from inventory_stream.flows.doctor_windows import (
    Bound,
    Kept,
    Windows,
    bounds_of,
    judge_window,
    measure_windows,
)
from inventory_stream.flows.explain_walk import LedgerWalk
from inventory_stream.flows.project import ProjectionFlow
from inventory_stream.ports.inputs import Input, InputRange
from inventory_stream.ports.projection import LocationUnits, Version, ViewOwner
from inventory_stream.ports.servers import Group, Member, RedisServer
from inventory_stream.settings import ProjectionSettings, Settings
from models import commands as c
from models.rows import ProgressRow
from tests.fakes.ledger_reader import FakeLedger
from tests.fakes.projection import OURS, THEIRS, FakeAvailabilityView, FakeProjection, FakeServer
from tests.unit.flows.decided_by_hand import DecidedByHand

NOW_MS = 1_000_000
TOPICS = {"stock-events", "order-events"}


def said(checks: Sequence[Check]) -> str:
    """Give everything that checks say."""
    return " ".join(f"{check.what} {check.why} {check.way_out}" for check in checks)


# --- looks --------------------------------------------------------------------------------------


async def test_look_that_fails_is_a_finding_with_its_way_out() -> None:
    """A fault of one look is told in its own words and stops no other."""

    async def probe() -> list[Check]:
        raise UnreachableError("group x cannot be asked: allow this user to describe it")

    (check,) = await look("group x", "partitions may have no owner", probe())
    assert check == Check(
        Level.WARN,
        "group x",
        "cannot be looked at: group x cannot be asked",
        "partitions may have no owner",
        "allow this user to describe it",
    )


async def test_look_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """What never answers costs its bound and no more."""
    monkeypatch.setattr(doctor, "PROBE_SECONDS_MAX", 0.01)
    (check,) = await look("x", "why", asyncio.Event().wait())  # type: ignore[arg-type]  # never returns
    assert "no answer within" in check.what


def test_worst_comes_first() -> None:
    """Three in the morning: what is broken stands on top, and decides the exit status."""
    checks = [Check(Level.OK, "a", ""), Check(Level.FAIL, "b", ""), Check(Level.WARN, "c", "")]
    assert [check.subject for check in in_order(checks)] == ["b", "c", "a"]
    assert worst(checks) is Level.FAIL
    assert worst([]) is Level.OK


# --- the ledger ---------------------------------------------------------------------------------


def tail(*, age_ms: int | None = 1_000, claim_age_ms: int = 5_000, next_offset: int | None = 10) -> Tail:
    """Give the end of partition 2 as it was read so long ago."""
    progress = None if next_offset is None else ProgressRow(1, 1, next_offset, 0, next_offset, 0, 1, 1)
    newest_ms = None if age_ms is None else NOW_MS - age_ms
    return Tail(2, 40, newest_ms, 7, 1, NOW_MS - claim_age_ms, progress)


@pytest.mark.parametrize(
    ("of", "level", "words"),
    [
        (tail(), Level.OK, "term 7 since 5.0 s; newest row 1000 ms ago"),
        (tail(age_ms=None), Level.WARN, "worker ledger"),
        (tail(age_ms=181_000), Level.FAIL, "nobody decides its commands"),
        (tail(claim_age_ms=200_000_000), Level.WARN, "P2"),
    ],
    ids=["owned", "never owned", "silent", "never claims again"],
)
def test_owner_of_a_partition_is_judged_by_its_rows(of: Tail, level: Level, words: str) -> None:
    """Somebody must append at least @alive (P2); a partition that nobody ever had may yet get its owner."""
    checks = judge_owner(of, NOW_MS, 60.0, 86_400.0)
    assert worst(checks) is level
    assert words in said(checks)


@pytest.mark.parametrize(
    ("held", "first_age_ms", "level", "words"),
    [
        (InputRange(0, 10), 0, Level.OK, "all 10 records"),
        (InputRange(0, 12), 300, Level.OK, "2 records wait, the first for 300 ms"),
        (InputRange(0, 12), 60_000, Level.WARN, "shoppers wait"),
        (InputRange(0, 9), 0, Level.FAIL, "created anew"),
        (InputRange(11, 20), 0, Level.FAIL, "P9"),
    ],
    ids=["decided", "under way", "late", "shorter than decided", "begins behind"],
)
def test_input_is_judged_by_progress(held: InputRange, first_age_ms: int, level: Level, words: str) -> None:
    """@progress lies within its input (P9), and what waits does not wait for long."""
    waiting = Waiting("order-events", held, NOW_MS - first_age_ms)
    checks = judge_progress(tail(), Input.ORDERS, waiting, NOW_MS)
    assert worst(checks) is level
    assert words in said(checks)


async def test_tail_is_read_without_the_rest() -> None:
    """However long the ledger is, its end tells term, claim, progress and what changed last."""
    decided = DecidedByHand()
    decided.batch(c.Sync("count", "S", "A", 5, decided.now_ms))
    for number in range(1_200):
        decided.batch(c.Adjust(f"a{number}", f"S{number % 1_100}", "A", 1, decided.now_ms))
    read = 0

    class Counting(FakeLedger):
        async def read(self, partition: int, start_offset: int, end_offset: int):  # type: ignore[no-untyped-def]  # noqa: ANN202
            nonlocal read
            async for records in decided.ledger.read(partition, start_offset, end_offset):
                read += len(records)
                yield records

        async def end_offset(self, partition: int) -> int:
            return await decided.ledger.end_offset(partition)

    found = await read_tail(Counting(), LiveRows, 0)
    assert (found.term, found.claim_ms) == (0, decided.ledger.start_ms)
    assert found.progress is not None
    assert found.progress.stock_next == 1_201
    assert read <= 2_001
    assert len(found.positions) <= POSITIONS_MAX


async def test_windows_are_measured_from_what_is_kept() -> None:
    """Receipts and ended reservations are counted once each, however many rows they have."""
    decided = DecidedByHand()
    decided.batch(c.Sync("count", "S", "A", 5, decided.now_ms))
    first_ms = decided.now_ms
    decided.batch(c.Sync("count", "S", "A", 5, decided.now_ms - 1_000))
    decided.batch(c.Reserve("r1", "R1", "S", 1, 60, location="A"), c.Release("x1", "R1", "S"))
    ended_ms = decided.now_ms
    decided.batch(c.Reserve("r2", "R2", "S", 1, 60, location="A"))
    decided.batch(c.Release("x9", "R9", "S"))
    early_ms = decided.now_ms
    decided.batch(c.Expect("e1", "I1", "S", "A", 3, decided.now_ms), c.CancelIncoming("e2", "I1", "S"))
    cancelled_ms = decided.now_ms
    receipts, ended, documents, early = await measure_windows(LedgerWalk(decided.ledger, LiveRows), 0)
    assert (receipts.rows, receipts.oldest_ms) == (3, first_ms)
    assert (ended.rows, ended.oldest_ms) == (1, ended_ms)
    assert (early.rows, early.oldest_ms) == (1, early_ms)
    assert (documents.rows, documents.oldest_ms) == (1, cancelled_ms)
    assert len(bounds_of(Settings().ledger)) == len(Windows._fields)


@pytest.mark.parametrize(
    ("kept", "level"),
    [
        (Kept(), Level.OK),
        (Kept(10, NOW_MS - 5), Level.OK),
        (Kept(100, NOW_MS - 50_000), Level.WARN),
        (Kept(100, NOW_MS - 60_000), Level.OK),
    ],
    ids=["empty", "young", "count decides", "full by time"],
)
def test_window_that_its_count_ends_is_told(kept: Kept, level: Level) -> None:
    """R29: a window is shorter than set when the count decides, and repeats are then decided anew."""
    checks = judge_window(0, Bound("receipts", "ledger.receipts_max", 60_000, 100), kept, NOW_MS)
    assert worst(checks) is level


# --- groups -------------------------------------------------------------------------------------


def member(name: str, partitions: range, subscribed: set[str] | None = None) -> Member:
    """Give a member that has these partitions of each topic."""
    topics = subscribed or TOPICS
    places = frozenset((topic, number) for topic in topics for number in partitions)
    return Member(name, "/10.0.0.1", frozenset(topics), places)


@pytest.mark.parametrize(
    ("group", "level", "words"),
    [
        (Group("ledger", "Stable", [member("a", range(2)), member("b", range(2, 4))]), Level.OK, "2 members"),
        (
            Group("ledger", "Stable", [member("a", range(4)), member("b", range(0))]),
            Level.OK,
            "1 of them have none",
        ),
        (Group("ledger", "Empty", []), Level.FAIL, "worker ledger"),
        (Group("ledger", "PreparingRebalance", [member("a", range(0))]), Level.WARN, "dealt out anew"),
        (Group("ledger", "Stable", [member("a", range(3))]), Level.FAIL, "order-events[3]"),
        (
            Group("ledger", "Stable", [member("a", range(4)), member("shop", range(1), {"carts"})]),
            Level.FAIL,
            "shop at /10.0.0.1 (carts)",
        ),
    ],
    ids=["shared", "one idle", "nobody", "rebalancing", "no owner", "two applications"],
)
def test_group_has_one_application_and_every_partition(group: Group, level: Level, words: str) -> None:
    """P10: all members read the same topics, and no partition is nobody's."""
    checks = judge_group(group, TOPICS, 4, "worker ledger", has_work=True)
    assert worst(checks) is level
    assert words in said(checks)


def test_empty_group_is_no_failure_before_there_is_work() -> None:
    """A new environment is not broken; one with rows or waiting input and nobody in it stands still."""
    nobody = Group("ledger", "Empty", [])
    assert worst(judge_group(nobody, TOPICS, 4, "worker ledger", has_work=False)) is Level.WARN
    assert not LedgerSeen([Tail(3)]).has_work
    assert LedgerSeen([Tail(3)], waiting_records=1).has_work
    assert LedgerSeen([tail()]).has_work


# --- Redis --------------------------------------------------------------------------------------


def server(
    *,
    version: str = "9.1.0",
    eviction: str | None = "noeviction",
    is_replica: bool = False,
    marker: str | None = "m",
    owner: ViewOwner | None = OURS,
) -> RedisServer:
    """Give a server that is as it must be, but for what is named."""
    return RedisServer(
        address="cache:6379",
        name="valkey",
        version=version,
        eviction=eviction,
        used_bytes=1 << 20,
        bytes_max=0,
        is_append_only=True,
        is_replica=is_replica,
        marker=marker,
        owner=owner,
        skus=3,
    )


@pytest.mark.parametrize(
    ("of", "level", "words"),
    [
        (server(), Level.OK, "valkey 9.1.0"),
        (server(version="6.2.14"), Level.FAIL, "older than 7.0"),
        (server(eviction="allkeys-lru"), Level.FAIL, "CONFIG SET maxmemory-policy noeviction"),
        (server(eviction=None), Level.WARN, "noeviction"),
        (server(is_replica=True), Level.FAIL, "replica"),
    ],
    ids=["as it must be", "old", "evicts", "may not ask", "replica"],
)
def test_redis_must_not_lose_parts_of_the_view(of: RedisServer, level: Level, words: str) -> None:
    """A server that would drop keys silently is a failure, with the command that mends it."""
    checks = judge_server(of)
    assert worst(checks) is level
    assert words in said(checks)


@pytest.mark.parametrize(
    ("of", "has_decisions", "level", "words"),
    [
        (server(), True, Level.OK, ""),
        (server(owner=None), True, Level.OK, ""),
        (server(marker=None, owner=None), False, Level.WARN, "worker projection"),
        (server(marker=None, owner=None), True, Level.FAIL, "worker projection"),
        (server(owner=THEIRS), False, Level.FAIL, f"of {THEIRS}, not of {OURS}"),
    ],
    ids=["ours", "names no owner", "nothing to show", "flushed", "another environment's"],
)
def test_view_must_be_there_and_ours(
    of: RedisServer,
    has_decisions: bool,  # noqa: FBT001  # a parameter of the test
    level: Level,
    words: str,
) -> None:
    """A flushed Redis is an outage once something was decided; another environment's view is none of ours."""
    checks = judge_marker(of, OURS, has_decisions=has_decisions)
    assert worst(checks) is level
    assert words in said(checks)


@pytest.mark.parametrize(
    ("fresh", "was_projected", "level"),
    [([0, 1], True, Level.OK), ([1], True, Level.FAIL), ([], False, Level.WARN)],
    ids=["fresh", "stale", "never projected"],
)
def test_missing_heartbeat_is_told(fresh: list[int], was_projected: bool, level: Level) -> None:  # noqa: FBT001
    """A shop must not trust a view that nobody vouches for."""
    assert worst(judge_heartbeats([0, 1], fresh, was_projected=was_projected)) is level


async def test_sample_finds_what_redis_shows_wrong() -> None:
    """What changed last is compared; older is told where fresh is claimed, newer is left alone (I6)."""
    decided = DecidedByHand()
    for sku in ("S", "T"):
        decided.batch(c.Sync(f"count {sku}", sku, "A", 5, decided.now_ms))
    redis = FakeServer()
    flow = ProjectionFlow(
        FakeProjection(redis), decided.ledger, LiveRows, ProjectionSettings(), lambda: decided.now_ms
    )
    await flow.start(0)
    end = await read_tail(decided.ledger, LiveRows, 0)
    view = FakeAvailabilityView(redis)

    async def level() -> Level:
        return worst(await compare_sample(view, end, [0]))

    assert await level() is Level.OK
    shown = redis.hashes["S"]
    right = shown.version
    shown.locations["A"] = LocationUnits(7, 0)
    (check,) = await compare_sample(view, end, [0])
    assert "S at A shows 7, the ledger says 5" in check.what
    shown.version = Version(right.generation_ms, right.offset + 100)
    assert await level() is Level.OK
    shown.version = Version(right.generation_ms, right.offset - 1)
    assert await level() is Level.WARN
    assert await compare_sample(view, end, []) == []
