"""The models of the mixed and the group load agree with the ledger, and their check finds what is wrong."""

from collections.abc import Callable, Iterable
from itertools import count

import pytest

from benchmarks.answers import Answers, Expected, answer_faults
from benchmarks.group_load import GroupLoad
from benchmarks.mixed_load import MixedLoad, packs
from inventory_stream.ledger.decide import DecodedRecord, decide_batch
from inventory_stream.ledger.state import PartitionState
from models.codec import ORDER_DECODER, STOCK_DECODER, CommandDecoder
from models.commands import Command
from models.outcomes import Outcome

NOW_MS = 2**41  # after the times of the load
MIXED = MixedLoad(commands=3_000, skus=6, pack=50, seed=3)
GROUPS = GroupLoad(commands=3_000, skus=60, locations=4, pack=50, seed=3)


def decided(
    opening: Iterable[bytes], facts: Iterable[Command], orders: Iterable[Command], expected: Expected
) -> Answers:
    """Have the ledger decide a load, and read its rows as the benchmark does."""
    state = PartitionState()
    answers = Answers(len(expected.outcomes), expected.facts)

    def decide(values: Iterable[bytes], decoder: CommandDecoder, first: int) -> None:
        for offset, value in zip(count(first), values, strict=False):
            commands, poison = decoder.decode(value)
            assert not poison
            records = [DecodedRecord(offset, NOW_MS, commands)]
            stock, order = ((), records) if decoder is ORDER_DECODER else (records, ())
            for sealed in decide_batch(state, stock, order, NOW_MS):
                for key, row in sealed.rows:
                    if row is not None and key[:2] in {b"p/", b"r/", b"c/"}:
                        answers.note(key, row)

    opening = list(opening)
    decide(opening, STOCK_DECODER, 0)
    decide(packs(orders, 50), ORDER_DECODER, 0)
    decide(packs(facts, 50), STOCK_DECODER, len(opening))
    return answers


def mixed() -> tuple[Answers, Expected]:
    """Decide the mix of a shop."""
    return decided(MIXED.opening_values(), MIXED.facts, MIXED.orders, MIXED.expected), MIXED.expected


def groups() -> tuple[Answers, Expected]:
    """Decide the group load."""
    return decided(GROUPS.opening_values(), (), GROUPS.orders, GROUPS.expected), GROUPS.expected


@pytest.mark.parametrize("run", [mixed, groups])
def test_model_agrees_with_the_ledger(run: Callable[[], tuple[Answers, Expected]]) -> None:
    """Every outcome, every repeat and every position of a load must be the model's."""
    answers, expected = run()
    assert answer_faults(answers, expected) == []
    assert answers.oversold_units == 0


def test_mix_has_all_kinds_of_commands_and_refusals() -> None:
    """A mix without refusals, repeats or corrections would not show much."""
    outcomes = set(MIXED.expected.outcomes)
    wanted = {Outcome.GRANTED, Outcome.CONFIRMED, Outcome.RELEASED, Outcome.ALL_RESERVED}
    assert wanted <= outcomes
    assert sum(MIXED.expected.repeats) > 100
    assert len(MIXED.facts) > 100
    assert len(MIXED.facts) + len(MIXED.orders) == MIXED.commands


def test_groups_are_split_and_refused() -> None:
    """The group load must come to the ends of its locations in both strategies."""
    sources = GROUPS.expected.sources
    assert sources is not None
    assert any(len(source) > 1 for source in sources.values())
    assert {Outcome.NO_SINGLE_LOCATION, Outcome.ALL_RESERVED} <= set(GROUPS.expected.outcomes)


def lose(answers: Answers) -> None:
    """Plant: a command was never decided."""
    answers.firsts[5] = 0


def change(answers: Answers) -> None:
    """Plant: a command ended otherwise."""
    answers.outcomes[5] = Outcome.SOLD_OUT


def forget_repeat(answers: Answers) -> None:
    """Plant: a repeat was not answered."""
    number = next(at for at, times in enumerate(answers.repeats) if times)
    answers.repeats[number] -= 1


def move(answers: Answers) -> None:
    """Plant: a position has another unit."""
    next(iter(answers.positions.values())).reserved += 1


def skip_fact(answers: Answers) -> None:
    """Plant: a correction was not applied."""
    answers.fact_outcomes[0] = 0


@pytest.mark.parametrize(
    ("plant", "words"),
    [
        (lose, "not exactly one outcome"),
        (change, "another outcome"),
        (forget_repeat, "not answered again"),
        (move, "differ from the model"),
        (skip_fact, "were not applied"),
    ],
)
def test_planted_fault_is_found(plant: Callable[[Answers], None], words: str) -> None:
    """Every way in which the answers can be wrong must be named."""
    answers, expected = mixed()
    plant(answers)
    assert any(words in fault for fault in answer_faults(answers, expected))


def test_units_from_another_location_are_found() -> None:
    """A reservation whose units come from elsewhere must be named."""
    answers, expected = groups()
    number = next(iter(answers.sources))
    answers.sources[number] = (("STORE-99", 1),)
    assert any("other places" in fault for fault in answer_faults(answers, expected))
