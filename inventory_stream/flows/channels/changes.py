"""From changed SKUs to what the board of an account wants, a portion at a time."""

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import Final, Protocol

from inventory_stream.flows.channels.units import LedgerMirror, wanted
from inventory_stream.ports.integrations import CatalogMapping, MappedListing
from inventory_stream.ports.projection import Version

PORTION_SKUS: Final = 250
"""SKUs looked at before the sender has its turn: 5 ms. A sale changes less than that at once; the first look
at a million listings must not hold a zero up."""

SCAN_FROM_SKUS: Final = 5_000
"""So many changed at once are a policy for every SKU: looking at all listings in portions then costs less
than noting each SKU, which would hold the loop up for a second a million."""

MOVED_AT_ONCE: Final = 1_000
"""Listings that follow a changed mapping in one go, 10 ms: heartbeats, zeros and acts go on meanwhile."""

HEARD_MAX: Final = 100_000
"""Changes whose way to the channel is timed at once, 20 MB; more are sent without being timed."""


class Wants(Protocol):
    """Of the board, what changes need."""

    def want(
        self, listing: str, version: Version, units: int, at_ms: int, now_ms: int, *, partition: int
    ) -> None:
        """Note what a listing has to show."""

    def is_waiting(self, listing: str) -> bool:
        """Say whether the channel is to be told something of a listing."""

    def let_go(self, first: int, end: int, is_mapped: Callable[[str], bool], now_ms: int) -> bool:
        """Follow those no more of these places that are not mapped; say whether others remain."""

    def follow(
        self, listings: Iterable[tuple[str, str]], now_ms: int, stopped: Collection[str] = frozenset()
    ) -> None:
        """Follow listings with their SKUs."""

    def is_followed(self, listing: str, sku: str) -> bool:
        """Say whether a listing is followed with this SKU."""


class _Move:
    """How far a changed mapping was followed: what went first, then what came or shows another SKU."""

    def __init__(self, listings: Sequence[MappedListing], stopped: Callable[[], Collection[str]]) -> None:
        self.place: int | None = 0
        self.rows: Final = ((mapped.listing, mapped.sku) for mapped in listings)
        self.stopped: Final = stopped


