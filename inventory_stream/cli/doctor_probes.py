"""The looks of `doctor`, each bounded and apart from the others."""

import asyncio
from collections.abc import Collection, Sequence
from contextlib import AsyncExitStack
from typing import Final

from inventory_stream.adapters.kafka.broker_clock import broker_ahead_ms
from inventory_stream.adapters.kafka.cluster_probe import NEEDED, cluster_of, group_of
from inventory_stream.adapters.kafka.connection import KafkaConnection
from inventory_stream.adapters.kafka.input_offsets import KafkaInputOffsets
from inventory_stream.adapters.kafka.ledger_reader import KafkaLedgerReader
from inventory_stream.adapters.kafka.live_rows import LiveRows
from inventory_stream.adapters.kafka.preflight import check_before_start
from inventory_stream.adapters.kafka.topic_rules import DEAD_LETTERS, LEDGER
from inventory_stream.adapters.kafka.topics import check_topics
from inventory_stream.adapters.redis.connection import address_of
from inventory_stream.adapters.redis.preflight import check_redis
from inventory_stream.adapters.redis.server_probe import server_of
from inventory_stream.adapters.redis.view import RedisAvailabilityView
from inventory_stream.adapters.system_clock import now_ms
from inventory_stream.bootstrap import LEDGER_GROUP, PROJECTION_GROUP, input_topics
from inventory_stream.cli.findings import as_checks
from inventory_stream.cli.reading import ledger_reader
from inventory_stream.errors import InventoryStreamError, TopicsError
from inventory_stream.flows.doctor import Check, Level, look
from inventory_stream.flows.doctor_groups import judge_group
from inventory_stream.flows.doctor_ledger import Tail, Waiting, judge_owner, judge_progress, read_tail
from inventory_stream.flows.doctor_view import compare_sample, judge_heartbeats, judge_server
from inventory_stream.flows.doctor_windows import bounds_of, judge_window, measure_windows
from inventory_stream.flows.explain_walk import LedgerWalk
from inventory_stream.ports.events import EventTopic
from inventory_stream.ports.inputs import Input
from inventory_stream.settings import Settings

# A clock further off than this is not a network's delay; freshness (lag_ms_max, 1 s) and the wait
# before an idle partition expires a reservation (clock_skew_ms, 2 s) both assume less.
CLOCK_WARNING_MS: Final = 500.0


async def examine(settings: Settings, *, is_deep: bool = False) -> list[Check]:
    """Look at everything; a server that does not answer costs its own looks alone."""
    kafka, redis = await asyncio.gather(_examine_kafka(settings, is_deep=is_deep), _examine_redis(settings))
    checks, tails = kafka
    found, was_reached = redis
    if was_reached:
        why = "shops may see what is not there"
        found += await look("Redis view", why, _compare(settings, tails, was_projected=_has_marker(found)))
    return [*checks, *found]


# --- Kafka --------------------------------------------------------------------------------------


async def _examine_kafka(settings: Settings, *, is_deep: bool) -> tuple[list[Check], list[Tail]]:
    servers = settings.kafka.bootstrap_servers
    try:
        await check_before_start(settings)
    except TopicsError:
        pass  # in the findings below, with all the others
    except InventoryStreamError as error:
        return [_unreachable(f"Kafka {servers}", error)], []
    connection = KafkaConnection.of(settings.kafka)
    tails: list[Tail] = []
    looks = [
        look("Kafka cluster", "its requests are not known to fit", _cluster(connection, servers)),
        look("topics", "decisions may be lost or doubled (P12)", _topics(settings)),
        look(f"clock of {servers}", "deadlines would be judged by a wrong clock", _broker_clock(settings)),
        *(
            look(
                f"group {settings.topic(group)}",
                "partitions may have no owner",
                _group(settings, connection, group),
            )
            for group in (LEDGER_GROUP, PROJECTION_GROUP)
        ),
        look("ledger", "nobody may be deciding", _ledger(settings, connection, tails)),
        look("side topics", "what needs a person may wait there", _side_topics(settings, connection)),
    ]
    if is_deep:
        looks.append(look("windows", "repeats may be decided anew (R29)", _windows(settings)))
    return [check for checks in await asyncio.gather(*looks) for check in checks], tails


async def _cluster(connection: KafkaConnection, servers: str) -> list[Check]:
    cluster = await cluster_of(connection)
    versions = ", ".join(
        f"{name} to v{cluster.versions[key][1]}" for key, name in NEEDED.items() if key in cluster.versions
    )
    said = (
        f"cluster {cluster.cluster_id}, {len(cluster.brokers)} brokers, controller {cluster.controller}, "
        f"{cluster.release} ({versions})"
    )
    if cluster.missing:
        return [
            Check(
                Level.FAIL,
                f"Kafka {servers}",
                f"does not know {', '.join(cluster.missing)}",
                "a partition could not be owned",
                "use Apache Kafka 3.0 or newer",
            )
        ]
    return [Check(Level.OK, f"Kafka {servers}", said)]


async def _topics(settings: Settings) -> list[Check]:
    findings = list(as_checks(await check_topics(settings)))
    return findings or [Check(Level.OK, "topics", "topics and brokers are as P12 wants them")]


async def _broker_clock(settings: Settings) -> list[Check]:
    servers = settings.kafka.bootstrap_servers
    return _judge_clock(f"clock of {servers}", await broker_ahead_ms(settings), settings.ledger.clock_skew_ms)


async def _group(settings: Settings, connection: KafkaConnection, group: str) -> list[Check]:
    topics = {LEDGER_GROUP: set(input_topics(settings).values()), PROJECTION_GROUP: {settings.topic(LEDGER)}}
    found = await group_of(connection, settings.topic(group))
    return judge_group(found, topics[group], settings.kafka.partitions, f"worker {group}")


