"""Says whether a database decided a workload rightly, by what it holds in the end."""

import hashlib
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Self

from benchmarks.load import Workload, sku_name


class Decided(NamedTuple):
    """One command that was decided: what it asked of which SKU, and what it was granted."""

    sku: int
    units: int
    granted: int


@dataclass
class Stored:
    """What a database holds: outcomes by command number, and what is left of the stock.

    A key of the database (a primary key, a key of Redis) holds one outcome at most; `strangers` are keys that
    belong to no command and no SKU.
    """

    outcomes: bytearray
    granted: bytearray
    left: "array[int]" = field(default_factory=lambda: array("q"))
    strangers: int = 0

    @classmethod
    def empty(cls, workload: Workload) -> Self:
        """Nothing read yet; a SKU without stock shows as -1."""
        return cls(
            bytearray(workload.commands), bytearray(workload.commands), array("q", [-1]) * workload.skus
        )

    def note_outcome(self, number: int, granted: int) -> None:
        """Take in one outcome."""
        if not 0 <= number < len(self.outcomes):
            self.strangers += 1
            return
        self.outcomes[number] = min(255, self.outcomes[number] + 1)
        self.granted[number] = min(255, granted)

    @property
    def decisions_sha256(self) -> str:
        """Hash of what was granted to each command, as the ledger's."""
        return hashlib.sha256(self.granted).hexdigest()


def faults(stored: Stored, replies: bytes | bytearray, workload: Workload, *, is_ordered: bool) -> list[str]:
    """Say what is wrong with what a database holds; empty: it is right.

    One outcome per command, the one that the client was told; nothing that nobody sent; no SKU beyond its
    stock. Where commands came in one order (`is_ordered`), each is granted what the model gives;
    otherwise there must be an order in which the model gives just these outcomes (`faults_in_any_order`).
    """
    found = []
    missing, repeated = stored.outcomes.count(0), sum(times > 1 for times in stored.outcomes)
    if missing:
        found.append(f"{missing} of {workload.commands} commands have no outcome")
    if repeated:
        found.append(f"{repeated} commands have more than one outcome")
    if stored.strangers:
        found.append(f"{stored.strangers} keys that nobody asked for")
    untold = sum(told != held for told, held in zip(replies, stored.granted, strict=True))
    if untold:
        found.append(f"{untold} commands were told other units than are stored")
    if is_ordered:
        wrong = sum(got != want for got, want in zip(stored.granted, workload.granted, strict=True))
        if wrong:
            found.append(f"{wrong} commands were granted other units than the model gives")
    skus, units = workload.asked
    # A command without an outcome was not refused: it is counted above.
    decided = (
        Decided(skus[number], units[number], stored.granted[number])
        for number in range(workload.commands)
        if stored.outcomes[number]
    )
    return found + faults_in_any_order(decided, workload.stock, stored.left)


def faults_in_any_order(decided: Iterable[Decided], stock: Sequence[int], left: Sequence[int]) -> list[str]:
    """Say why no order of the commands gives these outcomes; empty: there is one.

    There is one just if each command got all or nothing, no SKU is granted beyond its stock, and no refused
    command asks for as little as is left: then those granted may have come first, and each of the others
    found too little.

    Args:
        decided: Every decided command.
        stock: Opening stock by SKU number.
        left: What the database says is left, by SKU number.
    """
    granted_of = [0] * len(stock)
    refused_min: dict[int, int] = {}
    in_part = 0
    for sku, units, granted in decided:
        granted_of[sku] += granted
        if not granted:
            refused_min[sku] = min(units, refused_min.get(sku, units))
        elif granted != units:
            in_part += 1
    found = [f"{in_part} commands were granted other units than they asked for"] if in_part else []
    for sku, (opening, granted, rest) in enumerate(zip(stock, granted_of, left, strict=True)):
        if granted > opening:
            found.append(f"{sku_name(sku)}: {granted} units granted of {opening}: oversold")
        if rest != opening - granted:
            found.append(f"{sku_name(sku)}: {rest} units left, of {opening} with {granted} granted")
        if refused_min.get(sku, opening + 1) <= opening - granted:
            found.append(f"{sku_name(sku)}: refused {refused_min[sku]} units with {opening - granted} left")
    return found


def oversold_units(stored: Stored, workload: Workload) -> int:
    """Count the units granted beyond the stock of their SKU (I2)."""
    granted_of = [0] * workload.skus
    for sku, granted in zip(workload.asked[0], stored.granted, strict=True):
        granted_of[sku] += granted
    return sum(max(0, granted - opening) for granted, opening in zip(granted_of, workload.stock, strict=True))
