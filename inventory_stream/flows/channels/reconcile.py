"""Compares what the ledger publishes, what a channel acknowledged and what it shows; mends through the lanes.

Three sides of each listing: published (what it shall show), acknowledged (what the channel last took) and
observed (what it shows when asked). Only listings that are idle are compared: while something waits, flies
or settles, sides differ because they must. Mending is one more push of today's quantity, so that a wrong
look costs a request and nothing else.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, NamedTuple, Protocol

from inventory_stream.flows.channels.board import Sides
from inventory_stream.ports.channel import Channel, ChannelError, Result
from inventory_stream.ports.integrations import MappedListing
from models.channels import Differing, ListingRow, ReportRow

MASS_DRIFT_LISTINGS_MIN: Final = 20
"""Fewer differing listings than this are mended whatever their share is: three of an account's five."""
DIFFERING_KEPT_MAX: Final = 1_000
"""Differing listings of a report: 300 KB of its record; the rest is counted."""
BLOCK_LISTINGS: Final = 1_000
"""Compared before the first of them is mended. Fewer would mend a mass drift before it looks like one; more
would let drift stand for the minutes that a slow channel's read back takes."""
RUN_SECONDS_MAX: Final = 3_600.0
"""Longest run; the next one goes on behind it. At 2 requests/s of 100 listings these are 720,000."""
PORTION_TRIES_MAX: Final = 3
"""Tries of one portion; then the run ends and says why."""
RETRY_SECONDS_MAX: Final = 60.0
"""Longest wait between two tries, whatever the channel says."""
QUIET_SECONDS_MAX: Final = 5.0
"""Longest that a portion lets pushes pass before it: an account that always has some is read, too."""
QUIET_LOOK_SECONDS: Final = 0.1

_MASS_DRIFT: Final = "mass drift: nothing was mended; look at what differs, then `channels approve`"
_MAY_PASS: Final = {Result.RETRYABLE, Result.THROTTLED, Result.AMBIGUOUS}


class Compared(Protocol):
    """The board of the account."""

    def sides(self, listing: str, now_ms: int) -> Sides:
        """Give what it knows of a listing; a listing that it does not have is not idle."""

    def observed(
        self,
        listing: str,
        units: int,
        now_ms: int,
        asked_ms: int | None = None,
        *,
        is_guarded: bool = True,
    ) -> tuple[str, ListingRow] | None:
        """Hear what the channel shows; what differs from the wanted quantity is sent again, by its lane."""

    def hold_drift(self) -> None:
        """Keep back what is heard of from now on: it counts as exposure, and is not sent."""


class Looked(NamedTuple):
    """What a reconcile works with.

    `board` is the account's; `listings` gives its mapped listings as they are now. More than
    `mass_change_share` of the compared ones differing is a mass drift. `is_busy`: pushes wait, and go first.
    `wake`: called when something is to be sent.
    """

    channel: Channel
    board: Compared
    listings: Callable[[], Sequence[MappedListing]]
    now_ms: Callable[[], int]
    mass_change_share: float
    is_busy: Callable[[], bool]
    wake: Callable[[], None]
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep


class Reconcile:
    """Comparisons of one account, one at a time. `read_back` takes its tokens from the account's budget."""

    def __init__(self, looked: Looked) -> None:
        self._looked = looked
        # Where the next scheduled run begins: behind what a run that was out of time has read.
        self._next = 0

    async def run(
        self, act_id: str, *, repairs: bool, only: Sequence[str] = (), allows_mass: bool = False
    ) -> ReportRow:
        """Compare all listings, or only some, and mend what differs.

        Args:
            act_id: Of the operator's act, or a word for a scheduled run; stands in the report.
            repairs: False: only tell. So also where nothing may be sent (off, shadow).
            only: Listings; empty: all.
            allows_mass: Mend a mass drift, too: somebody has looked and approved.

        Returns:
            The report, also of a run that ended early: `error` says why. With `is_mass_drift` nothing was
            mended from then on, and the account is to be parked until somebody has looked.
        """
        run = _Run(self._looked, act_id, repairs=repairs, allows_mass=allows_mass)
        if not self._looked.channel.caps.can_read_back:
            return run.report("this channel does not tell what it shows")
        rows = self._looked.listings()
        if only:
            wanted = set(only)
            return await run.over([row for row in rows if row.listing in wanted])
        begin = self._next if self._next < len(rows) else 0
        report = await run.over(rows, begin)
        self._next = (begin + run.done) % max(1, len(rows))
        return report


