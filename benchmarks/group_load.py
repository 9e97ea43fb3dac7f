"""Reservations over a group of locations, split or from the first that fits; and what each must give."""

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from benchmarks.answers import Expected, Place, Source
from benchmarks.load import TTL_SECONDS, reservation_id, sku_name
from benchmarks.mixed_load import packs
from models.commands import Command, Reserve, SetLocationGroup, Sync
from models.outcomes import Outcome

GROUP: Final = "all-stores"
UNITS_EACH_MAX: Final = 20
"""More than elsewhere, so that what is left at a location is often too little."""
STOCK_PERCENT: Final = 95


@dataclass(frozen=True)
class GroupLoad:
    """`commands` reservations over `skus` SKUs, each at `locations` with equal stock."""

    commands: int
    skus: int
    locations: int
    pack: int
    seed: int

    @property
    def names(self) -> list[str]:
        """Name the locations, in the group's order."""
        return [f"STORE-{number:02d}" for number in range(self.locations)]

    @cached_property
    def orders(self) -> list[Command]:
        """Give the reserves."""
        return [
            Reserve(
                f"cmd-{number:09d}",
                reservation_id(number),
                sku_name(sku),
                units,
                TTL_SECONDS,
                group=GROUP,
                strategy="split" if is_split else "first_fit",
                channel="web",
            )
            for number, (sku, units, is_split) in enumerate(zip(*self._drawn, strict=True))
        ]

    def opening_values(self) -> Iterator[bytes]:
        """Give the records that name the group and state the opening stock."""
        now_ms = time.time_ns() // 1_000_000
        counts = [
            Sync(f"count-{sku * self.locations + at:09d}", sku_name(sku), name, units, now_ms)
            for sku, units in enumerate(self._stock_each)
            for at, name in enumerate(self.names)
        ]
        group = SetLocationGroup(f"count-{len(counts):09d}", GROUP, tuple(self.names))
        yield from packs([group, *counts], self.pack)

    @cached_property
    def expected(self) -> Expected:
        """Say what must come of it: nothing is given back, so what is granted stays reserved."""
        free = [[units] * self.locations for units in self._stock_each]
        outcomes: list[Outcome] = []
        sources: dict[int, Source] = {}
        for number, (sku, units, is_split) in enumerate(zip(*self._drawn, strict=True)):
            taken = _split(free[sku], units) if is_split else _first_fit(free[sku], units)
            if taken is None:
                can_be_split = not is_split and sum(free[sku]) >= units
                hope = self._stock_each[sku] * (self.locations if is_split else 1)
                refused = Outcome.ALL_RESERVED if hope >= units else Outcome.SOLD_OUT
                outcomes.append(Outcome.NO_SINGLE_LOCATION if can_be_split else refused)
                continue
            for at, some in taken:
                free[sku][at] -= some
            outcomes.append(Outcome.GRANTED)
            sources[number] = tuple((self.names[at], some) for at, some in taken)
        units_of: dict[Place, tuple[int, int, int]] = {
            (sku_name(sku), name): (self._stock_each[sku], self._stock_each[sku] - left[at], 0)
            for sku, left in enumerate(free)
            for at, name in enumerate(self.names)
        }
        return Expected(outcomes, [0] * self.commands, 0, units_of, sources)

    @cached_property
    def _drawn(self) -> tuple[list[int], list[int], list[bool]]:
        dice = random.Random(self.seed)
        skus = dice.choices(range(self.skus), k=self.commands)
        units = dice.choices(range(1, UNITS_EACH_MAX + 1), k=self.commands)
        # By SKU: splits would take up the rests for whose sake the others are refused.
        return skus, units, [sku % 2 == 0 for sku in skus]

    @cached_property
    def _stock_each(self) -> list[int]:
        """Give the opening stock of each location by SKU number."""
        asked = [0] * self.skus
        for sku, units, _ in zip(*self._drawn, strict=True):
            asked[sku] += units
        return [units * STOCK_PERCENT // 100 // self.locations for units in asked]


def _first_fit(free: list[int], units: int) -> list[tuple[int, int]] | None:
    return next(([(at, units)] for at, there in enumerate(free) if there >= units), None)


def _split(free: list[int], units: int) -> list[tuple[int, int]] | None:
    taken = []
    for at, there in enumerate(free):
        some = min(there, units)
        if some:
            taken.append((at, some))
            units -= some
    return None if units else taken
