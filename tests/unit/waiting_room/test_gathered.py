"""A crowd's questions are asked together, each gets its own answer, and nobody waits for who is gone."""

import asyncio
from collections.abc import Sequence

import pytest

from inventory_stream.flows.waiting_room.gathered import Gathered


class Oracle:
    """Doubles numbers, once it may; 13 breaks it."""

    def __init__(self) -> None:
        self.calls: list[list[int]] = []
        self.may = asyncio.Event()

    async def answer(self, numbers: Sequence[int]) -> list[int]:
        """Answer, as one call."""
        self.calls.append(list(numbers))
        await self.may.wait()
        if 13 in numbers:
            raise ValueError("unlucky")
        return [2 * number for number in numbers]


async def test_questions_of_one_call_s_time_go_together() -> None:
    """One call at a time, with all that came meanwhile, up to the most."""
    oracle = Oracle()
    gathered = Gathered(oracle.answer, 3)
    first = asyncio.create_task(gathered.ask(0))
    await asyncio.sleep(0)
    others = [asyncio.create_task(gathered.ask(number)) for number in range(1, 6)]
    await asyncio.sleep(0)
    oracle.may.set()
    assert await asyncio.gather(first, *others) == [0, 2, 4, 6, 8, 10]
    assert oracle.calls == [[0], [1, 2, 3], [4, 5]]
    assert await gathered.ask(7) == 14


async def test_fault_of_a_call_is_heard_by_all_of_it_and_no_other() -> None:
    """Who asked in the broken call hears why; the next call is made all the same."""
    oracle = Oracle()
    oracle.may.set()
    gathered = Gathered(oracle.answer, 2)
    answers = await asyncio.gather(*(gathered.ask(number) for number in (13, 1, 2)), return_exceptions=True)
    assert [isinstance(answer, ValueError) for answer in answers] == [True, True, False]
    assert answers[2] == 4


async def test_who_went_away_keeps_nobody_from_an_answer() -> None:
    """A request that was given up is left out; the others of its call get theirs."""
    oracle = Oracle()
    gathered = Gathered(oracle.answer, 10)
    asked = [asyncio.create_task(gathered.ask(number)) for number in range(3)]
    await asyncio.sleep(0)
    asked[1].cancel()
    oracle.may.set()
    assert (await asked[0], await asked[2]) == (0, 4)
    with pytest.raises(asyncio.CancelledError):
        await asked[1]
