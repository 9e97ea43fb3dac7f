"""The one who sends for an account: a token first, then whatever is most urgent at that moment."""

import asyncio
from collections.abc import Sequence
from itertools import islice
from typing import Final, Protocol

import structlog

from inventory_stream.flows.channels.board import Batch, Board
from inventory_stream.flows.channels.breaker import AccountBreaker
from inventory_stream.flows.channels.changes import Changes
from inventory_stream.flows.channels.gate import AUTH, Gate, May
from inventory_stream.flows.channels.parts import AccountParts
from inventory_stream.flows.channels.tasks import begun
from inventory_stream.ports.channel import ChannelError, Ended, Result
from models.channels import ListingRow

log = structlog.get_logger(__name__)

IDLE_SECONDS_MAX: Final = 1.0
"""Longest sleep with nothing to do. Changes, ends of requests and acts wake at once; only what has no event
of its own waits for it: that the group is heard of again."""

RETRY_SECONDS: Final = 0.02
"""Sleep where something is due but cannot be taken now (its group is in flight, say): the end of a request
wakes sooner."""

SLACK_SECONDS: Final = 5.0
"""Beyond what an adapter may take by its own bound of `CALLS_PER_PUSH` requests; then the push is given up as
ambiguous."""

CALLS_PER_PUSH: Final = 3
"""Requests of one push at most: itself, a new token, itself again."""

BULK_SECONDS_MAX: Final = 2 * 3_600.0
"""Longest that a feed or a bulk job is waited for; Amazon's take up to an hour or so?"""

STOP_SECONDS_MAX: Final = 2.0
"""What requests in flight get when the account is given up; then they are ambiguous for the next owner."""

_UNANSWERED: Final = frozenset({Result.RETRYABLE, Result.AMBIGUOUS})
_NOT_LET_IN: Final = _UNANSWERED | {Result.AUTH, Result.THROTTLED}


class HearsEnds(Protocol):
    """What becomes of requests."""

    def requested(self, batch: Batch, now_ms: int) -> None:
        """A request goes out now."""

    def ended(self, batch: Batch, ends: Sequence[Ended], now_ms: int) -> None:
        """A request ended; the board has not been told yet."""

    def kept(self, rows: Sequence[tuple[str, ListingRow]]) -> None:
        """Rows of listings are to be kept."""


