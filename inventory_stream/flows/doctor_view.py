"""Judges Redis: the server itself, and what it shows against the ledger."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Final

from inventory_stream.flows.doctor import Check, Level, counted
from inventory_stream.flows.doctor_ledger import Tail
from inventory_stream.ports.projection import AvailabilityView, Version, ViewOwner
from inventory_stream.ports.servers import RedisServer
from models.rows import PositionRow

VERSION_LEAST: Final = (7, 0)
"""The oldest Redis whose scripts and commands the projection is written for."""

SAMPLED_SKUS: Final = 100
"""SKUs of each partition compared, the ones changed last: one round trip."""


def judge_server(server: RedisServer) -> list[Check]:
    """Say whether the server can hold the view without losing parts of it silently."""
    subject = f"Redis {server.address}"
    memory = f"{server.used_bytes / 1_048_576:,.0f} MiB used"
    if server.bytes_max:
        memory += f" of {server.bytes_max / 1_048_576:,.0f}"
    durable = (
        "append-only file" if server.is_append_only else "no append-only file: a restart rebuilds the view"
    )
    checks = [
        Check(Level.OK, subject, f"{server.name} {server.version}, {memory}, {durable}, {server.skus:,} keys")
    ]
    numbers = tuple(int(part) for part in server.version.split(".")[:2] if part.isdigit())
    if numbers < VERSION_LEAST:
        checks.append(
            Check(
                Level.FAIL,
                subject,
                f"version {server.version} is older than {'.'.join(map(str, VERSION_LEAST))}",
                "the projection's scripts were never run there",
                "upgrade it, or name another with INVENTORY_STREAM_REDIS__URL",
            )
        )
    if server.eviction is None:
        checks.append(
            Check(
                Level.WARN,
                subject,
                "maxmemory-policy cannot be read",
                "a server that evicts keys would make SKUs vanish from shops",
                "see that it is noeviction",
            )
        )
    elif server.eviction != "noeviction":
        checks.append(
            Check(
                Level.FAIL,
                subject,
                f"maxmemory-policy={server.eviction}",
                "when memory is full it evicts keys: SKUs vanish from shops, while all seems fresh",
                "CONFIG SET maxmemory-policy noeviction, and the same in its configuration",
            )
        )
    if server.is_replica:
        checks.append(
            Check(
                Level.FAIL,
                subject,
                "this is a replica",
                "the projection cannot write there",
                "name the master with INVENTORY_STREAM_REDIS__URL",
            )
        )
    return checks


def judge_marker(server: RedisServer, ours: ViewOwner, *, has_decisions: bool) -> list[Check]:
    """Say whether the view there is of this environment's ledger, and whether there is one at all."""
    subject = f"Redis {server.address}"
    if server.owner is not None and not server.owner.is_same(ours):
        return [
            Check(
                Level.FAIL,
                subject,
                f"redis.url names the view of {server.owner}, not of {ours}",
                "shops of this environment see another's units; our projection ends before it writes there",
                "name another database or server with INVENTORY_STREAM_REDIS__URL; if that environment is "
                "gone: inventory-stream worker projection --rebuild --take-over",
            )
        ]
    if server.marker is not None:
        return []
    way_out = "start the projection, which rebuilds by itself: inventory-stream worker projection"
    if not has_decisions:
        return [
            Check(
                Level.WARN,
                subject,
                "no marker: nothing was ever projected there, and nothing was decided yet",
                "shops will see no SKU",
                way_out,
            )
        ]
    return [
        Check(
            Level.FAIL,
            subject,
            "no marker, where the ledger holds decisions: flushed, or nothing was ever projected there",
            "shops see no SKU at all until it is rebuilt",
            way_out,
        )
    ]


def judge_heartbeats(
    partitions: Collection[int], fresh: Collection[int], *, was_projected: bool
) -> list[Check]:
    """Say which partitions nobody vouches for."""
    stale = sorted(set(partitions) - set(fresh))
    if not stale:
        return [Check(Level.OK, "Redis view", f"every partition is fresh ({len(partitions)})")]
    return [
        Check(
            # Where nothing was ever projected there is nothing that could mislead.
            Level.FAIL if was_projected else Level.WARN,
            "Redis view",
            f"no heartbeat for partition {', '.join(map(str, stale))}",
            "the view there may be old: a shop must not answer 'sold out' from it",
            "start the projection (inventory-stream worker projection), or see its log",
        )
    ]


async def compare_sample(view: AvailabilityView, tail: Tail, now_fresh: Collection[int]) -> list[Check]:
    """Compare the SKUs that changed last in a partition with what Redis shows (I6).

    A SKU that changed since the tail was read is left out; one that Redis shows older than the tail
    is a finding where its partition says that it is fresh. Locations outside the tail are not
    compared: `ledger verify` compares everything.

    Raises:
        UnreachableError: Redis does not answer.
    """
    by_sku = _newest_skus(tail)
    if not by_sku:
        return []
    subject = f"Redis view, partition {tail.partition}"
    wrong: list[str] = []
    late = compared = 0
    shown = await view.read(list(by_sku))
    for (sku, rows), found in zip(by_sku.items(), shown, strict=True):
        newest = Version(tail.generation_ms or (found.version.generation_ms if found else 0), max(rows)[0])
        if found is None or found.version < newest:
            late += 1
        elif found.version == newest:
            compared += 1
            wrong += [
                f"{sku} at {row.location} shows {found.locations.get(row.location)}, the ledger says "
                f"{max(0, row.available_to_promise)}"
                for _, row in rows
                if found.locations.get(row.location) != max(0, row.available_to_promise)
            ]
    return _judge_sample(subject, compared, late, wrong, is_fresh=tail.partition in now_fresh)


def _newest_skus(tail: Tail) -> dict[str, list[tuple[int, PositionRow]]]:
    """Give the SKUs that changed last, each with its rows of the tail, newest first."""
    by_sku: dict[str, list[tuple[int, PositionRow]]] = defaultdict(list)
    for offset, row in reversed(tail.positions.values()):
        if row.sku in by_sku or len(by_sku) < SAMPLED_SKUS:
            by_sku[row.sku].append((offset, row))
    return by_sku


def _judge_sample(
    subject: str, compared: int, late: int, wrong: Sequence[str], *, is_fresh: bool
) -> list[Check]:
    rebuild = "rebuild it: inventory-stream worker projection --rebuild; then inventory-stream ledger verify"
    if wrong:
        return [
            Check(
                Level.FAIL,
                subject,
                "; ".join(wrong[:5]),
                "shops sell what is not there, or not what is",
                rebuild,
            )
        ]
    if late and is_fresh:
        return [
            Check(
                Level.WARN,
                subject,
                f"{late} of {late + compared} SKUs looked at are older than the ledger, and all seems fresh",
                "shops may see old numbers",
                "look again: it may have been under way; " + rebuild,
            )
        ]
    if late:
        return []  # the missing heartbeat says it
    return [Check(Level.OK, subject, f"as the ledger says: {counted(compared, 'SKU')} that changed last")]
