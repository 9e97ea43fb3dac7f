"""The ledger core alone: decode packs, decide, seal; CPU time of a command, without a broker.

`python -m benchmarks.core_loop` measures the kinds of COMMANDS in turns, round by round, and gives the
best round of each: on a busy machine the others tell of the machine. Compare two revisions by running
them in turns as well.
"""

import argparse
import cProfile
import gc
import pstats
import time
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Final

from inventory_stream.ledger.decide import DecodedRecord, decide_batch
from inventory_stream.ledger.state import PartitionState
from models.codec import ORDER_DECODER, encode_command, encode_pack, to_positional
from models.commands import Command, Confirm, Release, Reserve, Sync

START_MS: Final = 1_767_225_600_000
"""The first decision: 2026-01-01T00:00:00Z. A fixed time makes every run the same."""
PACK_COMMANDS: Final = 500
PACKS_AT_ONCE: Final = 4
SINGLES_AT_ONCE: Final = 2_000
"""Records of one call: about what a worker finds waiting while it is behind."""
SKUS: Final = 5_000
STOCK: Final = 1_000_000_000
TTL_SECONDS: Final = 900

Packs = list[bytes]
Prepare = Callable[[int], tuple[PartitionState, Packs]]
"""Give a state and the records whose decisions are measured, by how many commands."""


def run(state: PartitionState, packs: Packs) -> int:
    """Decode and decide records in order; gives how many rows that wrote."""
    offset = state.orders_next
    rows = 0
    waiting = iter(packs)
    at_once = SINGLES_AT_ONCE if packs[0].startswith(b"{") else PACKS_AT_ONCE
    now_ms = state.now_ms
    while taken := list(islice(waiting, at_once)):
        now_ms += 1
        records = decoded(taken, offset, now_ms)
        offset += len(records)
        for sealed in decide_batch(state, (), records, now_ms):
            rows += len(sealed.rows)
    return rows


def decoded(values: Packs, offset: int, arrival_ms: int) -> list[DecodedRecord]:
    """Decode records that arrived at once, from an offset on."""
    records = []
    for at, value in enumerate(values, offset):
        commands, poison = ORDER_DECODER.decode(value)
        assert not poison, poison  # noqa: S101  # its own commands
        records.append(DecodedRecord(at, arrival_ms, commands))
    return records


def opened(skus: int, on_hand: int = STOCK) -> PartitionState:
    """Give a partition in which each of so many SKUs has so many units at one location."""
    state = PartitionState()
    state.term = 1_000_000
    counts = [Sync(f"count-{n}", f"SKU-{n}", "DC1", on_hand, START_MS) for n in range(skus)]
    for _ in decide_batch(state, [DecodedRecord(0, START_MS, counts)], (), START_MS):
        pass
    return state


def new_reserve(number: int, skus: int, attempt: str = "a") -> Reserve:
    """Ask for a unit of one of the SKUs, which commands take in turns."""
    sku = f"SKU-{number * 7_919 % skus}"
    return Reserve(f"{attempt}{number:08d}", f"R{number:08d}", sku, 1, TTL_SECONDS, "DC1")


def packed(commands: Iterator[Command], at_once: int = PACK_COMMANDS) -> Packs:
    """Encode commands in positional packs of so many."""
    packs = []
    while taken := list(islice(commands, at_once)):
        packs.append(encode_pack(map(to_positional, taken)))
    return packs


def _hot(count: int) -> tuple[PartitionState, Packs]:
    return opened(1), packed(new_reserve(n, 1) for n in range(count))


def _single(count: int) -> tuple[PartitionState, Packs]:
    return opened(1), [encode_command(new_reserve(n, 1)) for n in range(count)]


def _wide(count: int) -> tuple[PartitionState, Packs]:
    return opened(SKUS), packed(new_reserve(n, SKUS) for n in range(count))


def _sold_out(count: int) -> tuple[PartitionState, Packs]:
    return opened(1, 0), packed(new_reserve(n, 1) for n in range(count))


def _granted(count: int) -> PartitionState:
    state = opened(1)
    run(state, packed(new_reserve(n, 1) for n in range(count)))
    return state


def _confirm(count: int) -> tuple[PartitionState, Packs]:
    return _granted(count), packed(Confirm(f"p{n:08d}", f"R{n:08d}", "SKU-0") for n in range(count))


def _release(count: int) -> tuple[PartitionState, Packs]:
    return _granted(count), packed(Release(f"f{n:08d}", f"R{n:08d}", "SKU-0") for n in range(count))


def _repeat(count: int) -> tuple[PartitionState, Packs]:
    return _granted(count), packed(new_reserve(n, 1) for n in range(count))


def _expire(count: int) -> tuple[PartitionState, Packs]:
    """All are due when the one command comes that is measured."""
    state = _granted(count)
    state.now_ms += (TTL_SECONDS + 60) * 1_000
    return state, packed(new_reserve(n, 1) for n in range(count, count + 1))


KINDS: Final[dict[str, Prepare]] = {
    "hot": _hot,
    "single": _single,
    "wide": _wide,
    "sold-out": _sold_out,
    "confirm": _confirm,
    "release": _release,
    "repeat": _repeat,
    "expire": _expire,
}
"""What is measured, by its word."""


def cpu_us(kind: str, count: int) -> float:
    """CPU time of one command, in microseconds."""
    state, packs = KINDS[kind](count)
    gc.collect()
    gc.freeze()  # as the worker does with what lives long
    began = time.process_time()
    run(state, packs)
    spent = time.process_time() - began
    gc.unfreeze()
    return spent / count * 1e6


def _profile(kind: str, count: int) -> None:
    state, packs = KINDS[kind](count)
    with cProfile.Profile() as profile:
        run(state, packs)
    pstats.Stats(profile).sort_stats("tottime").print_stats(25)


def main() -> None:
    """Measure or profile, as asked."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.core_loop", description=__doc__)
    parser.add_argument("kinds", nargs="*", choices=[*KINDS, []], help="all by default")
    parser.add_argument("--commands", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--profile", action="store_true")
    asked = parser.parse_args()
    kinds = asked.kinds or list(KINDS)
    if asked.profile:
        for kind in kinds:
            _profile(kind, asked.commands)
        return
    rounds = [{kind: cpu_us(kind, asked.commands) for kind in kinds} for _ in range(asked.rounds)]
    for kind in kinds:
        best = min(each[kind] for each in rounds)
        print(f"{kind:10} {best:7.2f} us a command, {1e6 / best:10,.0f} a second")


if __name__ == "__main__":
    main()
