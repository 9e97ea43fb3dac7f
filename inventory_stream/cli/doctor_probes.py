"""The looks of `doctor`, each bounded and apart from the others."""

import asyncio
from collections.abc import Collection, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Final

from inventory_stream.adapters.compiled import installed
from inventory_stream.adapters.kafka.broker_clock import broker_ahead_ms
from inventory_stream.adapters.kafka.cluster_probe import NEEDED, cluster_of, group_of
from inventory_stream.adapters.kafka.connection import KafkaConnection
from inventory_stream.adapters.kafka.preflight import check_before_start
from inventory_stream.adapters.kafka.topic_rules import DEAD_LETTERS, LEDGER
from inventory_stream.adapters.kafka.topics import check_topics
from inventory_stream.adapters.redis.connection import address_of
from inventory_stream.adapters.redis.preflight import check_redis
from inventory_stream.adapters.redis.server_probe import server_of
from inventory_stream.adapters.redis.view import RedisAvailabilityView
from inventory_stream.bootstrap import LEDGER_GROUP, PROJECTION_GROUP, input_topics
from inventory_stream.cli.doctor_topics import look_at_ledger, look_at_side_topics, look_at_windows
from inventory_stream.cli.findings import as_checks
from inventory_stream.errors import InventoryStreamError, TopicsError
from inventory_stream.flows.doctor import Check, Level, counted, look, not_looked_at
from inventory_stream.flows.doctor_groups import judge_group
from inventory_stream.flows.doctor_ledger import (
    LedgerSeen,
    Tail,
)
from inventory_stream.flows.doctor_view import compare_sample, judge_heartbeats, judge_marker, judge_server
from inventory_stream.ports.events import EventTopic
from inventory_stream.ports.projection import ViewOwner
from inventory_stream.ports.servers import RedisServer
from inventory_stream.settings import Settings

# A clock further off than this is not a network's delay; freshness (lag_ms_max, 1 s) and the wait
# before an idle partition expires a reservation (clock_skew_ms, 2 s) both assume less.
CLOCK_WARNING_MS: Final = 500.0


@dataclass(slots=True)
class _Seen:
    """What the looks at Kafka leave for each other, and for those at Redis."""

    ours: ViewOwner
    """Without the cluster where it did not say who it is."""
    unusable: set[str] = field(default_factory=set)
    """Topics that are missing or have other partitions than are set."""
    ledger: LedgerSeen = field(default_factory=LedgerSeen)


async def examine(settings: Settings, *, is_deep: bool = False) -> list[Check]:
    """Look at everything; a server that does not answer costs its own looks alone."""
    seen = _Seen(ViewOwner("", settings.topic(LEDGER)))
    checks, (found, server) = await asyncio.gather(
        _examine_kafka(settings, seen, is_deep=is_deep), _examine_redis(settings)
    )
    if server is not None:
        found += judge_marker(server, seen.ours, has_decisions=seen.ledger.has_decisions)
        if server.owner is None or server.owner.is_same(seen.ours):  # another's view says nothing of ours
            view = _compare(settings, seen.ledger.tails, was_projected=server.marker is not None)
            found += await look("Redis view", "shops may see what is not there", view)
    # A worker elsewhere may run the other form: its own `build_info` says so.
    return [Check(Level.OK, "this installation", installed()), *checks, *found]


# --- Kafka --------------------------------------------------------------------------------------