async def _ledger(settings: Settings, connection: KafkaConnection, tails: list[Tail]) -> list[Check]:
    """Look at each partition's end and at its inputs; leave the tails for the comparison with Redis."""
    worker = settings.worker
    async with AsyncExitStack() as stack:
        reader = ledger_reader(settings)
        stack.push_async_callback(reader.close)
        topics = input_topics(settings)
        offsets = KafkaInputOffsets(connection=connection, topics=topics)
        stack.push_async_callback(offsets.close)
        inputs = {
            source: KafkaLedgerReader(connection=connection, topic=topic) for source, topic in topics.items()
        }
        for one in inputs.values():
            stack.push_async_callback(one.close)
        checks: list[Check] = []
        for partition in range(settings.kafka.partitions):
            tail = await read_tail(reader, LiveRows, partition)
            tails.append(tail)
            checks += judge_owner(
                tail, now_ms(), worker.alive_interval_seconds, worker.reclaim_interval_seconds
            )
            for source, topic in topics.items():
                held = await offsets.range_of(source, partition)
                progress = tail.progress
                decided = held.beginning
                if progress is not None:
                    decided = progress.stock_next if source is Input.STOCK else progress.orders_next
                first_ms = None
                if held.beginning <= decided < held.end:
                    first_ms = await _record_time(inputs[source], partition, decided)
                checks += judge_progress(tail, source, Waiting(topic, held, first_ms), now_ms())
        return checks


async def _record_time(reader: KafkaLedgerReader, partition: int, offset: int) -> int | None:
    async for records in reader.read(partition, offset, offset + 1):
        return records[0].timestamp
    return None


async def _side_topics(settings: Settings, connection: KafkaConnection) -> list[Check]:
    """Count what lies in the dead letters and the exceptions; compaction makes it an upper bound."""
    checks = []
    letters = await _records_in(connection, settings.topic(DEAD_LETTERS), 1)
    if letters:
        checks.append(
            Check(
                Level.WARN,
                settings.topic(DEAD_LETTERS),
                f"up to {letters:,} letters wait",
                "each is a command that was sent and not decided",
                "inventory-stream dead-letters list",
            )
        )
    else:
        checks.append(Check(Level.OK, settings.topic(DEAD_LETTERS), "no dead letter"))
    name = settings.topic(EventTopic.EXCEPTIONS.value)
    exceptions = await _records_in(connection, name, settings.kafka.partitions)
    checks.append(Check(Level.OK, name, f"{exceptions:,} exceptions in its retention"))
    return checks


async def _records_in(connection: KafkaConnection, topic: str, partitions: int) -> int:
    reader = KafkaLedgerReader(connection=connection, topic=topic)
    try:
        return sum(
            [await reader.end_offset(one) - await reader.beginning_offset(one) for one in range(partitions)]
        )
    finally:
        await reader.close()


async def _windows(settings: Settings) -> list[Check]:
    ledger = settings.ledger
    bounds = bounds_of(
        ledger.receipt_window_seconds * 1_000,
        ledger.receipts_max,
        ledger.return_window_seconds * 1_000,
        ledger.ended_reservations_max,
    )
    reader = ledger_reader(settings)
    try:
        checks: list[Check] = []
        for partition in range(settings.kafka.partitions):
            kept = await measure_windows(LedgerWalk(reader, LiveRows), partition)
            for bound, one in zip(bounds, kept, strict=True):
                checks += judge_window(partition, bound, one, now_ms())
        return checks
    finally:
        await reader.close()


# --- Redis --------------------------------------------------------------------------------------


async def _examine_redis(settings: Settings) -> tuple[list[Check], bool]:
    address = address_of(settings.redis.url)
    try:
        await check_redis(settings.redis)
    except InventoryStreamError as error:
        return [_unreachable(f"Redis {address}", error)], False
    return await look(f"Redis {address}", "it may lose parts of the view", _server(settings)), True


async def _server(settings: Settings) -> list[Check]:
    server, ahead_ms = await server_of(settings.redis)
    clock = _judge_clock(f"clock of {server.address}", ahead_ms, settings.ledger.clock_skew_ms)
    return [*judge_server(server), *clock]


def _has_marker(checks: Sequence[Check]) -> bool:
    return not any(check.what.startswith("no marker") for check in checks)


async def _compare(settings: Settings, tails: Sequence[Tail], *, was_projected: bool) -> list[Check]:
    view = RedisAvailabilityView.connect(settings.redis)
    partitions = range(settings.kafka.partitions)
    try:
        fresh: Collection[int] = await view.fresh(partitions)
        checks = judge_heartbeats(partitions, fresh, was_projected=was_projected)
        for tail in tails:
            if was_projected:
                checks += await compare_sample(view, tail, fresh)
        return checks
    finally:
        await view.close()


def _unreachable(subject: str, error: InventoryStreamError) -> Check:
    """Split the line into what is wrong and the way out."""
    problem, _, way_out = str(error).rpartition(": ")
    return Check(Level.FAIL, subject, problem, "nothing works without it", way_out)


def _judge_clock(subject: str, ahead_ms: float, skew_ms_max: int) -> list[Check]:
    said = f"{abs(ahead_ms) / 1_000:.1f} s {'ahead of' if ahead_ms > 0 else 'behind'} this machine"
    if abs(ahead_ms) <= CLOCK_WARNING_MS:
        return [Check(Level.OK, subject, said)]
    return [
        Check(
            Level.FAIL if abs(ahead_ms) > skew_ms_max else Level.WARN,
            subject,
            said,
            "deadlines and freshness are judged by several clocks",
            f"keep all machines on one time service; ledger.clock_skew_ms={skew_ms_max} is the most allowed",
        )
    ]
