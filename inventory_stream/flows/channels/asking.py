"""An operator's act is handed to the worker that owns the account, and its answer waited for."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from inventory_stream.errors import InventoryStreamError
from inventory_stream.ports.channel_desk import ChannelDesk
from inventory_stream.ports.integrations import Integration
from models.channels import (
    ACCOUNT,
    REPORT,
    AccountRow,
    Act,
    ActKind,
    Inbound,
    OutcomeRow,
    ReportRow,
    account_key,
    outcome_key,
)
from models.ids import partition_of

TAKEN_SECONDS_MAX: Final = 15.0
"""Longest wait until the owner has taken an act up: 1 s is promised; a group that balances anew needs ten."""
LISTINGS_MAX: Final = 1_000
"""Listings of one act (models.channels.Act)."""


class NobodyAnswersError(InventoryStreamError):
    """No worker took the act up within the bound. It waits in `channel-inbound`, for the next one."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What an operator wants of an account. `by` and `reason` are kept, and shown by `channels status`."""

    kind: ActKind
    by: str
    reason: str = ""
    listings: Sequence[str] = ()
    zeros_first: bool = False
    repairs: bool = True


class _Asked(NamedTuple):
    """An act that was handed over: its answers come in this partition from there on."""

    act_id: str
    partition: int
    begin: int


@dataclass(frozen=True, slots=True)
class Asking:
    """Asks owners of accounts.

    `new_id` gives a new id for each act, `now_ms` the time that is written into it.
    """

    desk: ChannelDesk
    partitions: int
    new_id: Callable[[], str]
    now_ms: Callable[[], int]
    taken_seconds_max: float = TAKEN_SECONDS_MAX

    async def done(self, integration: Integration, wish: Wish) -> AccountRow:
        """Ask, and give the account's row when its owner has taken the act up.

        Raises:
            NobodyAnswersError: no worker owns the account.
            UnreachableError: Kafka does not answer.
        """
        return await self._taken(integration, await self._ask(integration, wish))

    async def reported(self, integration: Integration, wish: Wish, seconds_max: float) -> ReportRow:
        """Ask for a reconcile or a smoke check, and give its report.

        Raises:
            NobodyAnswersError: no worker took it up, or its report did not come within `seconds_max`.
            UnreachableError: Kafka does not answer.
        """
        asked = await self._ask(integration, wish)
        await self._taken(integration, asked)
        try:
            async with asyncio.timeout(seconds_max):
                async for row in self._rows(integration, asked, REPORT):
                    if isinstance(row, ReportRow) and row.act_id == asked.act_id:
                        return row
        except TimeoutError:
            pass
        raise NobodyAnswersError(
            f"{integration.name}: taken up, but not done within {seconds_max:g} s; its report will stand in "
            f"`inventory-stream channels diff {integration.name} --last`"
        )

    async def _taken(self, integration: Integration, asked: _Asked) -> AccountRow:
        try:
            async with asyncio.timeout(self.taken_seconds_max):
                async for row in self._rows(integration, asked, ACCOUNT):
                    if isinstance(row, AccountRow) and row.last_act_id == asked.act_id:
                        return row
        except TimeoutError:
            pass
        raise NobodyAnswersError(
            f"{integration.name}: no worker owns this account: start `inventory-stream worker channels`; the "
            "act waits, and is done when one has started"
        )

    def _rows(self, integration: Integration, asked: _Asked, last: str) -> AsyncIterator[OutcomeRow]:
        key = outcome_key(integration.channel, integration.account, last)
        return (row async for _, row in self.desk.since(asked.partition, asked.begin, key.__eq__))

    async def _ask(self, integration: Integration, wish: Wish) -> _Asked:
        act = Act(
            act_id=self.new_id(),
            kind=wish.kind,
            by=wish.by,
            at_ms=self.now_ms(),
            reason=wish.reason,
            listings=tuple(wish.listings),
            zeros_first=wish.zeros_first,
            repairs=wish.repairs,
        )
        partition = partition_of(account_key(integration.channel, integration.account), self.partitions)
        begin = await self.desk.end(partition)
        inbound = Inbound(
            channel=integration.channel,
            account=integration.account,
            delivery_id=act.act_id,
            received_ms=act.at_ms,
            events=(act,),
        )
        await self.desk.ask(inbound, partition)
        return _Asked(act.act_id, partition, begin)
