"""The sandbox in a process of its own: notes when each quantity was shown, and writes it down at the end.

python -m benchmarks.channels.shop FOLDER PORT FAKE,FAKE RATE LISTINGS
"""

import asyncio
import json
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import uvloop

from inventory_stream.sandbox.config import FAKES, Line, write_config
from inventory_stream.sandbox.server import running
from inventory_stream.sandbox.specs import Specs

SHOWN_FILE: Final = "shown.json"
READY_FILE: Final = "ready"


class _Watched:
    """One fake with notes of when it showed what, and of when its limit let requests through."""

    def __init__(self, name: str, rate: float, listings: int) -> None:
        kind = FAKES[name]
        self.name = name
        self.rate = rate
        self.skus = {
            kind.listing_of(number, f"SKU-{number}", None): f"SKU-{number}" for number in range(listings)
        }
        self.fake = kind(dict.fromkeys(self.skus, -1), Specs(None))
        (limit,) = list(self.fake.account.budgets)[:1]
        budget = self.budget = self.fake.account.limit(limit, rate, rate) if rate else None
        self.shown: list[tuple[str, int, int]] = []
        self.taken: list[int] = []
        if budget is not None:
            take = budget.take

            def noted_take(cost: float = 1.0) -> float:
                seconds = take(cost)
                if not seconds:
                    self.taken.append(time.time_ns())
                return seconds

            budget.take = noted_take  # type: ignore[method-assign]  # to see when, not only how many
        show = self.fake.account.show

        def noted(listing: str, units: int, cause: str) -> None:
            self.shown.append((listing, units, time.time_ns()))
            show(listing, units, cause)

        self.fake.account.show = noted  # type: ignore[method-assign]  # every change, with a finer clock

    def told(self) -> dict[str, object]:
        """Give what was seen, for JSON."""
        return {
            "shown": self.shown,
            "last": self.fake.account.shown,
            "overlaps": self.fake.account.overlaps,
            "taken": self.taken,
            "refused": 0 if self.budget is None else self.budget.refused,
        }


async def main(folder: Path, port: int, names: Sequence[str], rate: float, listings: int) -> None:
    """Serve fakes until SIGTERM; each with a budget of `rate` requests/s, 0: its channel's own."""
    watched = [_Watched(name, rate, listings) for name in names]
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    fakes = [one.fake for one in watched]
    async with running(fakes, port=port) as sandbox:
        lines = [Line(one.name, listing, sku) for one in watched for listing, sku in one.skus.items()]
        registry, _ = write_config(folder, fakes, sandbox.url_of, lines)
        if rate:
            with registry.open("a") as file:  # the account's options come last
                file.write(f"[integration.options]\nrequests_per_second = {rate}\n")
        (folder / READY_FILE).touch()
        await stopping.wait()
    (folder / SHOWN_FILE).write_text(json.dumps({one.name: one.told() for one in watched}))


if __name__ == "__main__":
    uvloop.run(
        main(
            Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3].split(","), float(sys.argv[4]), int(sys.argv[5])
        )
    )
