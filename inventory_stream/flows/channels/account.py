"""One account of a channel at its one owner: what is told it, what it told, what operators asked."""

import asyncio
import random
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final

import structlog
from msgspec.structs import replace

from inventory_stream.flows.channels.acts import Acting
from inventory_stream.flows.channels.board import FORMER_OWNER_MS, Batch, Board
from inventory_stream.flows.channels.bounds import report_within, text_within
from inventory_stream.flows.channels.breaker import AccountBreaker
from inventory_stream.flows.channels.carried import Carried
from inventory_stream.flows.channels.changes import Changes
from inventory_stream.flows.channels.figures import Figures
from inventory_stream.flows.channels.gate import AUTH, MASS_CHANGE, MASS_DRIFT, REVOKED, Gate
from inventory_stream.flows.channels.knocks import PAUSE_MS_MAX
from inventory_stream.flows.channels.moved import Moved
from inventory_stream.flows.channels.parts import AccountParts
from inventory_stream.flows.channels.reconcile import pause_seconds
from inventory_stream.flows.channels.sender import Sender
from inventory_stream.flows.channels.shadow import Shadow
from inventory_stream.flows.channels.sla import Sla
from inventory_stream.flows.channels.standing import standing
from inventory_stream.flows.channels.tasks import begun
from inventory_stream.ports.channel import ChannelError, Ended, Result
from models.channels import (
    ACCOUNT,
    CARRIED,
    MOVED,
    REPORT,
    STATUS,
    AccountRow,
    AccountTroubled,
    Act,
    CarriedRow,
    ChannelEvent,
    ListingRow,
    MovedRow,
    OrderNamed,
    OutcomeRow,
    ReportRow,
    account_key,
    checked_events,
    outcome_key,
)
from models.events import ChannelExceptionKind

log = structlog.get_logger(__name__)

STATUS_SECONDS: Final = 2.0
"""Between two rows of how the account stands: what `channels status` shows is at most so old."""

SCHEDULED: Final = "scheduled"
"""Stands in the report of a comparison that nobody asked for."""

EXCEPTIONS: Final[Mapping[str, ChannelExceptionKind]] = {
    AUTH: "channel_access_lost",
    REVOKED: "channel_access_lost",
    MASS_CHANGE: "channel_mass_change",
    MASS_DRIFT: "channel_mass_drift",
    "unsubscribed": "channel_unsubscribed",
}
"""What outside consumers are told when an account is parked, by its kind; other kinds are shown alone."""


