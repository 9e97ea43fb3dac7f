"""A `SaleMonitor` that keeps what it hears."""

from dataclasses import dataclass, field


@dataclass
class FakeSaleMonitor:
    """What was told, in order: a word, and a number or status where there is one."""

    heard: list[tuple[object, ...]] = field(default_factory=list)

    def refused_early(self) -> None:
        """See the port."""
        self.heard.append(("early",))

    def settled(self, status: str) -> None:
        """See the port."""
        self.heard.append(("settled", status))

    def not_recorded(self) -> None:
        """See the port."""
        self.heard.append(("not recorded",))

    def admitted(self, people: int) -> None:
        """See the port."""
        self.heard.append(("admitted", people))

    def rooms(self, waiting: int, in_flight: int) -> None:
        """See the port."""
        self.heard.append(("rooms", waiting, in_flight))

    def room_restored(self) -> None:
        """See the port."""
        self.heard.append(("restored",))
