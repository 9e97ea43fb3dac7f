"""What would have been sent: the record of an account in shadow mode."""

from typing import Final, Protocol

from inventory_stream.flows.channels.board import Batch
from models.channels import Differing, ListingRow, ReportRow

DIFFERING_KEPT_MAX: Final = 1_000
"""Listings of which the newest difference is kept, as many as a report has."""

ACT_ID: Final = "shadow"
"""Stands in the report where no act asked for it."""


class Knows(Protocol):
    """Of the board, what a difference is told from."""

    def row(self, listing: str, now_ms: int) -> ListingRow | None:
        """Give what was acknowledged of a listing."""


class Names(Protocol):
    """Finds SKUs."""

    def sku_of(self, listing: str) -> str:
        """Give the SKU that a listing shows."""


class Shadow:
    """Differences between what the channel acknowledged last and what would be sent, the newest of each."""

    def __init__(self) -> None:
        self._differing: Final[dict[str, Differing]] = {}
        self._begun_ms = 0
        self._is_new = False

    def note(self, board: Knows, batch: Batch, names: Names, now_ms: int) -> None:
        """Keep what a batch would have changed."""
        self._begun_ms = self._begun_ms or now_ms
        for push in batch.pushes:
            row = board.row(push.listing, now_ms)
            known = row.units if row is not None and row.acknowledged_ms else None
            self._differing.pop(push.listing, None)
            self._differing[push.listing] = Differing(
                push.listing, names.sku_of(push.listing), push.units, known, push.expected_units
            )
            if len(self._differing) > DIFFERING_KEPT_MAX:
                del self._differing[next(iter(self._differing))]
        self._is_new = True

    def report(self, now_ms: int) -> ReportRow | None:
        """Give the record, if it changed since it was given last."""
        if not self._is_new:
            return None
        self._is_new = False
        return ReportRow(
            act_id=ACT_ID,
            begun_ms=self._begun_ms,
            ended_ms=now_ms,
            compared=len(self._differing),
            agreed=0,
            unreadable=0,
            differing_count=len(self._differing),
            repaired=0,
            differing=tuple(self._differing.values()),
        )
