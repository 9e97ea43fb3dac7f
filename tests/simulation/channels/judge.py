"""What must hold of everything that is sent; shares no code with the board."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from inventory_stream.flows.channels.board import Batch
from inventory_stream.ports.channel import Caps, Push
from inventory_stream.ports.projection import Version
from models.channels import ListingRow


class Wish(NamedTuple):
    """What the ledger says of a listing."""

    version: Version
    units: int
    at_ms: int


HOLD_MS: Final = 2_000


class Judge:
    """Watches one account over all its owners; `violations` say which rule was broken, and how."""

    def __init__(self, caps: Caps) -> None:
        self.violations: Final[list[str]] = []
        self._caps = caps
        # Where nothing can be read back, what waits to be told once more is held as well, unseen from here.
        self._has_holds = caps.takes_orders and not caps.has_cas and caps.can_read_back
        self._contents: Final[dict[str, Sequence[Push]]] = {}
        self._flying: Final[set[str]] = set()
        self._acknowledged: Final[dict[str, Version]] = {}
        self._fresh_zeros: Final[set[str]] = set()
        self._shown: Final[dict[str, int]] = {}
        self._waits_since_ms: Final[dict[str, int]] = {}
        self.orders_through_ms = 0

    def owner_died(self, rows: Mapping[str, ListingRow], skus: Mapping[str, str]) -> None:
        """Forget what its successor cannot know: what was in flight, and acknowledged but not kept."""
        self._flying.clear()
        self._fresh_zeros.clear()
        self._acknowledged.clear()
        self._shown.clear()
        self.orders_through_ms = 0
        self._acknowledged.update(
            (listing, Version(row.generation_ms, row.offset))
            for listing, row in rows.items()
            if row.sku == skus[listing]
        )

    def wished(self, listing: str, wish: Wish, acknowledged_units: int | None) -> None:
        """Hear of a change that the board has just heard of."""
        self._waits_since_ms.setdefault(listing, wish.at_ms)
        if wish.units == 0 and acknowledged_units not in {None, 0} and listing not in self._flying:
            self._fresh_zeros.add(listing)
        else:
            self._fresh_zeros.discard(listing)

    def remapped(self, listing: str) -> None:
        """Hear that a listing has another SKU: its versions are another count."""
        self._acknowledged.pop(listing, None)
        self.free([listing])
        self.doubted([listing])

    def free(self, listings: Sequence[str]) -> None:
        """Hear that zeros of these listings need not go first: stopped, or part of a mass change."""
        self._fresh_zeros.difference_update(listings)

    def zeros_ended(self, wishes: Mapping[str, Wish]) -> None:
        """Hear that the ledger's units count again: from their rows' times on they wait."""
        for listing, wish in wishes.items():
            self._waits_since_ms.setdefault(listing, wish.at_ms)

    def doubted(self, listings: Sequence[str]) -> None:
        """Hear of listings of which it is no longer clear what they show."""
        for listing in listings:
            self._shown.pop(listing, None)

    def sent(self, batch: Batch, wishes: Mapping[str, Wish], now_ms: int, *, is_killed: bool) -> None:
        """Judge what leaves."""
        names = [push.listing for push in batch.pushes]
        most = self._caps.bulk_max if batch.is_bulk else self._caps.batch_max
        if not names or len(names) > most or len(set(names)) != len(names):
            self._broken("batch", f"{len(names)} items, {len(set(names))} listings")
        if self._contents.setdefault(batch.key, batch.pushes) != batch.pushes:
            self._broken("key", f"one key: {batch.pushes} and {self._contents[batch.key]}")
        if self._fresh_zeros and not any(push.units == 0 for push in batch.pushes):
            self._broken("zeros first", f"{sorted(self._fresh_zeros)} wait")
        for push in batch.pushes:
            wish = wishes[push.listing]
            if push.listing in self._flying:
                self._broken("one in flight", push.listing)
            if push.version < self._acknowledged.get(push.listing, push.version):
                self._broken("revision", f"{push} is below what was acknowledged")
            if (push.version, push.units) != (wish.version, 0 if is_killed else wish.units):
                self._broken("newest", f"{push} is not {wish}")
            since_ms = self._waits_since_ms.pop(push.listing, now_ms - HOLD_MS)
            is_early = wish.at_ms > self.orders_through_ms and now_ms < since_ms + HOLD_MS
            if self._has_holds and is_early and push.units > self._shown.get(push.listing, push.units):
                self._broken("hold", f"{push} is sent before the orders of its time")
        self._flying.update(names)
        self._fresh_zeros.difference_update(names)

    def ended(self, batch: Batch, rows: Sequence[tuple[str, ListingRow]]) -> None:
        """Judge what counts as acknowledged."""
        self._flying.difference_update(push.listing for push in batch.pushes)
        for listing, row in rows:
            version = Version(row.generation_ms, row.offset)
            if version < self._acknowledged.get(listing, version):
                self._broken("revision", f"{listing} is acknowledged backwards")
            self._acknowledged[listing] = version
            if row.dead is None:
                self._shown[listing] = row.units

    def at_rest(self, shown: Mapping[str, int], wishes: Mapping[str, Wish]) -> None:
        """Judge what buyers see when nothing goes wrong any more."""
        for listing, wish in wishes.items():
            if shown.get(listing, 0) != wish.units:
                self._broken("end", f"{listing} shows {shown.get(listing)} instead of {wish}")

    def stuck(self, what: str) -> None:
        """Hear that it does not come to rest."""
        self._broken("rest", what)

    def _broken(self, rule: str, what: str) -> None:
        self.violations.append(f"{rule}: {what}")
