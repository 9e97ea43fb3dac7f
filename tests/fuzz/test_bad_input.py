"""Bad input of every kind: a slice of `make fuzz`, and the same through an owner on fakes."""

import os
from collections import Counter
from random import Random
from typing import Final

import pytest

from inventory_stream.flows.dead_letters_words import how_to_mend
from inventory_stream.ports.inputs import Input
from models import commands as c
from models.codec import ORDER_DECODER, STOCK_DECODER
from tests.fuzz.hostile import KINDS, RARE, Drawing
from tests.fuzz.reasons import FAMILIES, family_of
from tests.fuzz.trial import Told, fire
from tests.unit.flows.one_partition import Owner, World

INPUTS: Final = int(os.environ.get("FUZZ_INPUTS", "50000"))
"""About 10 s; `make fuzz` tries a million."""
NOT_IN_A_LETTER: Final = {"nested too deep"}
"""What this Python's stack may or may not bear: both ways are tried, either is right."""


@pytest.fixture(scope="module")
def told() -> Told:
    """What became of every input; the trial itself checks each as it goes."""
    total: Told = Counter()
    for trial in fire(INPUTS, seed=1):
        total += trial.told
    return total


def test_every_input_has_an_end_and_hurts_no_other(told: Told) -> None:
    """R6, R7, R10, R27, R30: one outcome or one reason each, good commands decided, I1 to I5 and I8 hold."""
    assert sum(told.values()) >= INPUTS
    assert {kind for kind, _ in told} == {kind.__name__ for kind in (*KINDS, *RARE)} | {"good", "opening"}


def test_every_reason_of_a_letter_is_met(told: Told) -> None:
    """A reason that no input brings about would be a guess; one that nobody named fails the trial."""
    met = {how.removeprefix("letter: ") for _, how in told if how.startswith("letter: ")}
    assert {name for name, _ in FAMILIES} - met <= NOT_IN_A_LETTER


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.__name__.startswith("valid_")])
def test_valid_input_is_no_letter(told: Told, kind: object) -> None:
    """What decodes and is possible is decided, whatever the answer."""
    name = getattr(kind, "__name__", "")
    assert not [how for told_kind, how in told if told_kind == name and how.startswith("letter: ")]


async def test_an_owner_buries_what_is_bad_and_decides_the_rest() -> None:
    """P9: all input is acknowledged, each fault is a letter with its own bytes, and the owner lives."""
    random = Random(7)
    world = World()
    expected: Counter[Input] = Counter()
    for is_stock, source in ((True, Input.STOCK), (False, Input.ORDERS)):
        drawing = Drawing(random, is_stock, world.now_ms)
        for _ in range(40):
            for kind in (*KINDS, *RARE) if _ == 0 else KINDS:
                value = kind(drawing)
                world.send_raw(source, value)
                decoder = STOCK_DECODER if is_stock else ORDER_DECODER
                expected[source] += len(decoder.decode(value)[1])
        world.send_raw(source, None)
        expected[source] += 1
    world.send(Input.STOCK, c.Adjust("last", "sku-last", "DC1", 3, world.now_ms))
    owner = Owner(world)
    assert await owner.run_to_end()
    assert world.position("sku-last").on_hand == 3
    assert world.acked == {source: len(records) for source, records in world.inputs.items()}
    for source, topic in ((Input.STOCK, "stock-events"), (Input.ORDERS, "order-events")):
        letters = [letter for letter in world.dead.letters if letter.topic == topic]
        poison = [one for one in letters if not _is_from_a_decision(one.reason)]
        assert len(poison) == expected[source]
        places = {(one.offset, one.pack_index) for one in letters}
        assert len(places) == len(letters)
        assert all(how_to_mend(one.reason) for one in letters)


def _is_from_a_decision(reason: str) -> bool:
    """Whether a command decoded, and the ledger refused it."""
    decided = [name for name, _ in FAMILIES[-11:]]
    return reason == "COMMAND_ID_REUSED" or family_of(reason) in decided