class Changes:
    """Changed SKUs of an account that were not looked at yet; each waits once, however often it changes."""

    def __init__(
        self,
        mapping: CatalogMapping,
        channel: str,
        account: str,
        mirror: LedgerMirror,
        units_max: int,
        note_moved: Callable[[str, str], object] = lambda _listing, _sku: None,
    ) -> None:
        """Begin with nothing changed; `note_moved` hears of listings that show another SKU from now on."""
        self._mapping = mapping
        self._channel = channel
        self._account = account
        self._mirror = mirror
        self._units_max = units_max
        self._note_moved = note_moved
        # Emptied from its front: a dict would look at all that went before, each time.
        self._dirty: Final[OrderedDict[str, int]] = OrderedDict()
        self._scan: Iterator[MappedListing] | None = None
        self._move: _Move | None = None
        self.is_scan_due = True
        """Whether all listings are to be looked at once the ledger was read to its end."""
        self._heard: Final[dict[str, tuple[Version, int, int]]] = {}

    @property
    def listings(self) -> Sequence[MappedListing]:
        """The account's listings as they are mapped now."""
        return self._mapping.listings(self._channel, self._account)

    def sku_of(self, listing: str) -> str:
        """Give the SKU that a listing shows; "" where it is not mapped any more."""
        mapped = self._mapping.of_listing(self._channel, self._account, listing)
        return "" if mapped is None else mapped.sku

    def note(self, skus: Collection[str], now_ms: int) -> bool:
        """Hear of changed SKUs; say whether any is mapped here."""
        if len(skus) >= SCAN_FROM_SKUS:
            self.scan()
            return True
        mapped = [sku for sku in skus if self._mapping.of_sku(self._channel, self._account, sku)]
        for sku in mapped:
            self._dirty.setdefault(sku, now_ms)
        return bool(mapped)

    def scan(self) -> None:
        """Look at all listings from now on."""
        self.is_scan_due = False
        self._scan = iter(self.listings)

    def remap(self, stopped: Callable[[], Collection[str]]) -> None:
        """Follow the mapping as it is now, from now on; then all listings are to be looked at.

        Args:
            stopped: Gives listings that an operator has stopped by then: one of them that comes is not told.
        """
        self._scan = None
        self._move = _Move(self.listings, stopped)
        self.is_scan_due = True

    @property
    def is_all_looked_at(self) -> bool:
        """Whether all listings were looked at since the ledger was read or the mapping changed."""
        return self._scan is None and not self.is_scan_due

    @property
    def has_more(self) -> bool:
        """Whether `drain` has something to do."""
        return bool(self._dirty) or self._scan is not None or self._move is not None

    def drain(self, board: Wants, now_ms: int) -> None:
        """Tell the board of a portion: what changed first, then of a new mapping, then of the scan."""
        for _ in range(min(PORTION_SKUS, len(self._dirty))):
            sku, heard_ms = self._dirty.popitem(last=False)
            for mapped in self._mapping.of_sku(self._channel, self._account, sku):
                self._want(board, mapped, now_ms, heard_ms)
        if self._dirty:
            return
        if self._move is not None:
            self._move_on(self._move, board, now_ms)
        elif self._scan is not None:
            portion = list(islice(self._scan, PORTION_SKUS))
            if not portion:
                self._scan = None
            for mapped in portion:
                self._want(board, mapped, now_ms, None)

    def _move_on(self, move: _Move, board: Wants, now_ms: int) -> None:
        if move.place is not None:
            end = move.place + MOVED_AT_ONCE
            is_more = board.let_go(move.place, end, self._is_mapped, now_ms)
            move.place = end if is_more else None
            return
        portion = list(islice(move.rows, MOVED_AT_ONCE))
        for listing, sku in portion:
            if not board.is_followed(listing, sku):
                # Of the mapping as it is now, which may be newer than what is followed.
                self._note_moved(listing, self.sku_of(listing))
        board.follow(portion, now_ms, frozenset(move.stopped()))
        if not portion:
            self._move = None

    def _is_mapped(self, listing: str) -> bool:
        is_mapped = self._mapping.of_listing(self._channel, self._account, listing) is not None
        if not is_mapped:
            self._note_moved(listing, "")
        return is_mapped

    def _want(self, board: Wants, mapped: MappedListing, now_ms: int, heard_ms: int | None) -> None:
        if self._move is not None and not board.is_followed(mapped.listing, mapped.sku):
            return  # its turn comes, and the scan behind it
        found = wanted(self._mirror, mapped, self._channel, self._units_max)
        if found is None:
            # Not known, or not known yet: a partition that is read anew is looked at when it was.
            self.is_scan_due |= not self._mirror.is_sku_read(mapped.sku)
            return
        listing = mapped.listing
        board.want(listing, found.version, found.units, found.at_ms, now_ms, partition=found.partition)
        if not board.is_waiting(listing):
            self.forget(listing)  # a buffer or a bound took the change up: there is nothing to time
        elif heard_ms is not None and (listing in self._heard or len(self._heard) < HEARD_MAX):
            # From the row's own time where that is near: clocks of two machines are not one.
            way_ms = heard_ms - found.at_ms
            at_ms = found.at_ms if 0 <= way_ms < 60_000 else heard_ms
            self._heard[listing] = found.version, found.units, at_ms

    def heard_ms(self, listing: str, version: Version, units: int) -> int | None:
        """Give since when a change that was just acknowledged has been under way; forgets it.

        A newer one that says the same units is there as well.
        """
        heard = self._heard.get(listing)
        if heard is None or (heard[0] > version and heard[1] != units):
            return None
        del self._heard[listing]
        return heard[2]

    def forget(self, listing: str) -> None:
        """Time a change no more."""
        self._heard.pop(listing, None)
