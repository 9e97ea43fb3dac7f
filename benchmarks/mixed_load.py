"""The mix of a shop: reserves, what becomes of them, repeats, corrections; and what each must give."""

import random
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Final

from benchmarks.answers import Expected, Place
from benchmarks.load import LOCATION, TTL_SECONDS, UNITS_EACH_MAX, reservation_id, sku_name
from models.codec import encode_pack, to_positional
from models.commands import Adjust, Command, Confirm, Release, Reserve, Sync
from models.outcomes import Outcome

SHARES: Final = {"reserve": 60, "confirm": 20, "release": 10, "adjust": 5, "repeat": 5}
"""Percent of all commands. What cannot be, a confirm while nothing is reserved, is a reserve."""
REPEATED_WITHIN: Final = 1_000
"""A repeat is one of so many commands before it: a client that heard no answer asks again soon."""
TIGHT_PERCENT: Final = 40
"""Opening stock of every other SKU, as a share of the units of all its commands, of which reserves ask for
60: even with what is released some are refused. Only the other SKUs are corrected, and have plenty:
corrections come by another topic, which has no order with this one (R26), so nothing may hang on when they
come."""
DELTA_MAX: Final = 5


@dataclass(frozen=True)
class MixedLoad:
    """`commands` of all kinds over `skus` SKUs, at least two."""

    commands: int
    skus: int
    pack: int
    seed: int

    @cached_property
    def orders(self) -> list[Command]:
        """Give the commands of order-events, repeats among them."""
        return self._made[0]

    @cached_property
    def facts(self) -> list[Command]:
        """Give the corrections of stock."""
        return self._made[1]

    @cached_property
    def expected(self) -> Expected:
        """Say what must come of it."""
        return self._made[2]

    def opening_values(self) -> Iterator[bytes]:
        """Give the records that state the opening stock."""
        yield from packs(
            (
                Sync(f"count-{number:09d}", sku_name(number), LOCATION, units, self._counted_ms)
                for number, units in enumerate(self._stock)
            ),
            self.pack,
        )

    @cached_property
    def _counted_ms(self) -> int:
        """When the opening stock was counted: before any correction, or that would be in the count (R8)."""
        return time.time_ns() // 1_000_000

    @cached_property
    def _drawn(self) -> tuple[list[str], list[int], list[int]]:
        dice = random.Random(self.seed)
        kinds = dice.choices(list(SHARES), list(SHARES.values()), k=self.commands)
        skus = dice.choices(range(self.skus), k=self.commands)
        return kinds, skus, dice.choices(range(1, UNITS_EACH_MAX + 1), k=self.commands)

    @cached_property
    def _stock(self) -> list[int]:
        """Give the opening stock by SKU number: tight for even ones; no correction can make odd ones so."""
        stock = [0] * self.skus
        for _, sku, units in zip(*self._drawn, strict=True):
            stock[sku] += units
        return [
            units + self.commands * DELTA_MAX if number % 2 else units * TIGHT_PERCENT // 100
            for number, units in enumerate(stock)
        ]

    @cached_property
    def _made(self) -> tuple[list[Command], list[Command], Expected]:
        dice = random.Random(self.seed + 1)
        model = _Model(list(self._stock))
        orders: list[Command] = []
        facts: list[Command] = []
        numbers: list[int] = []
        for kind, sku, units in zip(*self._drawn, strict=True):
            if kind == "adjust":
                odd = sku | 1 if sku | 1 < self.skus else sku - 1
                delta = dice.choice((-1, 1)) * dice.randint(1, DELTA_MAX)
                model.on_hand[odd] += delta
                name = f"fact-{len(facts):09d}"
                facts.append(Adjust(name, sku_name(odd), LOCATION, delta, self._counted_ms + 1))
            elif kind == "repeat" and orders:
                again = dice.randrange(max(0, len(orders) - REPEATED_WITHIN), len(orders))
                model.repeats[numbers[again]] += 1
                numbers.append(numbers[again])
                orders.append(orders[again])
            else:
                numbers.append(len(model.outcomes))
                orders.append(model.decide(kind, sku, units, dice))
        return orders, facts, model.expected(len(facts))


class _Model:
    """Decides as the ledger must; on_hand takes corrections, which no decision here hangs on."""

    def __init__(self, stock: list[int]) -> None:
        self.on_hand = stock
        self._free = list(stock)
        self._reserved = [0] * len(stock)
        self._allocated = [0] * len(stock)
        self._live: list[tuple[int, int, int]] = []
        self.outcomes: list[Outcome] = []
        self.repeats: list[int] = []

    def decide(self, kind: str, sku: int, units: int, dice: random.Random) -> Command:
        """Make the next command, and note how it ends."""
        number = len(self.outcomes)
        self.repeats.append(0)
        name = f"cmd-{number:09d}"
        if kind in {"confirm", "release"} and self._live:
            at = dice.randrange(len(self._live))
            self._live[at], self._live[-1] = self._live[-1], self._live[at]
            reservation, sku, units = self._live.pop()
            self._reserved[sku] -= units
            if kind == "confirm":
                self._allocated[sku] += units
                self.outcomes.append(Outcome.CONFIRMED)
                return Confirm(name, reservation_id(reservation), sku_name(sku))
            self._free[sku] += units
            self.outcomes.append(Outcome.RELEASED)
            return Release(name, reservation_id(reservation), sku_name(sku))
        if units <= self._free[sku]:
            self._free[sku] -= units
            self._reserved[sku] += units
            self._live.append((number, sku, units))
            self.outcomes.append(Outcome.GRANTED)
        elif units <= self._free[sku] + self._reserved[sku]:
            self.outcomes.append(Outcome.ALL_RESERVED)
        else:
            self.outcomes.append(Outcome.SOLD_OUT)
        return Reserve(
            name, reservation_id(number), sku_name(sku), units, TTL_SECONDS, LOCATION, channel="web"
        )

    def expected(self, facts: int) -> Expected:
        """Sum up."""
        units: dict[Place, tuple[int, int, int]] = {
            (sku_name(number), LOCATION): quantities
            for number, quantities in enumerate(
                zip(self.on_hand, self._reserved, self._allocated, strict=True)
            )
        }
        return Expected(self.outcomes, self.repeats, facts, units)


def packs(commands: Iterable[Command], pack: int) -> Iterator[bytes]:
    """Give record values of positional packs."""
    rest = iter(commands)
    while some := list(islice(rest, pack)):
        yield encode_pack([to_positional(command) for command in some])
