"""What the board costs for each listing, in us of one core: to want, to take and to end.

    python -m benchmarks.channels.board [--listings 100000]

Each listing waits once, then changes twice more, as cuts: one at a time and in batches of 100. No channel, no
shelf; the target is 20 us for each of the three.
"""

import argparse
import time
from dataclasses import replace
from typing import Final

from benchmarks.channels.listings import CAPS, listing_of, sku_of
from inventory_stream.flows.channels.board import Batch, Board
from inventory_stream.ports.channel import Ended, Result
from inventory_stream.ports.projection import Version

NOW_MS: Final = 1_700_010_000_000


def measure(listings: int, batch_max: int) -> dict[str, float]:
    """Give us for each listing of each of the three."""
    board = Board(
        replace(CAPS, batch_max=batch_max), account="shop/1", raise_hold_ms=2_000, mass_change_share=1.0
    )
    names = [listing_of(number) for number in range(listings)]
    board.set_listings({name: sku_of(number) for number, name in enumerate(names)}, NOW_MS)
    seconds = dict.fromkeys(("want", "take", "end"), 0.0)
    for turn in range(3):
        began = time.perf_counter()
        for name in names:
            board.want(name, Version(1, turn), 30 - turn, 0, NOW_MS)
        wanted = time.perf_counter()
        batches: list[Batch] = []
        while (batch := board.take(NOW_MS)) is not None:
            batches.append(batch)
        taken = time.perf_counter()
        for batch in batches:
            board.ended(batch, [Ended(push.listing, Result.APPLIED) for push in batch.pushes], NOW_MS)
        ended = time.perf_counter()
        seconds["want"] += wanted - began
        seconds["take"] += taken - wanted
        seconds["end"] += ended - taken
    return {what: round(spent / (3 * listings) * 1e6, 1) for what, spent in seconds.items()}


def main() -> None:
    """Measure, and print one line for each size of a batch."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--listings", type=int, default=20_000)
    listings = parser.parse_args().listings
    for batch_max in (1, 100):
        print(f"batches of {batch_max}: {measure(listings, batch_max)} us a listing")


if __name__ == "__main__":
    main()
