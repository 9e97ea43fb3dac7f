"""One measurement of memory in a process of its own: what the worker imports, then rows of one kind.

    python -m benchmarks.memory_child decided|recovered KIND ITEMS SKUS ROWS_FILE

`decided` decides one command per item and writes all rows to ROWS_FILE; `recovered` reads them from there,
as an owner reads the ledger when it opens a partition. Prints one JSON object, see memory_load.Found.
"""

import gc
import hashlib
import json
import sys
import time
from pathlib import Path

import psutil

from agents.ledger import new_ledger_host
from benchmarks.memory_load import TERM, Decider, Found, Kind, MemoryLoad, read_rows, write_rows
from inventory_stream.adapters.kafka.faust_host import GC_THRESHOLDS
from inventory_stream.bootstrap import ledger_parts
from inventory_stream.ledger.state import PartitionState, StateLoader, row_of
from models.rows import decode_held

# The whole of a worker's program, imported and therefore part of the base.
PROGRAM = (new_ledger_host, ledger_parts)


def decided(load: MemoryLoad, path: Path) -> Found:
    """Measure what deciding leaves in memory."""
    decider = Decider(load.new_state())
    with path.open("wb") as file:
        for sealed in decider.decide(load.opening()):
            write_rows(sealed, load, file)
        gc.freeze()  # as the worker after it has opened
        gc.set_threshold(*GC_THRESHOLDS)
        base = _resident_bytes()
        began = time.perf_counter()
        for sealed in decider.decide(load.items_commands()):
            write_rows(sealed, load, file)
        seconds = time.perf_counter() - began
    return _found(load, decider.state, base, seconds)


def recovered(load: MemoryLoad, path: Path) -> Found:
    """Measure what reading the rows leaves in memory."""
    state = load.new_state()
    loader = StateLoader(state)
    gc.disable()  # as the worker while it reads
    base = _resident_bytes()
    began = time.perf_counter()
    with path.open("rb") as file:
        for key, value in read_rows(file):
            loader.load(key, None if value is None else decode_held(key, value), value)
    loader.finish(TERM)
    del loader  # with the words that it shared between rows
    return _found(load, state, base, time.perf_counter() - began)


def _found(load: MemoryLoad, state: PartitionState, base: int, seconds: float) -> Found:
    return {
        "base_bytes": base,
        "full_bytes": _resident_bytes(),
        "items": load.kept(state),
        "seconds": seconds,
        "positions_sha256": _positions_sha256(state),
        "oversold_units": sum(max(0, -position.uncommitted) for position in state.positions()),
    }


def _resident_bytes() -> int:
    return int(psutil.Process().memory_info().rss)


def _positions_sha256(state: PartitionState) -> str:
    """Hash all position rows: deciding and recovering must agree on them."""
    hashed = hashlib.sha256()
    for position in sorted(state.positions(), key=lambda position: position.key):
        hashed.update(row_of(state, position.key) or b"")
    return hashed.hexdigest()


def main(way: str, kind: str, items: str, skus: str, path: str) -> None:
    """Measure, and print what was found."""
    load = MemoryLoad(Kind(kind), int(items), int(skus))
    measure = decided if way == "decided" else recovered
    sys.stdout.write(json.dumps(measure(load, Path(path))))


if __name__ == "__main__":
    main(*sys.argv[1:])
