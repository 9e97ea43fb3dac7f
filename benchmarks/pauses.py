"""What one batch of grants takes while reservations at one SKU become millions; CPU time, without a broker.

`python -m benchmarks.pauses` decides packs of 100 as they come at 100,000/s, five at a time, each 5 ms,
and prints how long batches took: whatever grows with what is kept (a table that moves to a larger one, a list
that is walked, a pass of garbage collection) stops all decisions of the partition for as long. Compare two
revisions by running them in turns.
"""

import argparse
import gc
import time
from typing import Final

from benchmarks.core_loop import START_MS, decoded, new_reserve, opened, packed
from inventory_stream.adapters.kafka.faust_host import GC_THRESHOLDS
from inventory_stream.ledger.decide import decide_batch

RESERVATIONS: Final = 2_500_000
"""What `latency-packed` leaves behind: 25 s at 100,000/s."""
PACK_COMMANDS: Final = 100
PACKS_AT_ONCE: Final = 5
BATCH_MS: Final = 5
LONG_MS: Final = 5.0
"""Batches that took longer are added up: twice what the median batch takes, and more than it comes in."""


def batch_times_ms(reservations: int) -> list[float]:
    """Decide so many reserves of one SKU; gives the CPU time of each batch, in ms."""
    state = opened(1)
    at_once = PACK_COMMANDS * PACKS_AT_ONCE
    now_ms, offset = START_MS, state.orders_next
    taken_ms = []
    gc.collect()
    gc.freeze()  # both as the worker does
    gc.set_threshold(*GC_THRESHOLDS)
    for first in range(0, reservations, at_once):
        commands = (new_reserve(number, 1) for number in range(first, first + at_once))
        packs = packed(commands, PACK_COMMANDS)
        now_ms += BATCH_MS
        began = time.thread_time()
        records = decoded(packs, offset, now_ms)
        for _ in decide_batch(state, (), records, now_ms):
            pass
        taken_ms.append((time.thread_time() - began) * 1_000)
        offset += len(records)
    gc.unfreeze()
    return taken_ms


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pauses", description=__doc__)
    parser.add_argument("--reservations", type=int, default=RESERVATIONS)
    taken_ms = sorted(batch_times_ms(parser.parse_args().reservations))
    p50, p999 = (taken_ms[int(len(taken_ms) * share)] for share in (0.5, 0.999))
    long_ms = sum(each for each in taken_ms if each > LONG_MS)
    at_once, worst = PACK_COMMANDS * PACKS_AT_ONCE, taken_ms[-1]
    print(f"batches of {at_once}: p50 {p50:.2f} ms, p99.9 {p999:.1f}, worst {worst:.1f}")
    print(f"in batches of more than {LONG_MS:g} ms: {long_ms:.0f} ms of {sum(taken_ms):,.0f}")


if __name__ == "__main__":
    main()