async def _examine_kafka(settings: Settings, seen: _Seen, *, is_deep: bool) -> list[Check]:
    servers = settings.kafka.bootstrap_servers
    try:
        await check_before_start(settings)
    except TopicsError:
        pass  # in the findings below, with all the others
    except InventoryStreamError as error:
        return [_unreachable(f"Kafka {servers}", error)]
    connection = KafkaConnection.of(settings.kafka)
    first = [
        look("Kafka cluster", "its requests are not known to fit", _cluster(connection, servers, seen)),
        look("topics", "decisions may be lost or doubled", _topics(settings, seen)),
        look(f"clock of {servers}", "deadlines would be judged by a wrong clock", _broker_clock(settings)),
    ]
    checks = [check for found in await asyncio.gather(*first) for check in found]
    second = [
        _where_usable(
            "ledger",
            "nobody may be deciding",
            _ledger_topics(settings),
            seen,
            look_at_ledger(settings, connection, seen.ledger),
        ),
        _where_usable(
            "side topics",
            "what needs a person may wait there",
            _side_names(settings),
            seen,
            look_at_side_topics(settings, connection),
        ),
    ]
    if is_deep:
        why = "repeats may be decided anew"
        second.append(
            _where_usable("windows", why, {settings.topic(LEDGER)}, seen, look_at_windows(settings))
        )
    checks += [check for found in await asyncio.gather(*second) for check in found]
    # After the ledger: whether a group may be empty hangs on what is there to do.
    groups = [
        _where_usable(
            f"group {settings.topic(group)}",
            "partitions may have no owner",
            _ledger_topics(settings),
            seen,
            _group(settings, connection, group, seen),
        )
        for group in (LEDGER_GROUP, PROJECTION_GROUP)
    ]
    return [*checks, *(check for found in await asyncio.gather(*groups) for check in found)]


async def _where_usable(
    subject: str,
    why: str,
    topics: Collection[str],
    seen: _Seen,
    probe: Coroutine[None, None, Sequence[Check]],
) -> list[Check]:
    """Look, unless a topic that it needs is not as it must be: it would wait for nothing, then say less."""
    if seen.unusable.isdisjoint(topics):
        return await look(subject, why, probe)
    probe.close()
    return not_looked_at(subject, why, "see the topics above")


def _ledger_topics(settings: Settings) -> set[str]:
    return {settings.topic(LEDGER), *input_topics(settings).values()}


def _side_names(settings: Settings) -> set[str]:
    return {settings.topic(DEAD_LETTERS), settings.topic(EventTopic.EXCEPTIONS.value)}


async def _cluster(connection: KafkaConnection, servers: str, seen: _Seen) -> list[Check]:
    cluster = await cluster_of(connection)
    seen.ours = seen.ours._replace(cluster_id=cluster.cluster_id)
    versions = ", ".join(
        f"{name} to v{cluster.versions[key][1]}" for key, name in NEEDED.items() if key in cluster.versions
    )
    said = (
        f"cluster {cluster.cluster_id}, {counted(len(cluster.brokers), 'broker')}, "
        f"controller {cluster.controller}, {cluster.release} ({versions})"
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


async def _topics(settings: Settings, seen: _Seen) -> list[Check]:
    found = await check_topics(settings)
    seen.unusable = {finding.subject for finding in found if finding.is_unusable}
    return list(as_checks(found)) or [Check(Level.OK, "topics", "topics and brokers are as they must be")]


async def _broker_clock(settings: Settings) -> list[Check]:
    servers = settings.kafka.bootstrap_servers
    return _judge_clock(f"clock of {servers}", await broker_ahead_ms(settings), settings.ledger.clock_skew_ms)


async def _group(settings: Settings, connection: KafkaConnection, group: str, seen: _Seen) -> list[Check]:
    topics = {LEDGER_GROUP: set(input_topics(settings).values()), PROJECTION_GROUP: {settings.topic(LEDGER)}}
    found = await group_of(connection, settings.topic(group))
    has_work = seen.ledger.has_work
    return judge_group(found, topics[group], settings.kafka.partitions, f"worker {group}", has_work=has_work)


# --- Redis --------------------------------------------------------------------------------------


async def _examine_redis(settings: Settings) -> tuple[list[Check], RedisServer | None]:
    """Look at the server; None when it could not be looked at."""
    address = address_of(settings.redis.url)
    try:
        await check_redis(settings.redis)
    except InventoryStreamError as error:
        return [_unreachable(f"Redis {address}", error)], None
    servers: list[RedisServer] = []
    checks = await look(f"Redis {address}", "it may lose parts of the view", _server(settings, servers))
    return checks, servers[0] if servers else None


async def _server(settings: Settings, servers: list[RedisServer]) -> list[Check]:
    server, ahead_ms = await server_of(settings.redis)
    servers.append(server)
    clock = _judge_clock(f"clock of {server.address}", ahead_ms, settings.ledger.clock_skew_ms)
    return [*judge_server(server), *clock]


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
