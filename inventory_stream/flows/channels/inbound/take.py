"""Takes deliveries in: asks for what was only named, sends the commands, keeps what cannot be read."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import structlog
from msgspec.structs import replace

from inventory_stream.errors import RetryableError
from inventory_stream.flows.channels.inbound.catalog import AccountCatalog
from inventory_stream.flows.channels.inbound.commands import (
    LINES_EVENTS,
    ORDER_EVENTS,
    Commands,
    Meaning,
    dated,
    left_of,
)
from inventory_stream.flows.channels.inbound.patience import Patience
from inventory_stream.flows.channels.inbound.taking import (
    SILENT_INBOUND,
    Account,
    Accounts,
    InboundMonitor,
    Place,
)
from inventory_stream.ports.channel import MISFIT, ChannelError, Result
from inventory_stream.ports.commands import CommandSink
from inventory_stream.ports.dead_letters import DeadLetter, DeadLetters
from inventory_stream.ports.integrations import CatalogMapping, Integration
from models.channels import (
    AccountTroubled,
    Act,
    ChannelEvent,
    Inbound,
    OrderNamed,
    StockSeen,
    encode_inbound,
)

log = structlog.get_logger(__name__)

REASONS_MAX: Final = 10
"""Of one letter: an order of 500 lines of another shop has one reason 500 times."""

_LASTING: Final = frozenset({Result.PERMANENT, Result.STALE})
"""Ends of a question that the same question has again: kept as a letter, sent again by an operator."""


class NotToldError(RetryableError):
    """A channel does not say now what happened to an order that it named."""


class TakeInbound:
    """Implements `taking.TakesInbound`."""

    def __init__(
        self,
        *,
        sink: CommandSink,
        letters: DeadLetters,
        mapping: CatalogMapping,
        integrations: Sequence[Integration],
        accounts: Accounts,
        monitor: InboundMonitor = SILENT_INBOUND,
        now_seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take what it needs.

        Args:
            sink: Where commands go.
            letters: Where lines go that the mapping does not know.
            mapping: Says which SKU a listing is, as it is now.
            integrations: The registry.
            accounts: The owners of accounts.
            monitor: Hears what came in.
            now_seconds: A clock that only grows.
        """
        self._sink = sink
        self._letters = letters
        self._accounts = accounts
        self._monitor = monitor
        self._catalogs: Mapping[tuple[str, str], tuple[Integration, AccountCatalog]] = {
            (one.channel, one.account): (one, AccountCatalog(mapping, one)) for one in integrations
        }
        self._patience: Mapping[tuple[str, str], Patience] = {
            (one.channel, one.account): Patience(now_seconds) for one in integrations
        }

    async def take(self, inbound: Inbound, place: Place) -> None:
        """Send what a delivery means to the ledger; see `TakesInbound.take`."""
        known = self._catalogs.get((inbound.channel, inbound.account))
        account = self._accounts.of(inbound.channel, inbound.account)
        if known is None or account is None:
            await self._bury(inbound, inbound.events, ("the registry has no such account",), place)
            return
        integration, catalog = known
        events, unanswered, whys = await self._told(account, inbound, place)
        meanings = self._meanings(integration, catalog, account, dated(events))
        await account.notes_kept()
        for meaning in meanings:
            for command, sku in meaning.sent:
                await self._sink.send(command, sku)
        await self._sink.flush()
        left, reasons = left_of(meanings)
        if left or unanswered:
            await self._bury(inbound, (*left, *unanswered), (*reasons, *whys), place)
            lines = sum(len(event.lines) for event in left if isinstance(event, LINES_EVENTS))
            self._monitor.unmapped(integration.name, lines)
            self._monitor.untold(integration.name, len(unanswered))
        through = [event.at_ms for event in events if isinstance(event, ORDER_EVENTS)]
        if through:
            # Not beyond when it came: a clock that runs ahead would end the wait for orders for good.
            account.orders_through(min(max(through), inbound.received_ms))

    def _meanings(
        self,
        integration: Integration,
        catalog: AccountCatalog,
        account: Account,
        events: Sequence[ChannelEvent],
    ) -> list[Meaning]:
        """Read what the ledger is to hear, and tell the account what is for it."""
        commands = Commands(integration, catalog, account.moved, account.carried)
        commands.bind(events)
        meanings: list[Meaning] = []
        for event in events:
            self._monitor.heard(integration.name, str(type(event).__struct_config__.tag))
            if isinstance(event, LINES_EVENTS):
                meanings.append(commands.of(event))
            elif isinstance(event, StockSeen):
                for row in catalog.listings_of(event.listing, None):
                    account.observed(row.listing, event.units, event.at_ms)
                meanings.append(commands.of_count(event))
            elif isinstance(event, AccountTroubled):
                account.troubled(event)
        return meanings

    async def _told(
        self, account: Account, inbound: Inbound, place: Place
    ) -> tuple[list[ChannelEvent], list[ChannelEvent], list[str]]:
        """Put what happened in the place of orders that were only named; gives what nobody tells, too."""
        told: list[ChannelEvent] = []
        unanswered: list[ChannelEvent] = []
        whys: list[str] = []
        patience = self._patience[inbound.channel, inbound.account]
        for event in inbound.events:
            if isinstance(event, Act):
                continue
            if not isinstance(event, OrderNamed):
                told.append(event)
                continue
            try:
                told += await account.events_of(event)
                patience.told()
            except ChannelError as error:
                if error.result in _LASTING or error.code == MISFIT:
                    patience.told()
                elif not patience.is_over(place, event.order_id, error, account.requests_answered):
                    raise NotToldError(f"an order of a channel: {error}") from error
                unanswered.append(event)
                whys.append(f"the channel does not tell of an order: {error.code}")
        return told, unanswered, whys

    async def _bury(
        self, inbound: Inbound, events: tuple[ChannelEvent, ...], reasons: Sequence[str], place: Place
    ) -> None:
        """Keep what could not be read as a delivery of its own, so that it can be sent again as it is."""
        shown = "; ".join(dict.fromkeys(reasons[:REASONS_MAX]))
        value = encode_inbound(replace(inbound, events=events))
        letter = DeadLetter(
            place.topic,
            place.partition,
            place.offset,
            None,
            shown,
            place.key,
            value,
            place.timestamp_ms,
        )
        await self._letters.write([letter])
        log.error("inbound_not_read", channel=inbound.channel, account=inbound.account, reason=shown)