class Sender:
    """Sends what the board says, at the pace of the account, as far as the gate lets it."""

    def __init__(
        self,
        parts: AccountParts,
        board: Board,
        changes: Changes,
        breaker: AccountBreaker,
        gate: Gate,
        hears: HearsEnds,
    ) -> None:
        self._fail: Final = parts.fail
        self._name: Final = parts.integration.name
        self._channel: Final = parts.channel
        self._pace: Final = parts.pace
        self._now_ms: Final = parts.now_ms
        self._board = board
        self._changes = changes
        self._breaker = breaker
        self._gate = gate
        self._hears = hears
        self._caps: Final = parts.channel.caps
        self._limit: Final = self._caps.limits[0].name
        self._is_awake: Final = asyncio.Event()
        self._pushing: Final[set[asyncio.Task[None]]] = set()
        self._bulk: asyncio.Task[None] | None = None
        self._reading: asyncio.Task[None] | None = None
        self.is_dry = False
        """Whether the board took for acknowledged what a log alone was shown: no look is to be kept then."""

    def wake(self) -> None:
        """Look again at what there is to do."""
        self._is_awake.set()

    @property
    def in_flight(self) -> int:
        """Requests under way."""
        return len(self._pushing) + (self._bulk is not None)

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            self._is_awake.clear()
            now_ms = self._now_ms()
            self._changes.drain(self._board, now_ms)
            self._keep_undead(now_ms)
            self._read_back(now_ms)
            self._send_bulk(now_ms)
            if await self._send_one() or self._changes.has_more:
                # The request's first bytes leave in the loop's next turn; and so do other accounts'.
                await asyncio.sleep(0)
                continue
            await self._sleep(self._now_ms())

    def _keep_undead(self, now_ms: int) -> None:
        rows = self._board.rows_in_step_again(now_ms)
        if rows and not self.is_dry:
            self._hears.kept(rows)

    async def settle(self) -> None:
        """Wait for requests under way, for `STOP_SECONDS_MAX` at most."""
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=STOP_SECONDS_MAX)

    async def stop(self) -> None:
        """Give requests under way up: how they end is for who comes next to find out."""
        late = self._under_way
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)

    @property
    def _under_way(self) -> set[asyncio.Task[None]]:
        return {*self._pushing, *(task for task in (self._bulk, self._reading) if task is not None)}

    async def _sleep(self, now_ms: int) -> None:
        is_shut = self._gate.may(now_ms) is May.NOTHING
        due_ms = self._breaker.until_ms if is_shut else self._board.next_due_ms(now_ms)
        seconds = IDLE_SECONDS_MAX if due_ms is None else (due_ms - now_ms) / 1_000
        if is_shut and seconds <= 0:
            seconds = IDLE_SECONDS_MAX
        try:
            async with asyncio.timeout(min(IDLE_SECONDS_MAX, max(RETRY_SECONDS, seconds))):
                await self._is_awake.wait()
        except TimeoutError:
            pass  # something is due

    # --- pushes ----------------------------------------------------------------------------------

    def _may_take(self, now_ms: int) -> tuple[bool, bool]:
        """Say whether a push may go out now, and whether it must be one of zeros."""
        may = self._gate.may(now_ms)
        free = self._caps.in_flight_max - len(self._pushing)
        if may is May.NOTHING or free <= 0 or (may is May.PROBE and self._pushing):
            return False, False
        # The last of several slots is kept for zeros: a slow channel must not hold them behind raises.
        is_zeros_only = may is May.ZEROS or (free == 1 and self._caps.in_flight_max > 1)
        if may is May.PROBE:
            # A look probes as well as a push, and changes nothing; without one the first push has to.
            is_zeros_only = self._caps.can_read_back
        return self._board.is_due(now_ms, zeros_only=is_zeros_only), is_zeros_only

    async def _send_one(self) -> bool:
        """Take a token, then a batch, and send it; say whether one was sent."""
        is_due, _ = self._may_take(self._now_ms())
        if not is_due:
            return False
        cost = self._caps.push_cost
        if not self._pace.try_first(self._limit, cost):
            await self._wait_for_token(cost)
        now_ms = self._now_ms()
        is_due, is_zeros_only = self._may_take(now_ms)
        batch = (
            self._board.take(now_ms, zeros_only=is_zeros_only, group_of=self._channel.group_of)
            if is_due
            else None
        )
        if batch is None:
            self._pace.give_back(self._limit, cost)
            return False
        task = begun(self._push(batch), self._fail)
        self._pushing.add(task)
        task.add_done_callback(self._pushed)
        return True

    async def _wait_for_token(self, cost: float) -> None:
        """Take a token, and hear of changes meanwhile: a channel may ask for a pause of 15 minutes."""
        following = begun(self._follow(), self._fail)
        try:
            await self._pace.take_first(self._limit, cost)
        finally:
            following.cancel()
            self.wake()  # what woke meanwhile may have been more than a change
        self._changes.drain(self._board, self._now_ms())

    async def _follow(self) -> None:
        """Have the board hear of changes until cancelled."""
        while True:
            self._is_awake.clear()
            self._changes.drain(self._board, self._now_ms())
            if self._changes.has_more:
                await asyncio.sleep(0)
            else:
                await self._is_awake.wait()

    def _pushed(self, task: asyncio.Task[None]) -> None:
        self._pushing.discard(task)
        self.wake()  # not before its slot is free

    def _send_bulk(self, now_ms: int) -> None:
        if (
            not self._caps.bulk_max
            or self._bulk is not None
            or self._gate.is_shadow
            or self._gate.may(now_ms) is not May.ALL
        ):
            return
        batch = self._board.take_bulk(now_ms)
        if batch is not None:
            self._bulk = begun(self._push(batch), self._fail)
            self._bulk.add_done_callback(self._bulk_ended)

    def _bulk_ended(self, _: asyncio.Task[None]) -> None:
        self._bulk = None
        self.wake()

    async def _push(self, batch: Batch) -> None:
        is_dry = self._gate.is_shadow
        self.is_dry |= is_dry
        self._hears.requested(batch, self._now_ms())
        try:
            async with asyncio.timeout(self._seconds_max(batch)):
                if batch.is_bulk:
                    ends = await self._channel.push_bulk(batch.pushes, batch.key)
                else:
                    ends = await self._channel.push(batch.pushes, batch.key, dry_run=is_dry)
        except TimeoutError:
            ends = [Ended(push.listing, Result.AMBIGUOUS, "no-end-in-time") for push in batch.pushes]
        except Exception as error:
            # A mistake in an adapter costs its batch a doubt, not all accounts their worker.
            log.exception("channel_adapter_failed", batch=batch.key)
            code = f"adapter-{type(error).__name__}"
            ends = [Ended(push.listing, Result.AMBIGUOUS, code) for push in batch.pushes]
        self._take_ends(batch, ends, is_dry=is_dry)

    def _seconds_max(self, batch: Batch) -> float:
        if batch.is_bulk:
            return BULK_SECONDS_MAX
        return self._caps.request_seconds * CALLS_PER_PUSH + SLACK_SECONDS

    def _take_ends(self, batch: Batch, ends: Sequence[Ended], *, is_dry: bool) -> None:
        now_ms = self._now_ms()
        if ends and any(end.result not in _UNANSWERED for end in ends):
            self._breaker.answered(is_let_in=any(end.result not in _NOT_LET_IN for end in ends))
        else:
            self._breaker.failed(now_ms)
        throttled = [end for end in ends if end.result is Result.THROTTLED]
        if throttled:
            said = [end.retry_at_ms for end in throttled if end.retry_at_ms is not None]
            self._pace.throttled(self._limit, max(said, default=None))
        refused = next((end for end in ends if end.result is Result.AUTH), None)
        if refused is not None:
            self._gate.refuse(refused.code, now_ms)
        elif not is_dry and any(end.result is Result.APPLIED for end in ends):
            self._gate.knocks.over()
        self._hears.ended(batch, ends, now_ms)
        rows = self._board.ended(batch, ends, now_ms)
        if not is_dry:  # as it was sent: the mode may be another one by now
            self._hears.kept(rows)

    # --- looks -----------------------------------------------------------------------------------

    def _read_back(self, now_ms: int) -> None:
        """Have the channel tell what it shows, where the board doubts it; one look at a time."""
        if self._reading is not None:
            return
        if self._caps.can_read_back and self._gate.may_knock(now_ms):
            self._knock(now_ms)
        if not self._gate.may_ask(now_ms):
            return
        listings = self._board.to_read_back(now_ms)
        if not listings and self._caps.can_read_back and self._gate.may(now_ms) is May.PROBE:
            listings = list(islice(self._board.listings, 1))  # any look tells whether the channel is back
        if listings:
            self._reading = begun(self._look(listings), self._fail)
            self._reading.add_done_callback(self._looked)

    def _knock(self, now_ms: int) -> None:
        """Ask for one listing: the adapter makes its token anew, the answer tells whether we are let in."""
        listings = list(islice(self._board.listings, 1))
        if listings:
            self._gate.knocks.begun(now_ms)
            log.info("channel_access_tried", integration=self._name)
            self._reading = begun(self._look(listings, is_knock=True), self._fail)
            self._reading.add_done_callback(self._looked)

    def _looked(self, _: asyncio.Task[None]) -> None:
        self._reading = None
        self.wake()

    async def _look(self, listings: Sequence[str], *, is_knock: bool = False) -> None:
        asked_ms = self._now_ms()
        try:
            async with asyncio.timeout(self._caps.request_seconds * CALLS_PER_PUSH + SLACK_SECONDS):
                shown = await self._channel.read_back(listings)
        except ChannelError as error:
            self.not_told(error)
            return
        except TimeoutError:
            self._breaker.failed(self._now_ms())
            return
        except Exception:
            log.exception("channel_adapter_failed", listings=len(listings))
            self._breaker.failed(self._now_ms())
            return
        self._breaker.answered()
        if is_knock:
            log.warning("channel_access_back", integration=self._name)
            self._gate.unpark(AUTH)
        now_ms = self._now_ms()
        rows = [
            self._board.observed(
                listing, shown.get(listing), now_ms, asked_ms=asked_ms, is_guarded=not self.is_dry
            )
            for listing in listings
        ]
        if not self.is_dry:
            self._hears.kept([row for row in rows if row is not None])

    def not_told(self, error: ChannelError) -> None:
        """Hear that the channel did not tell what was asked of it; a refusal is an answer, too."""
        if error.result in _UNANSWERED:
            self._breaker.failed(self._now_ms())
            return
        self._breaker.answered(is_let_in=error.result not in _NOT_LET_IN)
        if error.result is Result.AUTH:
            self._gate.refuse(error.code, self._now_ms())
