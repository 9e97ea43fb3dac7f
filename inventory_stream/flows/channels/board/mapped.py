"""Which listings an account has, and what becomes of them when the mapping changes."""

from collections.abc import Callable, Collection, Iterable, Mapping

from inventory_stream.flows.channels.board.sending import Sending


class Mapped(Sending):
    """Listings come, go, and show other SKUs. All of a running account's are looked at in portions."""

    def set_listings(self, listings: Mapping[str, str], now_ms: int) -> None:
        """Follow these listings and no others, each with its SKU; at once, 3 s a million."""
        self.let_go(0, len(self._state.columns.names), listings.__contains__, now_ms)
        self.follow(listings.items(), now_ms)

    def let_go(self, first: int, end: int, is_mapped: Callable[[str], bool], now_ms: int) -> bool:
        """Follow those no more of the places `first` to `end` that are not mapped; say whether others remain.

        A request in flight ends before its listing goes.
        """
        state = self._state
        columns = state.columns
        for place in range(first, min(end, len(columns.names))):
            listing = columns.names[place]
            if not listing or is_mapped(listing):
                continue
            if place in state.flights:
                state.leaving.add(place)
                continue
            state.dissolve(place, now_ms)
            state.forget(place)
        return end < len(columns.names)

    def follow(
        self, listings: Iterable[tuple[str, str]], now_ms: int, stopped: Collection[str] = frozenset()
    ) -> None:
        """Follow these listings, too, each with its SKU; a new one that is `stopped` is not told.

        One whose SKU is another than before is told anew, whatever was acknowledged: versions of two SKUs
        cannot be compared.
        """
        state = self._state
        columns = state.columns
        for listing, sku in listings:
            place = columns.index.get(listing)
            if place is None:
                place = columns.add(listing, sku)
                if listing in stopped:
                    state.stopped.add(place)
                if state.is_killed:
                    state.sort(place, now_ms)
            elif columns.skus[place] != sku:
                state.remap(place, sku, now_ms)
            state.leaving.discard(place)

    def sku_of(self, listing: str) -> str | None:
        """Give the SKU that a listing is followed with; None: it is not followed."""
        place = self._state.columns.index.get(listing)
        return None if place is None else self._state.columns.skus[place]

    def is_followed(self, listing: str, sku: str) -> bool:
        """Say whether a listing is followed with this SKU."""
        place = self._state.columns.index.get(listing)
        return place is not None and self._state.columns.skus[place] == sku
