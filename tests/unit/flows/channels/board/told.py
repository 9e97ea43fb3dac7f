"""A board whose story is told in short lines."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from inventory_stream.flows.channels.board import Batch, Board
from inventory_stream.ports.channel import Caps, Ended, Result
from inventory_stream.ports.projection import Version
from models.channels import ListingRow

NOW_MS: Final = 1_700_000_000_000
"""When every story begins; its times count from here."""
HOLD_MS: Final = 2_000
SETTLE_MS: Final = 2_000
REQUEST_MS: Final = 5_000
CAPS: Final = Caps(
    batch_max=10,
    in_flight_max=2,
    limits=(),
    settle_seconds=SETTLE_MS / 1_000,
    request_seconds=REQUEST_MS / 1_000,
)


class Told:
    """A board with listings `a`, `b`, ... of SKUs `A`, `B`, ..."""

    def __init__(self, listings: str | Sequence[str] = "abc", **caps: Any) -> None:  # noqa: ANN401  # of Caps
        self.board = Board(replace(CAPS, **caps), account="c/a", raise_hold_ms=HOLD_MS, mass_change_share=0.3)
        self.board.set_listings({listing: listing.upper() for listing in listings}, NOW_MS)
        self.offset = 0

    def want(self, listing: str, units: int, at: int = 0, *, offset: int | None = None) -> None:
        """The ledger says so at a time, which is a new row unless an offset is given."""
        if offset is None:
            self.offset += 1
            offset = self.offset
        self.board.want(listing, Version(1, offset), units, NOW_MS + at, NOW_MS + at)

    def take(
        self, at: int = 0, *, zeros_only: bool = False, group_of: Callable[[str], str] | None = None
    ) -> Batch | None:
        """Take a batch."""
        return self.board.take(NOW_MS + at, zeros_only=zeros_only, group_of=group_of)

    def sent(
        self, at: int = 0, *, zeros_only: bool = False, group_of: Callable[[str], str] | None = None
    ) -> dict[str, int]:
        """Take a batch that must be there; say what it tells."""
        self.batch = self.take(at, zeros_only=zeros_only, group_of=group_of)
        assert self.batch is not None
        return {push.listing: push.units for push in self.batch.pushes}

    def end(
        self,
        result: Result | str = Result.APPLIED,
        at: int = 0,
        code: str = "",
        retry_at_ms: int | None = None,
    ) -> dict[str, ListingRow]:
        """All of the batch last sent ended so."""
        assert self.batch is not None
        ends = [Ended(push.listing, Result(result), code, retry_at_ms) for push in self.batch.pushes]
        return dict(self.board.ended(self.batch, ends, NOW_MS + at))


def told(units: dict[str, int], **caps: Any) -> Told:  # noqa: ANN401  # of Caps
    """Give a board of which a former owner has kept that the channel shows these."""
    found = Told(list(units), **caps)
    for listing, shown in units.items():
        found.offset += 1
        row = ListingRow(1, found.offset, shown, NOW_MS - 600_000, sku=listing.upper())
        found.board.known(listing, row, NOW_MS)
        found.want(listing, shown, -600_000, offset=found.offset)
    return found
