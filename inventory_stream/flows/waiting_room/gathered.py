"""Questions that come while one call is under way go together in the next: a crowd costs few calls."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Q = TypeVar("Q")
A = TypeVar("A")


class Gathered(Generic[Q, A]):
    """Asks for many at once. A lone question waits for nothing; there is one call at a time.

    What waits is bounded by the requests that the gateway has open, each of which asks one question.
    """

    def __init__(self, call: Callable[[Sequence[Q]], Awaitable[Sequence[A]]], most: int) -> None:
        """`call` answers up to `most` questions, in their order; what it raises, each of them hears."""
        self._call = call
        self._most = most
        self._waiting: list[tuple[Q, asyncio.Future[A]]] = []
        self._task: asyncio.Task[None] | None = None

    async def ask(self, question: Q) -> A:
        """Give the answer to one question."""
        answer: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, answer))
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        return await answer

    async def _run(self) -> None:
        try:
            while self._waiting:
                part, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
                await self._answer(part)
        finally:
            self._task = None

    async def _answer(self, part: Sequence[tuple[Q, asyncio.Future[A]]]) -> None:
        try:
            answers = await self._call([question for question, _ in part])
        except Exception as error:  # noqa: BLE001  # every one who asked hears it
            for _, waiting in part:
                if not waiting.done():
                    waiting.set_exception(error)
            return
        except BaseException:
            for _, waiting in part:
                waiting.cancel()
            raise
        for (_, waiting), answer in zip(part, answers, strict=True):
            if not waiting.done():
                waiting.set_result(answer)
