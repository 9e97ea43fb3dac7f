"""What a gateway tells about its requests while it works, for whoever watches it."""

from typing import Final, Protocol


class AccessMonitor(Protocol):
    """Hears of each request. Nothing here may raise or wait, nor keep what it is given."""

    def answered(self, endpoint: str, status: int, seconds: float) -> None:
        """A request was answered. `endpoint`: method and declared path, or `other` for no address of ours."""


class _SilentAccessMonitor:
    def answered(self, endpoint: str, status: int, seconds: float) -> None: ...


SILENT_ACCESS: Final[AccessMonitor] = _SilentAccessMonitor()
