"""What one account of a channel is to be told, and what it is known to show: pure state, no clock."""

from typing import Final

from inventory_stream.flows.channels.board.columns import UNKNOWN
from inventory_stream.flows.channels.board.mapped import Mapped
from inventory_stream.flows.channels.board.state import State
from inventory_stream.flows.channels.board.states import IDLE
from inventory_stream.ports.channel import Caps
from inventory_stream.ports.projection import Version
from models.channels import ListingRow

FORMER_OWNER_MS: Final = 120_000
"""So long before a takeover the former owner may have sent its last request: a group's session timeout and
the longest request, with room."""
CLOCKS_MS: Final = 60_000
"""So much a channel's clock may be wrong: what it showed longer ago than that before it took something else
is over."""


class Board(Mapped):
    """One account's listings: one slot each, of which only the newest wish counts.

    Zeros go before cuts, cuts before raises; one request per listing is in flight; nothing older than what
    is wanted or was acknowledged is sent. A raise waits until the channel's orders of its time have come in,
    `raise_hold_ms` at most; a cut waits for nothing but the request that is in flight. Raise and cut are
    meant against the most that a buyer may still be shown.

    Times are ms since the epoch and must not go back. Nothing raises for what a channel or the ledger says.
    """

    def __init__(self, caps: Caps, *, account: str, raise_hold_ms: int, mass_change_share: float) -> None:
        """Begin empty.

        Args:
            caps: The account's.
            account: `models.channels.account_key` of it: part of every key.
            raise_hold_ms: The longest that a raise waits for orders.
            mass_change_share: Of the acknowledged listings; see `mass_change.MassGuard`.
        """
        super().__init__(State(caps, raise_hold_ms, mass_change_share), account)
        self._doubtful_from_ms: int | None = None
        self._remapped: Final[set[int]] = set()
        """Listings of which a former owner kept what it told of another SKU; until the first `want`."""

    def begin(self, now_ms: int, *, is_all_doubtful: bool = False, is_mass_change: bool = False) -> None:
        """Note that this is a takeover: a request of the former owner may take effect until its deadline.

        What is acknowledged until then is read back once after it, and so is what the former owner may have
        told, or been about to look at, when it ended.

        Args:
            now_ms: The time.
            is_all_doubtful: An operator had zeros sent, or ended that, within `FORMER_OWNER_MS`: then rows do
                not tell which listings the former owner may have told something.
            is_mass_change: One awaits approval since the former owner: so does every drastic change.
        """
        self._doubtful_from_ms = 0 if is_all_doubtful else now_ms - FORMER_OWNER_MS
        self._state.looks_until_ms = now_ms + int(self._caps.request_seconds * 1_000)
        if is_mass_change:
            self._state.guard.trip(self._state.columns.acknowledged_count, now_ms)

    def known(self, listing: str, row: ListingRow, now_ms: int) -> None:
        """Take over what a former owner kept, of one listing the newest last; before the first `want`."""
        state = self._state
        place = state.columns.index.get(listing)
        if place is None:
            return
        is_same_sku = row.sku == state.columns.skus[place]
        if row.acknowledged_ms:
            version = Version(row.generation_ms, row.offset) if is_same_sku else Version(0, 0)
            state.columns.partition[place] = row.partition
            state.columns.acknowledge(place, version, row.units, row.acknowledged_ms)
            if now_ms < row.acknowledged_ms + state.holds.hold_ms:
                state.looked_ms[place] = row.acknowledged_ms  # the former owner may have seen it alone
        (self._remapped.discard if is_same_sku else self._remapped.add)(place)
        if row.dead is None or not is_same_sku:
            state.dead.pop(place, None)
        else:
            state.dead[place] = row.dead
        state.days.restore(place, row.day, row.sent_on_day)
        state.sort(place, now_ms)

    def want(
        self, listing: str, version: Version, units: int, at_ms: int, now_ms: int, *, partition: int = 0
    ) -> None:
        """Hear what the ledger says now. Ignored when it is older than what was heard or acknowledged.

        Args:
            listing: One that is not followed is ignored.
            version: Of the SKU. The same one with other units counts: a mapping or a policy changed.
            units: What the channel shall show, 0 or more.
            at_ms: Record time of the row.
            now_ms: The time.
            partition: The ledger's that the version is of. If it is another than before, the listing is told
                anew, as with another SKU: versions of two cannot be compared (R30).
        """
        state = self._state
        columns = state.columns
        place = columns.index.get(listing)
        if place is None:
            return
        if partition != columns.partition[place]:
            is_told = columns.acknowledged_ms[place] or place in state.dead
            if is_told or columns.wanted_units[place] != UNKNOWN:
                state.remap(place, columns.skus[place], now_ms)
            columns.partition[place] = partition
        is_first = columns.wanted_units[place] == UNKNOWN
        if not is_first and units == columns.wanted_units[place] and version == columns.wanted(place):
            return
        acknowledged = columns.acknowledged(place)
        if version < acknowledged or (not is_first and version < columns.wanted(place)):
            return
        columns.want(place, version, units, at_ms)
        # What was refused at the former owner is refused here: neither told again, nor counted as a change.
        is_dead = is_first and state.is_still_dead(place)
        if not is_dead:
            state.wish_changed(place, now_ms)
        if is_first and self._may_be_overwritten(place, at_ms):
            state.checks.look(place, max(now_ms, state.looks_until_ms) + state.settle_ms)
        if columns.state[place] != IDLE or columns.acknowledged_units[place] != units:
            if not (state.is_killed or is_dead):  # else zero is shown, and every wish is a jump
                self._guard(place, now_ms)
            state.sort(place, now_ms)

    def observed(
        self,
        listing: str,
        units: int | None,
        now_ms: int,
        asked_ms: int | None = None,
        *,
        is_guarded: bool = True,
    ) -> tuple[str, ListingRow] | None:
        """Hear what the channel shows; None: it has no such listing.

        What was asked before the last request has settled proves nothing, and is asked again then.

        Args:
            listing: One that is not followed is ignored.
            units: As read back.
            now_ms: The time.
            asked_ms: When the question was put; None: now.
            is_guarded: Whether too many that show something else are kept back as a mass drift.

        Returns:
            The row to keep, where the channel shows what is wanted but had not acknowledged it.
        """
        state = self._state
        columns = state.columns
        place = columns.index.get(listing)
        if place is None:
            return None
        if place in state.flights:
            state.checks.look(place, now_ms + state.settle_ms)
            return None
        check = state.checks.get(place)
        is_blocking = check is not None and check.is_blocking
        ready_ms = 0 if is_blocking else columns.acknowledged_ms[place] + state.settle_ms
        if not is_blocking and place in state.failed:
            ready_ms = max(ready_ms, state.failed[place][1] + state.settle_ms)
        ready_ms = max(ready_ms, 0 if check is None else check.ready_ms)
        asked_ms = now_ms if asked_ms is None else asked_ms
        if asked_ms < ready_ms:
            state.checks.look(place, ready_ms)
            return None
        is_drift = is_guarded and (units or 0) != state.target(place) and state.is_drift(place, now_ms)
        state.checks.seen(place, asked_ms)
        kept = self._believe(place, units or 0, now_ms)
        if is_drift:
            for other in (place, *state.drift.note(place, columns.acknowledged_count, now_ms)):
                state.dissolve(other, now_ms)
                state.sort(other, now_ms)
        return kept

    def hinted(self, listing: str, units: int, at_ms: int, now_ms: int) -> None:
        """Hear what the channel says that it showed: if it is news, somebody looks.

        Nothing is believed: such a delivery may be hours old, and come after newer ones.

        Args:
            listing: One that is not followed is ignored.
            units: As shown then.
            at_ms: When, by the channel's clock.
            now_ms: The time.
        """
        state = self._state
        place = state.columns.index.get(listing)
        if place is None:
            return
        acknowledged_ms = state.columns.acknowledged_ms[place]
        flight = state.flights.get(place)
        if flight is not None:
            if units != flight[1].units:
                state.checks.look(place, now_ms + state.settle_ms)
        elif units != state.columns.acknowledged_units[place] and at_ms >= acknowledged_ms - CLOCKS_MS:
            state.checks.look(place, max(now_ms, acknowledged_ms + state.settle_ms))

    def rows_in_step_again(self, now_ms: int) -> list[tuple[str, ListingRow]]:
        """Give the rows to keep of listings that were dead, and came into step without a push.

        Once each; until then nobody who reads the rows knows.
        """
        state = self._state
        columns = state.columns
        found = [place for place in state.in_step_again if columns.wanted_units[place] != UNKNOWN]
        state.in_step_again.clear()
        return [(columns.names[place], state.row(place, now_ms)) for place in found]

    def orders_through(self, at_ms: int) -> None:
        """Hear that the channel's orders up to a time have come in."""
        holds = self._state.holds
        holds.orders_through_ms = max(holds.orders_through_ms, at_ms)

    def _guard(self, place: int, now_ms: int) -> None:
        state = self._state
        columns = state.columns
        again = state.guard.note(
            place,
            columns.acknowledged_units[place],
            columns.wanted_units[place],
            columns.acknowledged_count,
            now_ms,
        )
        for other in again:
            state.dissolve(other, now_ms)
            state.sort(other, now_ms)

    def _may_be_overwritten(self, place: int, at_ms: int) -> bool:
        """Say whether the former owner may have told something of late that no row tells of."""
        acknowledged_ms = self._state.columns.acknowledged_ms[place]
        if place in self._remapped:
            # When it was last told of its former SKU, the rows of this one do not say.
            self._remapped.discard(place)
            return True
        return self._doubtful_from_ms is not None and max(at_ms, acknowledged_ms) >= self._doubtful_from_ms

    def _believe(self, place: int, units: int, now_ms: int) -> tuple[str, ListingRow] | None:
        state = self._state
        target = state.target(place)
        kept = None
        state.blind.discard(place)
        if units != state.columns.acknowledged_units[place]:
            state.looked_ms[place] = now_ms
        if units == target:
            is_new = state.columns.acknowledged_units[place] != units
            if is_new or place in state.observed or place in state.dead or place in state.failed:
                push = state.push(place)
                state.dissolve(place, now_ms)
                state.acknowledge(place, push.version, units, now_ms)
                kept = push.listing, state.row(place, now_ms)
        else:
            state.observed[place] = units
            state.repairs[place] = now_ms
            state.failed.pop(place, None)
        state.sort(place, now_ms)
        return kept
