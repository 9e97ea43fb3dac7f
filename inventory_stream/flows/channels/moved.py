"""Which SKU a listing showed until when: what was sold before the mapping changed stays that SKU's.

An order's line, what follows it and its repeats have to meet in one partition (R30), whatever the mapping
says meanwhile. So a line is read by the mapping of when its order was placed. Only listings whose SKU
changed have a note, kept in `channel-outcomes` by the account's owner.
"""

from collections.abc import Callable, Iterator
from typing import Final

from models.channels import FormerSku, MovedRow

FORMER_MAX: Final = 3
"""Former SKUs of one listing: a line of the mapping is mended once or twice, not each day."""
FORMER_MS: Final = 100 * 86_400_000
"""Former SKUs are known for 100 days: returns come within 30 to 90, and nothing else comes so late."""
CLOCK_MS_MAX: Final = 15 * 60_000
"""So far ahead a channel's clock is followed: one that is a year ahead must not keep a mapping for a year."""

Keep = Callable[[str, MovedRow | None], None]


class Moved:
    """The listings of one account that show another SKU than before.

    Args:
        followed: Gives the SKU that the owner's board follows a listing with; None: it follows no such one.
        keep: Has a listing's row kept; None takes it out.
        now_ms: The time.
    """

    def __init__(self, followed: Callable[[str], str | None], keep: Keep, now_ms: Callable[[], int]) -> None:
        self._followed = followed
        self._keep = keep
        self._now_ms = now_ms
        self._rows: Final[dict[str, MovedRow]] = {}
        self._told: Final[dict[str, str]] = {}
        """By listing: the SKU of what a former owner told, where it is not that of today."""
        self._asked: Final[set[str]] = set()
        self._newest_ms = 0
        """Of the orders that were read so far, by the channel's clock."""

    # --- from the rows of a former owner ---------------------------------------------------------

    def known(self, listing: str, row: MovedRow | None) -> None:
        """Take a kept row; of one listing the last one counts."""
        if row is None:
            self._rows.pop(listing, None)
        else:
            self._rows[listing] = row

    def told(self, listing: str, sku: str) -> None:
        """Hear as which SKU a listing was told last; of one listing the last one counts."""
        if sku and sku != self._followed(listing):
            self._told[listing] = sku
        else:
            self._told.pop(listing, None)

    def begin(self) -> None:
        """Note what the mapping changed while nobody owned the account, and forget what is too old."""
        for listing, sku in self._told.items():
            self._note(listing, sku, self._followed(listing) or "")
        self._told.clear()
        too_old_ms = self._now_ms() - FORMER_MS
        for listing, row in list(self._rows.items()):
            today = self._followed(listing) or ""
            self._note(listing, None, today)
            if row.sku == today and all(former.until_ms < too_old_ms for former in row.former):
                del self._rows[listing]
                self._keep(listing, None)

    def succeed(self, former: "Moved") -> None:
        """Go on from what one that is taken up anew noted since its rows were read."""
        self._rows.update(former._rows)  # noqa: SLF001  # of one class

    # --- while it runs ---------------------------------------------------------------------------

    def note(self, listing: str, sku: str) -> None:
        """Hear which SKU the mapping gives a listing from now on, before the board follows; "": none."""
        self._note(listing, self._followed(listing), sku)

    def sku_then(self, listing: str, sku: str, at_ms: int) -> str:
        """Give the SKU that a listing showed when an order was placed; `sku` is that of the mapping now."""
        found = next((then for then, until_ms in self._spans(listing, sku) if at_ms < until_ms), sku)
        self._newest_ms = max(self._newest_ms, at_ms)
        return found

    def skus_until(self, listing: str, sku: str, at_ms: int) -> tuple[str, ...]:
        """Give all SKUs that a listing is known to have shown up to a time, that of the time first."""
        found: list[str] = []
        for then, until_ms in (*self._spans(listing, sku), (sku, at_ms + 1)):
            found.append(then)
            if at_ms < until_ms:
                break
        return tuple(dict.fromkeys(reversed(found)))

    def has_shown(self, sku: str) -> bool:
        """Say whether a listing of the account showed this SKU before."""
        # Looked through only for a SKU that is listed no more, of which few lines come.
        return any(former.sku == sku for row in self._rows.values() for former in row.former)

    def take_asked(self) -> dict[str, MovedRow]:
        """Give the rows that lines were read by since the last call."""
        asked = {listing: self._rows[listing] for listing in self._asked if listing in self._rows}
        self._asked.clear()
        return asked

    def _spans(self, listing: str, sku: str) -> Iterator[tuple[str, int]]:
        # Before the first line is read by a new mapping, the note is made: none is read by it and then,
        # told again, by the one before.
        self.note(listing, sku)
        row = self._rows.get(listing)
        if row is not None:
            self._asked.add(listing)
            yield from ((former.sku, former.until_ms) for former in row.former)

    def _note(self, listing: str, before: str | None, sku: str) -> None:
        row = self._rows.get(listing)
        former: tuple[FormerSku, ...] = ()
        if row is not None:
            before, former = row.sku, row.former
        if before is None or before == sku:
            return
        now_ms = self._now_ms()
        if before:
            # After all that was read by the former mapping, also where the channel's clock runs ahead.
            until_ms = max(now_ms, min(self._newest_ms + 1, now_ms + CLOCK_MS_MAX))
            former = (*former, FormerSku(before, until_ms))[-FORMER_MAX:]
        former = tuple(one for one in former if now_ms - one.until_ms < FORMER_MS)
        self._rows[listing] = MovedRow(sku, former)
        self._keep(listing, self._rows[listing])
