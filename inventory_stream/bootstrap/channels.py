"""What a channel worker is made of: the mirrored ledger, the accounts' adapters, and their one owner."""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from inventory_stream.adapters.catalog import load_catalog
from inventory_stream.adapters.channel_mapping import MappingFile, load_mapping
from inventory_stream.adapters.channel_registry import load_registry
from inventory_stream.adapters.channels.exchange import Exchanges
from inventory_stream.adapters.channels.registry import ADAPTERS
from inventory_stream.adapters.channels.secrets import Secrets
from inventory_stream.adapters.channels.spec import AdapterSpec, Needs
from inventory_stream.adapters.kafka.channel_inbound import KafkaInboundLog
from inventory_stream.adapters.kafka.channel_log import KafkaChannelLog
from inventory_stream.adapters.kafka.connection import KafkaConnection
from inventory_stream.adapters.kafka.dead_letters import KafkaDeadLetters
from inventory_stream.adapters.kafka.exception_events import KafkaChannelExceptions
from inventory_stream.adapters.kafka.held_clock import HeldClock
from inventory_stream.adapters.kafka.lazy_sink import LazyCommandSink
from inventory_stream.adapters.kafka.lease import Lease
from inventory_stream.adapters.kafka.ledger_tail import LedgerTail
from inventory_stream.adapters.kafka.topic_rules import DEAD_LETTERS, LEDGER
from inventory_stream.adapters.monitoring.channels import PrometheusChannels
from inventory_stream.adapters.system_clock import now_ms
from inventory_stream.errors import SettingsError
from inventory_stream.flows.channels.account import Account
from inventory_stream.flows.channels.drift import SchemaDrift
from inventory_stream.flows.channels.inbound.take import TakeInbound
from inventory_stream.flows.channels.inbound.taking import SILENT_INBOUND, Accounts
from inventory_stream.flows.channels.keeper import Keeper
from inventory_stream.flows.channels.owner import ChannelOwner
from inventory_stream.flows.channels.pace import AccountPace
from inventory_stream.flows.channels.parts import AccountParts
from inventory_stream.flows.channels.unmapped import UnmappedSkus
from inventory_stream.flows.shelf import MemoryShelf
from inventory_stream.ports.channel_monitor import SILENT_CHANNELS
from inventory_stream.ports.events import EventTopic
from inventory_stream.ports.integrations import Integration
from inventory_stream.settings import Settings
from models.channels import CHANNEL_INBOUND, CHANNEL_OUTCOMES, CHANNELS_GROUP
from models.ids import partition_of

LEASE_SHARE: Final = 0.8
"""Of the group's session timeout. A heartbeat that was answered is counted from when it was sent, so that the
group still knows this worker for the whole of it; the rest is for a request that is just being written."""


WRONG_CHARACTERS_MAX: Final = 300
"""Of what is wrong with the mapping file, in each status: the first line. `channels check` tells it all."""


@dataclass(frozen=True, slots=True)
class ChannelParts:
    """What a channel worker is made of, but for its Faust app."""

    owner: ChannelOwner
    lease: Lease
    background: tuple[Callable[[], Awaitable[None]], ...]
    why_not_ready: Callable[[], Sequence[str]]
    closing: tuple[Callable[[], Awaitable[None]], ...]

    async def close(self) -> None:
        """Let go of the connections that all accounts share."""
        await asyncio.gather(*(close() for close in self.closing))


@dataclass(frozen=True, slots=True)
class ChannelFiles:
    """What the two files say, checked."""

    integrations: tuple[Integration, ...]
    mapping: MappingFile


def channel_files(settings: Settings, adapters: Mapping[str, AdapterSpec] = ADAPTERS) -> ChannelFiles:
    """Read the registry of integrations and the catalog mapping.

    Raises:
        SettingsError: one is not named or cannot be used; one line for each mistake.
    """
    channels = settings.channels
    if channels.registry_file is None or channels.mapping_file is None:
        missing = "registry_file" if channels.registry_file is None else "mapping_file"
        raise SettingsError(
            f"channels.{missing} is not set: it names the file of what is to be told to whom "
            "(docs/channels/README.md); `inventory-stream sandbox --write-config DIR` writes both to try it"
        )
    integrations = load_registry(channels.registry_file, adapters)
    return ChannelFiles(integrations, load_mapping(channels.mapping_file, integrations, adapters))


