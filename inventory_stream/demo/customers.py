"""Who comes to the flash sale: a seeded crowd, the same for the same seed. All of it is generated.

The rule: twenty times the stock is wanted, one or two units each. The crowd grows while word gets
round. Networks repeat messages, impatient people press again, and not everybody who got a unit
pays for it. The shares are this module's constants.
"""

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final

TWO_UNITS_SHARE: Final = 0.5
"""Of customers: want two units, the others one."""
SENT_AGAIN_SHARE: Final = 0.10
"""Of customers: their very request arrives a second time, as a network or a proxy repeats it."""
PRESSED_AGAIN_SHARE: Final = 0.05
"""Of customers: press the button again: a new wish with a key of its own, up to the purchase limit."""
PAID_TWICE_SHARE: Final = 0.10
"""Of customers who pay: their payment service reports it twice, at the same time."""
AGAIN_SECONDS_MAX: Final = 0.5
"""Longest time until something is repeated."""
THINK_SECONDS_MAX: Final = 1.5
"""Longest time between a grant and what the customer does with it."""


class Intent(Enum):
    """What a customer does with granted units, and its share of customers in percent."""

    PAY = 65
    PUT_BACK = 10
    WALK_AWAY = 20
    PAY_LATE = 5


@dataclass(frozen=True, slots=True)
class Customer:
    """One customer's whole behaviour, decided before the sale. Times in seconds of the sale."""

    name: str
    at_seconds: float
    units: int
    intent: Intent
    think_seconds: float
    sends_again_after_seconds: float | None
    presses_again_after_seconds: float | None
    pays_twice: bool


def crowd(seed: int, wanted_units: int, sale_seconds: float) -> list[Customer]:
    """Draw customers until they want `wanted_units` together; in order of arrival.

    Arrivals grow in proportion to time: the square root of a uniform number has that density.
    """
    chance = random.Random(f"{seed}/crowd")  # noqa: S311  # a crowd, not a secret
    customers = list(_drawn(chance, wanted_units, sale_seconds, "c"))
    customers.sort(key=lambda customer: customer.at_seconds)
    return customers


def refreshers(seed: int, wave: int, units: int) -> list[Customer]:
    """Draw those who keep refreshing the page for what came back: one unit each, and they pay."""
    chance = random.Random(f"{seed}/refresh/{wave}")  # noqa: S311  # a crowd, not a secret
    return [
        Customer(
            name=f"w{wave}-{number}",
            at_seconds=chance.random(),
            units=1,
            intent=Intent.PAY,
            think_seconds=chance.random(),
            sends_again_after_seconds=None,
            presses_again_after_seconds=None,
            pays_twice=False,
        )
        for number in range(units)
    ]


def _drawn(chance: random.Random, wanted_units: int, sale_seconds: float, prefix: str) -> Iterator[Customer]:
    intents, weights = list(Intent), [intent.value for intent in Intent]
    wanted = number = 0
    while wanted < wanted_units:
        units = 2 if chance.random() < TWO_UNITS_SHARE else 1
        yield Customer(
            name=f"{prefix}{number}",
            at_seconds=sale_seconds * math.sqrt(chance.random()),
            units=units,
            intent=chance.choices(intents, weights)[0],
            think_seconds=chance.random() * THINK_SECONDS_MAX,
            sends_again_after_seconds=_perhaps(chance, SENT_AGAIN_SHARE),
            presses_again_after_seconds=_perhaps(chance, PRESSED_AGAIN_SHARE),
            pays_twice=chance.random() < PAID_TWICE_SHARE,
        )
        wanted += units
        number += 1


def _perhaps(chance: random.Random, share: float) -> float | None:
    is_chosen, seconds = chance.random() < share, chance.random() * AGAIN_SECONDS_MAX
    return seconds if is_chosen else None
