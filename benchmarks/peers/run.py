"""Runs the worker, the bare loop and every peer that is there, in turns, over the same commands."""

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from benchmarks.bench import Bench
from benchmarks.deciding import run_closed_loop, run_to_ledger
from benchmarks.peers.peer import ClosedPeer
from benchmarks.peers.registry import CLOSED_PEERS, OPEN_PEERS
from benchmarks.result import RunResult, SubjectResult
from benchmarks.scenarios import ClosedLoop, OpenLoop, PeersClosed, PeersOpen

AnyPeer = TypeVar("AnyPeer", bound=ClosedPeer)


async def run_peers_closed(bench: Bench, scenario: PeersClosed, number: int, prefix: str) -> RunResult:
    """Have everybody decide the workload as fast as they can."""
    ours = ClosedLoop(
        name=scenario.name,
        title=scenario.title,
        about_seconds=scenario.about_seconds,
        workload=scenario.workload,
    )
    return await in_turns(
        number,
        lambda: run_closed_loop(bench, ours, number, f"{prefix}ours-"),
        lambda peer, place: peer.closed_loop(bench, scenario.workload, place),
        present(bench, CLOSED_PEERS),
        prefix,
    )


async def run_peers_open(bench: Bench, scenario: PeersOpen, number: int, prefix: str) -> RunResult:
    """Have everybody decide the workload's commands when each is due."""
    ours = OpenLoop(
        name=scenario.name,
        title=scenario.title,
        about_seconds=scenario.about_seconds,
        workload=scenario.workload,
        rate_per_s=scenario.rate_per_s,
        warm_up_commands=scenario.warm_up_commands,
    )
    return await in_turns(
        number,
        lambda: run_to_ledger(bench, ours, number, f"{prefix}ours-"),
        lambda peer, place: peer.open_loop(
            bench,
            scenario.workload,
            place,
            rate_per_s=scenario.rate_per_s,
            warm_up_commands=scenario.warm_up_commands,
        ),
        present(bench, OPEN_PEERS),
        prefix,
    )


def present(bench: Bench, peers: Sequence[AnyPeer]) -> list[AnyPeer]:
    """Give the peers that can run here; say a line about each of the others."""
    found = []
    for peer in peers:
        why = peer.why_absent()
        if why is None:
            found.append(peer)
        else:
            bench.say(f"{peer.name} is left out: {why}")
    return found


async def in_turns(
    number: int,
    run_ours: Callable[[], Awaitable[RunResult]],
    run_peer: Callable[[AnyPeer, str], Awaitable[SubjectResult]],
    peers: Sequence[AnyPeer],
    prefix: str,
) -> RunResult:
    """Run ours and the peers; odd runs go the other way round, so that drift of the machine hits all."""
    results: RunResult = {}
    if number % 2 == 0:
        results |= await run_ours()
    for index, peer in enumerate(peers if number % 2 == 0 else reversed(peers)):
        results[peer.name] = await _guarded(run_peer(peer, f"{prefix}peer{index}-"))
    if number % 2:
        results |= await run_ours()
    return results


async def _guarded(run: Awaitable[SubjectResult]) -> SubjectResult:
    """Have a peer that fails not count, rather than end the whole run: it is not what is measured."""
    began = time.perf_counter()
    try:
        return await run
    except Exception as error:  # noqa: BLE001  # of its server, its client or its check; Ctrl-C is none
        waited = time.perf_counter() - began
        return SubjectResult({}, [f"{type(error).__name__} after {waited:.0f} s: {error}"], "")
