"""What a gateway tells about a sale while it runs, for whoever watches it."""

from typing import Final, Protocol


class SaleMonitor(Protocol):
    """Hears of what a shopper or a shop might feel. Nothing here may raise or wait."""

    def refused_early(self) -> None:
        """A reservation was refused from the shelf, without a question to the ledger."""

    def settled(self, status: str) -> None:
        """A payment event was settled, as `models.payments.SettledAs` says."""

    def not_recorded(self) -> None:
        """A row of the audit trail could not be written."""

    def admitted(self, people: int) -> None:
        """This gateway let people in."""

    def rooms(self, waiting: int, in_flight: int) -> None:
        """All rooms together as they are now: tickets that wait, admissions not used yet."""

    def room_restored(self) -> None:
        """This gateway put a room back that Redis had lost."""


class _SilentSaleMonitor:
    def refused_early(self) -> None: ...

    def settled(self, status: str) -> None: ...

    def not_recorded(self) -> None: ...

    def admitted(self, people: int) -> None: ...

    def rooms(self, waiting: int, in_flight: int) -> None: ...

    def room_restored(self) -> None: ...


SILENT_SALE: Final[SaleMonitor] = _SilentSaleMonitor()