class Account:
    """Implements `flows.channels.inbound.taking.Account`; one from its assignment to its revocation."""

    def __init__(self, parts: AccountParts, restart: Callable[["Account"], None]) -> None:
        """Begin with nothing known; `restart` has the account taken up anew from its rows."""
        integration = parts.integration
        self.integration: Final = integration
        self._parts: Final = parts
        self._restart: Final = restart
        self._now_ms: Final = parts.now_ms
        caps = parts.channel.caps
        self.board: Final = Board(
            caps,
            account=account_key(integration.channel, integration.account),
            raise_hold_ms=integration.raise_hold_ms,
            mass_change_share=integration.mass_change_share,
        )
        self.breaker: Final = AccountBreaker()
        self.gate: Final = Gate(
            integration.mode, self.breaker, parts.is_leased, self._keep_account, self._parked
        )
        self.sla: Final = Sla(integration, parts.now_ms())
        self.moved: Final = Moved(self.board.sku_of, self._keep_moved, parts.now_ms)
        self.carried: Final = Carried(self._keep_carried, parts.now_ms)
        self.changes: Final = Changes(
            parts.mapping,
            integration.channel,
            integration.account,
            parts.mirror,
            caps.units_max,
            self.moved.note,
        )
        self.figures: Final = Figures()
        self.shadow: Final = Shadow()
        self.sender: Final = Sender(parts, self.board, self.changes, self.breaker, self.gate, self)
        self.standing_sla = self.sla.look(0, parts.now_ms())
        self.acting: Final = Acting(self)
        self._tasks: list[asyncio.Task[None]] = []
        self._is_stopped = False
        self._orders_through_ms = 0
        self._orders_from_ms = 0
        """Before it no order is asked for while access is refused."""
        self._kept_back_until_ms = 0
        """When an operator let it send again: before that nothing was late."""

    @property
    def parts(self) -> AccountParts:
        """What it is made of."""
        return self._parts

    # --- the owner's side ------------------------------------------------------------------------

    def map_listings(self) -> None:
        """Take the mapping as it is now, before the start: at once, 3 s a million.

        `scan` then tells the board what each listing shows.
        """
        self.board.set_listings(
            {mapped.listing: mapped.sku for mapped in self.changes.listings}, self._now_ms()
        )
        self.changes.is_scan_due = True

    def remap(self) -> None:
        """Follow the mapping as it is now, in portions, while the account runs."""
        self.changes.remap(lambda: self.gate.row.stopped_listings)
        self.sender.wake()

    def known(self, last: str, row: OutcomeRow | None) -> None:
        """Take a kept row, by the last part of its key; of one key the last one counts."""
        if isinstance(row, ListingRow):
            self.board.known(last, row, self._now_ms())
            self.moved.told(last, row.sku)
        elif last.startswith(MOVED) and (row is None or isinstance(row, MovedRow)):
            self.moved.known(last.removeprefix(MOVED), row)
        elif last.startswith(CARRIED) and (row is None or isinstance(row, CarriedRow)):
            self.carried.known(last.removeprefix(CARRIED), row)
        elif isinstance(row, AccountRow):
            self.gate.row = row

    def succeed(self, former: "Account") -> None:
        """Go on, before the start, from what one that is taken up anew heard since its rows were read."""
        row = former.gate.row
        through_ms = max(row.orders_through_ms, former._orders_through_ms)  # noqa: SLF001  # of one class
        self.gate.row = replace(row, orders_through_ms=through_ms)
        self.moved.succeed(former.moved)
        self.carried.succeed(former.carried)

    def start(self) -> None:
        """Begin to send, as soon as the gate lets it."""
        self.moved.begin()
        self.carried.begin()
        now_ms = self._now_ms()
        row = self.gate.row
        self.board.begin(
            now_ms,
            is_all_doubtful=now_ms - row.at_ms < FORMER_OWNER_MS,
            is_mass_change=MASS_CHANGE in row.parked,
        )
        if row.stopped_listings:
            self.board.stop(row.stopped_listings, now_ms)
        if row.orders_through_ms:
            self.board.orders_through(row.orders_through_ms)
        if self.gate.is_killing:
            self.board.zeros_for_all(now_ms)
        self._parts.monitor.taken_up(self.integration.name)
        self._tasks = [
            begun(work, self._parts.fail) for work in (self.sender.run(), self._tell(), self._compare())
        ]

    async def suspend(self) -> None:
        """Send nothing more until `resume`; requests under way get their time."""
        self.gate.is_suspended = True
        await self.sender.settle()

    def resume(self) -> None:
        """Go on after a rebalance that left the account here."""
        self.gate.is_suspended = False
        self.sender.wake()

    async def stop(self) -> None:
        """Give the account up; bounded. Once is enough, but whoever was interrupted in it may begin again."""
        if self._is_stopped:
            return
        if not self.gate.is_suspended:  # else they had their time
            await self.suspend()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self.acting.stop()
        await self.sender.stop()
        self._is_stopped = True
        self._parts.monitor.given_up(self.integration.name)

    def changed(self, skus: Collection[str]) -> None:
        """Hear of SKUs that show other units now; waits for nothing."""
        if self.changes.note(skus, self._now_ms()):
            self.sender.wake()

    def scan(self) -> None:
        """Look at all listings: the ledger was read to its end, or the mapping changed."""
        self.changes.scan()
        self.sender.wake()

    def act(self, act: Act, offset: int) -> None:
        """Do what an operator asked, unless it was done; `offset` is that of its record."""
        row = self.gate.row
        if act.act_id == row.last_act_id or (offset <= row.last_act_offset and act.at_ms <= row.at_ms):
            return
        act = replace(act, reason=text_within(act.reason))
        log.info("channel_act", integration=self.integration.name, kind=act.kind, by=act.by)
        was_shadow, was_off = self.gate.is_shadow, self.gate.mode == "off"
        self.gate.change(
            last_act_id=act.act_id,
            last_act_offset=offset,
            by=act.by,
            reason=act.reason,
            at_ms=act.at_ms,
            **self.acting.fields_of(act),
        )
        if was_shadow and not self.gate.is_shadow:
            # The board believes what was only shown to a log: it is made anew from what was acknowledged.
            self._restart(self)
            return
        if was_off and self.gate.mode != "off":
            self._kept_back_until_ms = self._now_ms()
        self.acting.do(act)
        self._tell_once()  # somebody waits before a screen
        self.sender.wake()

    # --- what deliveries tell --------------------------------------------------------------------

    async def events_of(self, named: OrderNamed) -> Sequence[ChannelEvent]:
        """Ask the channel what happened to an order; see `flows.channels.inbound.taking.Account`.

        Where access is refused the sender's looks find out whether it is back; this asks seldom by itself.
        """
        refused = self.gate.row.parked.get(AUTH)
        if refused is not None and self._now_ms() < self._orders_from_ms:
            raise ChannelError(Result.AUTH, refused)
        try:
            return checked_events(await self._parts.channel.events_of(named))
        except ChannelError as error:
            if error.result is Result.AUTH:
                self._orders_from_ms = self._now_ms() + PAUSE_MS_MAX
            if error.result is not Result.PERMANENT:
                self.sender.not_told(error)
            raise
        except Exception as error:
            # A mistake in an adapter costs its order a letter, not all accounts their worker.
            log.exception("channel_adapter_failed", integration=self.integration.name)
            raise ChannelError(Result.PERMANENT, f"adapter-{type(error).__name__}") from None

    @property
    def requests_answered(self) -> int:
        """Pushes and looks that the channel has answered since the account was taken up."""
        return self.breaker.answers

    def observed(self, listing: str, units: int, at_ms: int) -> None:
        """Hear what the channel showed at a time by its clock: a hint, looked into where it is news."""
        self.board.hinted(listing, units, at_ms, self._now_ms())
        self.sender.wake()

    def troubled(self, trouble: AccountTroubled) -> None:
        """Hear that the channel takes our access away, or will."""
        log.error(
            "channel_trouble", integration=self.integration.name, kind=trouble.kind, detail=trouble.detail
        )
        self.gate.park(trouble.kind, trouble.detail or trouble.kind)
        self.figures.erred(trouble.kind, self._now_ms())

    def orders_through(self, at_ms: int) -> None:
        """Hear that orders up to this time have come in."""
        self.board.orders_through(at_ms)
        if at_ms > self.gate.row.orders_through_ms:
            # Kept with the next status, not with each order: without it raises wait a little longer.
            self._orders_through_ms = at_ms
        self.sender.wake()

    async def notes_kept(self) -> None:
        """Return when the notes that lines were read by are durable: a repeat is then read alike."""
        keeper = self._parts.keeper
        is_waiting = self.carried.take_asked()
        for listing, row in self.moved.take_asked().items():
            key = self.key(f"{MOVED}{listing}")
            if keeper.is_waiting(key):
                keeper.keep_account(key, row)
                is_waiting = True
        if is_waiting:
            await keeper.accounts_kept()

    # --- what becomes of requests ----------------------------------------------------------------

    def requested(self, batch: Batch, now_ms: int) -> None:
        """Count a request that goes out."""
        self.figures.requested(len(batch.pushes), now_ms)
        if self.gate.is_shadow:
            self.shadow.note(self.board, batch, self.changes, now_ms)

    def ended(self, batch: Batch, ends: Sequence[Ended], now_ms: int) -> None:
        """Count how a request ended, and time what it brought there."""
        name, monitor, figures = self.integration.name, self._parts.monitor, self.figures
        pushes = {push.listing: push for push in batch.pushes}
        for end in ends:
            push = pushes.get(end.listing)
            monitor.ended(name, end.result)
            if end.result is not Result.APPLIED or push is None:
                figures.failed += 1
                figures.erred(f"{end.result}: {end.code}", now_ms)
                continue
            figures.last_acknowledged_ms = now_ms
            heard_ms = self.changes.heard_ms(push.listing, push.version, push.units)
            if heard_ms is None:
                continue
            kept_back_until_ms = max(self.board.released_ms(push.listing), self._kept_back_until_ms)
            way_ms = max(0, now_ms - max(heard_ms, kept_back_until_ms))
            figures.push_ms.add(way_ms)
            self.sla.acknowledged(way_ms, now_ms)
            if push.units == 0:
                figures.zero_ms.add(way_ms)
            monitor.acknowledged(name, way_ms / 1_000, is_zero=push.units == 0)

    def kept(self, rows: Sequence[tuple[str, ListingRow]]) -> None:
        """Have rows of listings kept; one that died is counted, once, whatever becomes of it."""
        for listing, row in rows:
            if row.dead is not None:
                self.sla.died(self._now_ms())
                self.changes.forget(listing)
        self.keep(rows)

    def keep(self, rows: Sequence[tuple[str, ListingRow]]) -> None:
        """Have rows of listings kept."""
        self._parts.keeper.keep((self.key(listing), row) for listing, row in rows)

    # --- what is told of it ----------------------------------------------------------------------

    def key(self, listing: str) -> str:
        """Name a row of the account."""
        return outcome_key(self.integration.channel, self.integration.account, listing)

    def report(self, report: ReportRow) -> None:
        """Have the report of a comparison kept."""
        self._parts.keeper.keep([(self.key(REPORT), report_within(report))])

    def _parked(self, kind: str, why: str) -> None:
        log.error("channel_parked", integration=self.integration.name, kind=kind, reason=why)
        told = EXCEPTIONS.get(kind)
        if told is not None:
            self._tell_outside(told, why, self._now_ms())

    def _tell_outside(self, kind: ChannelExceptionKind, why: str, at_ms: int) -> None:
        integration = self.integration
        self._parts.exceptions.tell(kind, integration.channel, integration.account, at_ms=at_ms, reason=why)

    def _keep_moved(self, listing: str, row: MovedRow | None) -> None:
        self._parts.keeper.keep([(self.key(f"{MOVED}{listing}"), row)])

    def _keep_carried(self, reservation_id: str, row: CarriedRow | None) -> None:
        self._parts.keeper.keep_account(self.key(f"{CARRIED}{reservation_id}"), row)

    def _keep_account(self, row: AccountRow) -> None:
        self._parts.keeper.keep_account(self.key(ACCOUNT), row)

    async def _tell(self) -> None:
        """Write how the account stands, again and again."""
        while True:
            self._look()
            self._tell_once()
            if (report := self.shadow.report(self._now_ms())) is not None:
                self.report(report)
            await asyncio.sleep(STATUS_SECONDS)

    def _tell_once(self) -> None:
        status = standing(self)
        self._parts.monitor.stands(self.integration.name, status)
        self._parts.keeper.keep([(self.key(STATUS), status)])

    async def _compare(self) -> None:
        """Compare with what the channel shows, again and again, where it can tell."""
        while self._parts.channel.caps.can_read_back:
            # Not for secrets: so that accounts of one worker do not all read at once.
            await asyncio.sleep(pause_seconds(self.integration.reconcile_seconds, random.random()))  # noqa: S311
            if self.gate.may_ask(self._now_ms()) and not self.acting.is_comparing:
                self.acting.reconcile(SCHEDULED, repairs=True)

    def _look(self) -> None:
        """Follow what has no event of its own."""
        if self._orders_through_ms > self.gate.row.orders_through_ms:
            self.gate.change(orders_through_ms=self._orders_through_ms)
        board = self.board
        change = board.mass_change
        if change is None:
            self.gate.unpark(MASS_CHANGE)
        else:
            self.gate.park(
                MASS_CHANGE,
                f"{change.zeros} of {change.acknowledged} listings would go to zero and {change.jumps} jump "
                "within a minute: `channels approve` or `channels refuse`",
            )
        drift = board.mass_drift
        if drift is not None:
            self.gate.park(MASS_DRIFT, f"{drift.listings} of {drift.acknowledged} listings differ")
        was_met = self.standing_sla.is_met
        # What an operator keeps back is not late.
        now_ms = self._now_ms()
        oldest_ms = min(board.oldest_waiting_ms(now_ms), now_ms - self._kept_back_until_ms)
        self.standing_sla = self.sla.look(oldest_ms if self.gate.mode == "on" else 0, now_ms)
        if was_met and not self.standing_sla.is_met:
            self._tell_outside("channel_sla_breached", self.standing_sla.why, self.standing_sla.since_ms)
