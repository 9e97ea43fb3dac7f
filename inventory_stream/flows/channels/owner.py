"""The partitions of `channel-inbound` that one worker has, and the accounts that are its own by them."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Final, Protocol

import structlog
from msgspec.structs import replace

from inventory_stream.flows.channels.account import Account
from inventory_stream.flows.channels.held import Held
from inventory_stream.flows.channels.inbound.taking import Accounts, Place, TakesInbound
from inventory_stream.flows.channels.intake import Intake, RereadsInbound, has_delivery
from inventory_stream.flows.channels.keeper import Keeper
from inventory_stream.flows.channels.tasks import begun
from inventory_stream.flows.channels.units import LedgerMirror
from inventory_stream.ports.channel_log import ChannelLog
from inventory_stream.ports.dead_letters import DeadLetter, DeadLetters
from inventory_stream.ports.inputs import InputRecord
from inventory_stream.ports.integrations import CatalogMapping, Integration
from models.channels import Act, Inbound, account_key, decode_inbound
from models.ids import decode_id, partition_of

log = structlog.get_logger(__name__)

LOOK_SECONDS: Final = 0.2
"""Between looks whether the ledger was read to its end, and whether the mapping changed. No change of stock
waits for it: those come by themselves."""


class InboundLog(RereadsInbound, Protocol):
    """`channel-inbound`: where the group goes on, and what was handed over before."""

    async def start_of(self, partitions: frozenset[int]) -> Mapping[int, int]:
        """Give the offset to read each partition from."""


NewAccount = Callable[[Integration, Keeper, Callable[[Account], None]], Account]


class ChannelOwner:
    """A `HostedPartitions` of `channel-inbound`; also finds accounts for `flows/channels/inbound`.

    The partition of an account is that of its key. Its owner alone tells the channel anything and alone
    writes its rows, so budgets, order and the revision guard need no lock between workers.
    """

    def __init__(  # noqa: PLR0913  # the composition root's list
        self,
        integrations: Sequence[Integration],
        partitions: int,
        *,
        new_account: NewAccount,
        channel_log: ChannelLog,
        inbound_topic: str,
        inbound_log: InboundLog,
        new_takes: Callable[[Accounts], TakesInbound],
        dead_letters: DeadLetters,
        mirror: LedgerMirror,
        mapping: CatalogMapping,
        is_leased: Callable[[], bool],
        fail: Callable[[BaseException], None],
    ) -> None:
        self._count: Final = partitions
        self._of_partition: Final[dict[int, list[Integration]]] = {}
        for one in integrations:
            partition = partition_of(account_key(one.channel, one.account), partitions)
            self._of_partition.setdefault(partition, []).append(one)
        self._new_account = new_account
        self._log = channel_log
        self._inbound_topic = inbound_topic
        self._inbound = inbound_log
        self._takes: Final = new_takes(self)
        self._dead_letters = dead_letters
        self._mirror = mirror
        self._mapping = mapping
        self._is_leased = is_leased
        self._fail = fail
        self._partitions: Final[dict[int, Held]] = {}
        self._left_at: Final[dict[int, int]] = {}
        self._accounts: Final[dict[str, Account]] = {}
        self._mapped = mapping.version
        self._is_suspended = False
        mirror.subscribe_all(self._changed)

    # --- what others ask -------------------------------------------------------------------------

    def of(self, channel: str, account: str) -> Account | None:
        """Find an account of this worker; see `flows.channels.inbound.taking.Accounts`."""
        return self._accounts.get(account_key(channel, account))

    @property
    def accounts(self) -> Collection[Account]:
        """All accounts of this worker."""
        return self._accounts.values()

    async def run(self) -> None:
        """Follow the mapping, and when the ledger was read to its end, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if self._mapping.version != self._mapped:
                self._mapped = self._mapping.version
                for account in self._accounts.values():
                    account.remap()
            if self._mirror.is_all_read():
                for account in self._accounts.values():
                    if account.changes.is_scan_due:
                        account.scan()

    def _changed(self, skus: Collection[str]) -> None:
        for account in self._accounts.values():
            account.changed(skus)

    # --- partitions ------------------------------------------------------------------------------

    async def assigned(self, added: frozenset[int], retained: frozenset[int]) -> None:
        """Take accounts up from their rows; those that stayed go on."""
        starts = await self._inbound.start_of(added) if added else {}
        await asyncio.gather(*(self._take_up(partition, starts[partition]) for partition in added))
        for partition in retained:
            for account in self._partitions[partition].accounts.values():
                account.resume()
        self._is_suspended = False

    async def _take_up(self, partition: int, start: int) -> None:
        keeper = Keeper(self._log, partition, self._is_leased, self._fail)
        intake = Intake(self._inbound_topic, partition, self._takes, self._inbound, self._fail)
        held = Held(keeper, intake, start)
        for integration in self._of_partition.get(partition, ()):
            key = account_key(integration.channel, integration.account)
            held.accounts[key] = self._new_account(integration, keeper, self._restart)
            # A million listings take 3 s: in a thread, so that the group hears of us meanwhile. Nobody else
            # knows the account yet.
            await asyncio.to_thread(held.accounts[key].map_listings)
        if held.accounts:
            await self._remember(partition, held.accounts)
        self._partitions[partition] = held
        self._left_at.pop(partition, None)
        keeper.start()
        for key, account in held.accounts.items():
            self._accounts[key] = account
            account.start()
            log.info("channel_taken_up", integration=account.integration.name, mode=account.gate.mode)

    async def _remember(self, partition: int, accounts: Mapping[str, Account]) -> None:
        """Tell accounts what was kept of them."""
        async for rows in self._log.history(partition):
            for key, row in rows:
                owner, _, last = key.rpartition("/")
                account = accounts.get(owner)
                if account is not None:
                    account.known(decode_id(last), row)
            await asyncio.sleep(0)

    async def suspend(self) -> None:
        """Send nothing more until `assigned` says whose accounts they are; bounded."""
        self._is_suspended = True
        await asyncio.gather(*(account.suspend() for account in self._accounts.values()))

    async def revoked(self, partitions: frozenset[int]) -> None:
        """Give accounts up, and have their last rows kept; bounded."""
        await asyncio.gather(*(self._give_up(partition) for partition in partitions))

    async def _give_up(self, partition: int) -> None:
        held = self._partitions[partition]
        # First: a delivery that is under way would not find its account, and be buried.
        await held.intake.stop()
        await held.stop_anew()
        if (first := held.first_untaken()) is not None:
            self._left_at[partition] = first
        del self._partitions[partition]
        for key in held.accounts:
            self._accounts.pop(key, None)
        await asyncio.gather(*(account.stop() for account in held.accounts.values()))
        await held.keeper.close()

    def _restart(self, account: Account) -> None:
        key = account_key(account.integration.channel, account.integration.account)
        partition = partition_of(key, self._count)
        held = self._partitions.get(partition)
        if held is not None and held.accounts.get(key) is account:
            held.begin_anew(key, begun(self._take_up_anew(partition, held, key), self._fail))

    async def _take_up_anew(self, partition: int, held: Held, key: str) -> None:
        """Put an account that knows no more than its rows in the place of one; cancelled by `stop_anew`."""
        former = held.accounts[key]
        await former.stop()
        await held.keeper.kept()
        fresh = self._new_account(former.integration, held.keeper, self._restart)
        mapped = self._mapping.version
        await asyncio.to_thread(fresh.map_listings)
        await self._remember(partition, {key: fresh})
        fresh.succeed(former)
        if self._mapping.version != mapped:
            fresh.remap()
        fresh.gate.is_suspended = self._is_suspended
        self._accounts[key] = fresh
        fresh.start()
        held.end_anew(key, fresh)

    # --- records ---------------------------------------------------------------------------------

    def next_offset(self, topic: str, partition: int) -> int:
        """Say where the group goes on."""
        del topic
        return self._partitions[partition].next_offset

    def first_untaken(self, partition: int) -> int | None:
        """Say which record the group must not pass over yet; None: all that was handed over is taken."""
        held = self._partitions.get(partition)
        return self._left_at.get(partition) if held is None else held.first_untaken()

    async def put(
        self,
        topic: str,
        partition: int,
        records: Sequence[InputRecord],
        done: Callable[[], Awaitable[None]],
    ) -> None:
        """Have acts done, and deliveries taken by and by: no account holds another one's up.

        All is `done` at once; `first_untaken` tells from where the next owner has to read.
        """
        held = self._partitions[partition]
        deliveries: list[tuple[Inbound, Place]] = []
        letters: list[DeadLetter] = []
        for record in records:
            try:
                inbound = decode_inbound(record.value or b"")
            except ValueError as error:
                letters.append(
                    DeadLetter(
                        topic,
                        partition,
                        record.offset,
                        None,
                        str(error),
                        record.key,
                        record.value,
                        record.timestamp,
                    )
                )
                continue
            self._do_acts(held, inbound, record)
            if has_delivery(inbound):
                place = Place(topic, partition, record.offset, record.key, record.timestamp)
                deliveries.append((inbound, place))
        if letters:
            log.warning("channel_inbound_unreadable", partition=partition, records=len(letters))
            await self._dead_letters.write(letters)
            if held.intake.is_stopped:
                return  # the partition went meanwhile: its next owner reads all of this again
        held.next_offset = records[-1].offset + 1
        held.intake.put(deliveries, held.next_offset)
        await done()

    def _do_acts(self, held: Held, inbound: Inbound, record: InputRecord) -> None:
        key = account_key(inbound.channel, inbound.account)
        for event in inbound.events:
            # By the broker's clock: those of two operators may differ.
            if isinstance(event, Act) and not held.act(
                key, replace(event, at_ms=record.timestamp), record.offset
            ):
                log.warning("channel_act_for_nobody", channel=inbound.channel, account=inbound.account)