class _Run:
    """One comparison."""

    def __init__(self, looked: Looked, act_id: str, *, repairs: bool, allows_mass: bool) -> None:
        self._looked = looked
        self._act_id = act_id
        self._repairs = repairs
        self._allows_mass = allows_mass
        self._begun_ms = looked.now_ms()
        self.done = 0
        self._compared = 0
        self._unreadable = 0
        self._under_way = 0
        self._drifted = 0
        self._repaired = 0
        self._is_mass_drift = False
        self._differing: list[Differing] = []
        self._block: list[tuple[str, int, int]] = []
        self._block_end = BLOCK_LISTINGS

    async def over(self, rows: Sequence[MappedListing], begin: int = 0) -> ReportRow:
        """Compare these, in portions, from one of them on and around."""
        size = max(1, self._looked.channel.caps.read_back_max)
        error = ""
        while self.done < len(rows) and not error:
            places = range(self.done, min(self.done + size, len(rows)))
            portion = [rows[(begin + place) % len(rows)] for place in places]
            error = await self._compare(portion)
            if error:
                break
            self.done += len(portion)
            if self.done >= self._block_end:
                self._block_end = self.done + BLOCK_LISTINGS
                error = self._mend()
            if self._looked.now_ms() - self._begun_ms > RUN_SECONDS_MAX * 1_000 and self.done < len(rows):
                error = error or f"out of time after {self.done:,} of {len(rows):,}; the next run goes on"
        return self.report(self._mend() or error)

    async def _compare(self, rows: Sequence[MappedListing]) -> str:
        """Read a portion and compare it; give why it cannot be, "" when it was."""
        await self._until_quiet()
        looked = self._looked
        before = {row.listing: looked.board.sides(row.listing, looked.now_ms()) for row in rows}
        asked = [listing for listing, sides in before.items() if sides.is_idle]
        self._under_way += len(rows) - len(asked)
        if not asked:
            return ""
        asked_ms = looked.now_ms()
        try:
            shown = await self._read(asked)
        except ChannelError as error:
            return f"the channel does not tell: {error.result}: {error.code}"
        now_ms = looked.now_ms()
        for row in rows:
            sides = before[row.listing]
            # What changed while the channel was asked says nothing: the answer may be of before or after.
            if sides.is_idle and looked.board.sides(row.listing, now_ms) == sides:
                self._judge(row, sides, shown.get(row.listing), asked_ms)
            elif sides.is_idle:
                self._under_way += 1
        return ""

    def _judge(self, row: MappedListing, sides: Sides, observed: int | None, asked_ms: int) -> None:
        if observed is None:
            self._unreadable += 1
            return
        self._compared += 1
        if observed == sides.published:
            return
        self._drifted += 1
        self._block.append((row.listing, observed, asked_ms))
        if len(self._differing) < DIFFERING_KEPT_MAX:
            self._differing.append(
                Differing(row.listing, row.sku, sides.published, sides.acknowledged, observed)
            )

    async def _read(self, listings: Sequence[str]) -> Mapping[str, int]:
        for tried in range(1, PORTION_TRIES_MAX + 1):
            try:
                return await self._looked.channel.read_back(listings)
            except ChannelError as error:
                if error.result not in _MAY_PASS or tried == PORTION_TRIES_MAX:
                    raise
                until = (error.retry_at_ms or 0) - self._looked.now_ms()
                await self._looked.pause(min(RETRY_SECONDS_MAX, max(float(tried), until / 1_000)))
        raise AssertionError("the last try returns or raises")

    async def _until_quiet(self) -> None:
        waited = 0.0
        while waited < QUIET_SECONDS_MAX and self._looked.is_busy():
            await self._looked.pause(QUIET_LOOK_SECONDS)
            waited += QUIET_LOOK_SECONDS

    def _mend(self) -> str:
        """Hand what differs to the board; give why not, "" when it was."""
        if self._is_mass_drift:
            return _MASS_DRIFT
        if self._drifted >= MASS_DRIFT_LISTINGS_MIN and not self._allows_mass:
            share = self._drifted / self._compared
            if share > self._looked.mass_change_share:
                self._is_mass_drift = True
                if self._repairs:
                    self._looked.board.hold_drift()
                    self._tell_board()
                return _MASS_DRIFT
        if self._repairs and self._block:
            self._repaired += self._tell_board()
            self._looked.wake()
        self._block.clear()
        return ""

    def _tell_board(self) -> int:
        """Hand what differs to the board; give how many were."""
        board, now_ms = self._looked.board, self._looked.now_ms()
        # A change that came since is on its way already, and newer than what was seen.
        block = [seen for seen in self._block if board.sides(seen[0], now_ms).is_idle]
        for listing, observed, asked_ms in block:
            board.observed(listing, observed, now_ms, asked_ms, is_guarded=not self._allows_mass)
        return len(block)

    def report(self, error: str) -> ReportRow:
        """Tell how it ended."""
        return ReportRow(
            act_id=self._act_id,
            begun_ms=self._begun_ms,
            ended_ms=self._looked.now_ms(),
            compared=self._compared,
            agreed=self._compared - self._drifted,
            unreadable=self._unreadable,
            differing_count=self._drifted,
            repaired=self._repaired,
            is_mass_drift=self._is_mass_drift,
            error=error,
            differing=tuple(self._differing),
            under_way=self._under_way,
        )


def pause_seconds(reconcile_seconds: float, chance: float) -> float:
    """Give the time to the next scheduled run: the set one, a tenth more or less by `chance` in 0..1.

    So that accounts of one worker, which start together, do not read together for ever.
    """
    return reconcile_seconds * (0.9 + 0.2 * chance)