def channel_parts(
    settings: Settings,
    files: ChannelFiles,
    fail: Callable[[BaseException], None],
    monitor: PrometheusChannels | None = None,
    adapters: Mapping[str, AdapterSpec] = ADAPTERS,
) -> ChannelParts:
    """Build what owns accounts, on the running event loop; nothing is connected yet.

    Raises:
        SettingsError: the catalog file is wrong.
    """
    kafka = settings.kafka
    connection = KafkaConnection.of(kafka)
    products = load_catalog(settings.catalog.file)
    clock = HeldClock(settings.ledger.clock_skew_ms)
    tail = LedgerTail(
        connection=connection,
        topic=settings.topic(LEDGER),
        partitions=kafka.partitions,
        clock=clock,
        on_dropped=_nobody_hears if monitor is None else monitor.dropped,
    )
    shelf = MemoryShelf(
        kafka.partitions,
        lambda sku: partition_of(products.get(sku, sku), kafka.partitions),
        tail.is_fresh,
        tail.is_caught_up,
    )
    tail.listen(shelf)
    # Until the group was heard of for the first time nothing is sent.
    lease = Lease(kafka.session_timeout_seconds * LEASE_SHARE)
    lease.end()
    exchanges = Exchanges(now_ms, allow_loopback=settings.channels.allow_loopback)
    drift = SchemaDrift(_no_misfit if monitor is None else monitor.misfit)
    exceptions = KafkaChannelExceptions(
        connection, settings.topic(EventTopic.EXCEPTIONS.value), kafka.partitions
    )
    letters = KafkaDeadLetters(
        connection=connection,
        topic=settings.topic(DEAD_LETTERS),
        request_timeout_seconds=kafka.request_timeout_seconds,
    )
    channel_log = KafkaChannelLog(connection, settings.topic(CHANNEL_OUTCOMES), kafka.request_timeout_seconds)
    sink = LazyCommandSink(settings)
    worker = f"{socket.gethostname()}:{os.getpid()}"

    def is_leased() -> bool:
        return not lease.expired

    def new_account(integration: Integration, keeper: Keeper, restart: Callable[[Account], None]) -> Account:
        spec = adapters[integration.adapter]
        pace = AccountPace(now_ms)
        secrets = Secrets(integration.secrets or {})
        channel = spec.new_channel(Needs(integration, secrets, exchanges, pace, drift, now_ms))
        pace.begin(channel.caps.limits)
        return Account(
            AccountParts(
                integration=integration,
                channel=channel,
                pace=pace,
                mapping=files.mapping,
                mirror=shelf,
                keeper=keeper,
                monitor=SILENT_CHANNELS if monitor is None else monitor,
                exceptions=exceptions,
                misfits=lambda: drift.total(integration.channel),
                is_leased=is_leased,
                now_ms=now_ms,
                fail=fail,
                worker=worker,
                mended=secrets.mended,
                unmapped=lambda: unmapped.of(integration.name),
                mapping_wrong=lambda: (files.mapping.wrong or "").partition("\n")[0][:WRONG_CHARACTERS_MAX],
            ),
            restart,
        )

    def new_takes(accounts: Accounts) -> TakeInbound:
        return TakeInbound(
            sink=sink,
            letters=letters,
            mapping=files.mapping,
            integrations=files.integrations,
            accounts=accounts,
            monitor=SILENT_INBOUND if monitor is None else monitor,
        )

    owner = ChannelOwner(
        files.integrations,
        kafka.partitions,
        new_account=new_account,
        channel_log=channel_log,
        inbound_topic=settings.topic(CHANNEL_INBOUND),
        inbound_log=KafkaInboundLog(
            connection, settings.topic(CHANNEL_INBOUND), settings.topic(CHANNELS_GROUP)
        ),
        new_takes=new_takes,
        dead_letters=letters,
        mirror=shelf,
        mapping=files.mapping,
        is_leased=is_leased,
        fail=fail,
    )
    unmapped = UnmappedSkus(shelf, files.mapping, lambda: [account.integration for account in owner.accounts])
    if monitor is not None:
        monitor.watch(lambda: files.mapping.wrong is not None)
    return ChannelParts(
        owner,
        lease,
        (tail.run, owner.run, files.mapping.watch, exceptions.run, unmapped.run),
        tail.why_not_ready,
        (channel_log.close, letters.close, sink.close, exceptions.close, exchanges.close),
    )


def _nobody_hears(partition: int, rows: int) -> None:
    """Count nothing."""


def _no_misfit(channel: str, field: str, kind: str) -> None:
    """Count nothing."""
