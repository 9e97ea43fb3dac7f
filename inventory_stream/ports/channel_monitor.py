"""What is told of channel accounts while they run; each by the name of its integration."""

from typing import Final, Protocol

from inventory_stream.ports.channel import Result
from models.channels import StatusRow


class ChannelMonitor(Protocol):
    """Hears what happens. Must not wait or raise."""

    def taken_up(self, name: str) -> None:
        """This worker owns the account from now on."""

    def given_up(self, name: str) -> None:
        """It does not any more."""

    def ended(self, name: str, result: Result) -> None:
        """One item of a push ended."""

    def acknowledged(self, name: str, seconds: float, *, is_zero: bool) -> None:
        """A change was acknowledged so long after its row was written."""

    def stands(self, name: str, status: StatusRow) -> None:
        """How it stands, every few seconds."""


class _Silent:
    """Tells nobody."""

    def taken_up(self, name: str) -> None:
        """See the port."""

    def given_up(self, name: str) -> None:
        """See the port."""

    def ended(self, name: str, result: Result) -> None:
        """See the port."""

    def acknowledged(self, name: str, seconds: float, *, is_zero: bool) -> None:
        """See the port."""

    def stands(self, name: str, status: StatusRow) -> None:
        """See the port."""


SILENT_CHANNELS: Final[ChannelMonitor] = _Silent()
