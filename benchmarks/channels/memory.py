"""Resident memory of one worker with a million listings: the mirrored ledger, the mapping, one board.

    python -m benchmarks.channels.memory [--listings 1000000]

One SKU for each listing, each at one location, as rows of the ledger; everything that the worker imports is
in the base. The board is measured with every listing waiting (the first sync), and with every one taken.
"""

import argparse
import gc
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

import psutil

from benchmarks.channels.listings import CAPS, INTEGRATION, SPECS, fed_shelf, write_mapping
from inventory_stream.adapters.channel_mapping import load_mapping
from inventory_stream.adapters.kafka.faust_host import GC_THRESHOLDS
from inventory_stream.bootstrap import channels
from inventory_stream.flows.channels.board import Board
from inventory_stream.flows.channels.changes import Changes
from inventory_stream.ports.channel import Ended, Result
from models.channels import account_key

PROGRAM = channels
"""The whole of a worker's program, imported and therefore part of the base."""
START_MS: Final = 1_700_010_000_000


def measure(listings: int) -> dict[str, float]:
    """Build a worker's memory step by step; MiB of each, and of all."""
    found: dict[str, float] = {}
    last = base = _resident_mib()

    def note(what: str) -> None:
        nonlocal last
        gc.collect()
        now = _resident_mib()
        found[what] = round(now - last, 1)
        last = now

    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    shelf = fed_shelf(listings)
    note("shelf")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mapping.csv"
        write_mapping(path, listings)
        last = _resident_mib()
        mapping = load_mapping(path, [INTEGRATION], SPECS)
    note("mapping")
    board = Board(
        CAPS,
        account=account_key(INTEGRATION.channel, INTEGRATION.account),
        raise_hold_ms=INTEGRATION.raise_hold_ms,
        mass_change_share=INTEGRATION.mass_change_share,
    )
    changes = Changes(mapping, INTEGRATION.channel, INTEGRATION.account, shelf, CAPS.units_max)
    board.set_listings({mapped.listing: mapped.sku for mapped in changes.listings}, START_MS)
    changes.scan()
    began = time.perf_counter()
    while changes.has_more:
        changes.drain(board, START_MS)
    wanted = time.perf_counter()
    note("board, all waiting")
    while (batch := board.take(START_MS)) is not None:
        board.ended(batch, [Ended(push.listing, Result.APPLIED) for push in batch.pushes], START_MS)
    taken = time.perf_counter()
    note("board, all taken")
    if board.in_step != listings:
        sys.exit(f"{board.in_step} of {listings} in step")
    found["base"] = round(base, 1)
    found["all"] = round(_resident_mib(), 1)
    found["want_us_per_listing"] = round((wanted - began) / listings * 1e6, 2)
    found["take_and_end_us_per_listing"] = round((taken - wanted) / listings * 1e6, 2)
    return found


def _resident_mib() -> float:
    return float(psutil.Process().memory_info().rss) / 2**20


def main() -> None:
    """Measure, and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--listings", type=int, default=50_000, help="1000000 is what is promised")
    print(json.dumps(measure(parser.parse_args().listings), indent=2))


if __name__ == "__main__":
    main()
