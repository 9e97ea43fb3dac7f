"""The check before a flag goes on: one listing is read, told what the ledger says, and read again.

Nothing that is not true is ever sent, so a check in a live shop sells nothing twice. It shows that the
address, the access, the listing's id and the form of a request are right, for one listing.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Final, NamedTuple, Protocol
from uuid import UUID, uuid5

from inventory_stream.flows.channels.board import Sides
from inventory_stream.ports.channel import Channel, ChannelError, Push, Result
from inventory_stream.ports.integrations import MappedListing
from inventory_stream.ports.projection import Version
from models.channels import Differing, ListingRow, ReportRow

SETTLE_SECONDS_MAX: Final = 60.0
"""Longest wait before the second look: somebody sits before the screen. A channel that shows what it took
only after half an hour is compared by the next reconcile."""

_NAMESPACE: Final = UUID("631fde36-9605-44f2-8dc1-88a519bfedfd")
"""Of the keys of smoke checks: each is a new request, also when the quantity is the same."""


class SmokeBoard(Protocol):
    """The board of the account."""

    def sides(self, listing: str, now_ms: int) -> Sides:
        """Give what it knows of a listing."""

    def wanted(self, listing: str) -> tuple[Version, int] | None:
        """Give what the listing shall show."""

    def stop(self, listings: Collection[str], now_ms: int) -> None:
        """Send nothing of these by the lanes."""

    def resume(self, listings: Collection[str], now_ms: int) -> None:
        """Undo `stop`."""

    def observed(
        self, listing: str, units: int | None, now_ms: int, asked_ms: int | None = None
    ) -> tuple[str, ListingRow] | None:
        """Hear what the channel shows."""


class Smoked(NamedTuple):
    """What a check works with. `is_sending`: the mode is on; `stopped`: what an operator stopped."""

    channel: Channel
    board: SmokeBoard
    listings: Callable[[], Sequence[MappedListing]]
    now_ms: Callable[[], int]
    is_sending: bool
    stopped: Callable[[], Collection[str]]
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep


class _FailedError(Exception):
    """The check ends; the text says why, without secrets."""


async def smoke(smoked: Smoked, act_id: str, listing: str | None = None) -> ReportRow:
    """Check an account with one listing: this one, or the first that the ledger knows and nobody stopped.

    Returns:
        A report of one listing; `error` is "" when all went well, else what failed and the way out. Where it
        compared one and failed the caller sets a mode that was on to off.
    """
    begun_ms = smoked.now_ms()
    error, differing = "", None
    compared = 0
    try:
        row, version, units = _chosen(smoked, listing)
        compared = 1
        differing = await _checked(smoked, act_id, row, version, units)
    except _FailedError as failed:
        error = str(failed)
    except ChannelError as failed:
        error = f"the channel does not tell what it shows: {failed.result}: {failed.code}"
    if differing is not None:
        error = (
            f"told {differing.published} of {differing.listing}, but the channel shows {differing.observed}: "
            "look at the mapping, and whether somebody else sets stock there"
        )
    return ReportRow(
        act_id=act_id,
        begun_ms=begun_ms,
        ended_ms=smoked.now_ms(),
        compared=compared,
        agreed=0 if error else 1,
        unreadable=0,
        differing_count=0 if differing is None else 1,
        repaired=0,
        error=error,
        differing=() if differing is None else (differing,),
    )


def _chosen(smoked: Smoked, listing: str | None) -> tuple[MappedListing, Version, int]:
    stopped = smoked.stopped()
    for row in smoked.listings():
        if row.listing in stopped or (listing is not None and row.listing != listing):
            continue
        wanted = smoked.board.wanted(row.listing)
        if wanted is None:
            continue
        if smoked.is_sending and not smoked.board.sides(row.listing, smoked.now_ms()).is_idle:
            # One request of a listing is in flight at a time, and this one would be a second.
            continue
        return row, *wanted
    named = "no listing can" if listing is None else f"{listing!r} cannot"
    raise _FailedError(
        f"{named} be checked: it must be mapped to a SKU that the ledger knows, not be stopped, and have "
        "nothing under way"
    )


async def _checked(
    smoked: Smoked, act_id: str, row: MappedListing, version: Version, units: int
) -> Differing | None:
    """Read, tell, read again; give where the second look differs from what was told."""
    await _look(smoked, row)
    smoked.board.stop([row.listing], smoked.now_ms())
    try:
        now_ms = smoked.now_ms()
        push = Push(row.listing, version, units, now_ms)
        ends = await smoked.channel.push([push], str(uuid5(_NAMESPACE, act_id)))
        end = next((end for end in ends if end.listing == row.listing), None)
        if end is None or end.result is not Result.APPLIED:
            said = "the answer does not name it" if end is None else f"{end.result}: {end.code}"
            raise _FailedError(f"{row.listing} was not taken: {said}")
        await smoked.pause(min(SETTLE_SECONDS_MAX, smoked.channel.caps.settle_seconds))
        if smoked.channel.caps.settle_seconds > SETTLE_SECONDS_MAX:
            return None
        observed = await _look(smoked, row)
    finally:
        if row.listing not in smoked.stopped():  # else somebody stopped it meanwhile
            smoked.board.resume([row.listing], smoked.now_ms())
    if observed is None or observed == units:
        return None
    return Differing(row.listing, row.sku, units, units, observed)


async def _look(smoked: Smoked, row: MappedListing) -> int | None:
    """Give what the channel shows; None: it never tells."""
    if not smoked.channel.caps.can_read_back:
        return None
    asked_ms = smoked.now_ms()
    shown = await smoked.channel.read_back([row.listing])
    if row.listing not in shown:
        raise _FailedError(f"the channel does not know {row.listing}: look at the mapping, line {row.line}")
    smoked.board.observed(row.listing, shown[row.listing], smoked.now_ms(), asked_ms)
    return shown[row.listing]
