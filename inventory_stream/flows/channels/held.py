"""One partition of `channel-inbound` at its owner, and what operators ask of its accounts."""

import asyncio
from typing import Final, NamedTuple

from inventory_stream.flows.channels.account import Account
from inventory_stream.flows.channels.intake import Intake
from inventory_stream.flows.channels.keeper import Keeper
from models.channels import Act


class _Anew(NamedTuple):
    """An account that is taken up anew. `acts`, each with its offset, are for the one that comes."""

    work: asyncio.Task[None]
    acts: list[tuple[Act, int]]


class Held:
    """One partition: its rows' writer, its deliveries, its accounts, each there once."""

    def __init__(self, keeper: Keeper, intake: Intake, next_offset: int) -> None:
        self.keeper: Final = keeper
        self.intake: Final = intake
        self.next_offset = next_offset
        self.accounts: Final[dict[str, Account]] = {}
        self._anew: Final[dict[str, _Anew]] = {}
        self._first_act: int | None = None

    def first_untaken(self) -> int | None:
        """Give the oldest record that a next owner has to read; None: all that was read is durable.

        An act is durable with its account's row, not when it is done.
        """
        if not self._anew and self.keeper.are_accounts_kept:
            self._first_act = None
        first = [found for found in (self.intake.first_untaken, self._first_act) if found is not None]
        return min(first, default=None)

    def act(self, key: str, act: Act, offset: int) -> bool:
        """Have an account do what an operator asked, later if it is taken up anew; False: no such account."""
        if key not in self.accounts:
            return False
        if self._first_act is None:
            self._first_act = offset
        if key in self._anew:
            self._anew[key].acts.append((act, offset))
        else:
            self.accounts[key].act(act, offset)
        return True

    def begin_anew(self, key: str, work: asyncio.Task[None]) -> None:
        """Hear that an account is being taken up anew."""
        self._anew[key] = _Anew(work, [])

    def end_anew(self, key: str, account: Account) -> None:
        """Have the account that was taken up anew do what was asked meanwhile."""
        self.accounts[key] = account
        for act, offset in self._anew.pop(key).acts:
            self.act(key, act, offset)  # one of them may begin it all again

    async def stop_anew(self) -> None:
        """Take no account up anew; what was asked of those is for the next owner, who reads it again."""
        tasks = [one.work for one in self._anew.values()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
