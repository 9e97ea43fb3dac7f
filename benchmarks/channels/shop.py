"""The sandbox in a process of its own: notes when each quantity was shown, and writes it down at the end.

python -m benchmarks.channels.shop FOLDER PORT FAKE RATE LISTINGS
"""

import asyncio
import json
import signal
import sys
import time
from pathlib import Path
from typing import Final

import uvloop

from inventory_stream.sandbox.config import FAKES, Line, write_config
from inventory_stream.sandbox.server import running
from inventory_stream.sandbox.specs import Specs

SHOWN_FILE: Final = "shown.json"
READY_FILE: Final = "ready"


async def main(folder: Path, port: int, name: str, rate: float, listings: int) -> None:
    """Serve one fake with a budget of `rate` requests/s until SIGTERM."""
    kind = FAKES[name]
    skus = {kind.listing_of(number, f"SKU-{number}", None): f"SKU-{number}" for number in range(listings)}
    fake = kind(dict.fromkeys(skus, -1), Specs(None))
    (limit,) = list(fake.account.budgets)[:1]
    budget = fake.account.limit(limit, rate, rate)
    shown: list[tuple[str, int, int]] = []
    taken: list[int] = []
    take = budget.take

    def noted_take(cost: float = 1.0) -> float:
        seconds = take(cost)
        if not seconds:
            taken.append(time.time_ns())
        return seconds

    budget.take = noted_take  # type: ignore[method-assign]  # to see when, not only how many
    show = fake.account.show

    def noted(listing: str, units: int, cause: str) -> None:
        shown.append((listing, units, time.time_ns()))
        show(listing, units, cause)

    fake.account.show = noted  # type: ignore[method-assign]  # to see every change, with a finer clock
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    async with running([fake], port=port) as sandbox:
        lines = [Line(name, listing, sku) for listing, sku in skus.items()]
        registry, _ = write_config(folder, [fake], sandbox.url_of, lines)
        with registry.open("a") as file:  # the account's options come last
            file.write(f"[integration.options]\nrequests_per_second = {rate}\n")
        (folder / READY_FILE).touch()
        await stopping.wait()
    told = {
        "shown": shown,
        "last": fake.account.shown,
        "overlaps": fake.account.overlaps,
        "taken": taken,
        "refused": budget.refused,
    }
    (folder / SHOWN_FILE).write_text(json.dumps(told))


if __name__ == "__main__":
    uvloop.run(main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], float(sys.argv[4]), int(sys.argv[5])))
