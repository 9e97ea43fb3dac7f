"""Asks the desk many things at once, within one bound for all of them together."""

import asyncio
from collections.abc import Sequence

from inventory_stream.ports.desk import Decision, Desk, NotAnsweredError
from models.commands import Command


class Asking:
    """One request's questions to the ledger. All of them share the time that the request has."""

    def __init__(self, desk: Desk, within_seconds: float) -> None:
        self._desk = desk
        self._until = asyncio.get_running_loop().time() + within_seconds

    async def ask(self, command: Command) -> Decision:
        """Give what was decided.

        Raises:
            NotAnsweredError: the time is over.
            DeskClosedError: nothing was sent.
        """
        left = self._until - asyncio.get_running_loop().time()
        if left <= 0:
            raise NotAnsweredError("the time of the request was over before all of it was asked")
        return await self._desk.ask(command, left)

    async def ask_all(self, commands: Sequence[Command]) -> Sequence[Decision]:
        """Ask at once and give the decisions in the order of the commands; raises as `ask`.

        Waits for every one, also when one fails: what follows must know what may have been decided.
        """
        answers = await asyncio.gather(*map(self.ask, commands), return_exceptions=True)
        decisions = []
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
            decisions.append(answer)
        return decisions
