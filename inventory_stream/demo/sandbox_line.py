"""The demo's line to the sandbox: what its channels show, and what it has them do."""

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

import aiohttp

from inventory_stream.demo.errors import DemoError
from inventory_stream.sandbox.faults import Fault

CALL_SECONDS_MAX: Final = 10.0
"""Of one call: the sandbox answers at once, but for a sale, which waits for the gateway's answer."""


class Channel(NamedTuple):
    """One channel as it is now. `shown`: units by listing."""

    shown: Mapping[str, int]
    requests: int
    overlaps: int


class SandboxLine:
    """`async with`; all calls raise DemoError when the sandbox does not answer well."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(CALL_SECONDS_MAX))
        return self

    async def __aexit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def look(self, channel: str) -> Channel:
        """Ask what a channel shows."""
        told = await self._ask("GET", f"/{channel}", None)
        return Channel(told["shown"], told["requests"], told["overlaps"])

    async def slow(self, channel: str, work_seconds: float) -> None:
        """Have it take its time for each write, as one far away does."""
        await self._ask("POST", f"/{channel}/pace", {"work_seconds": work_seconds})

    async def break_for(self, channel: str, fault: Fault, seconds: float) -> None:
        """Have it fail."""
        await self._ask("POST", f"/{channel}/faults", {"fault": fault, "seconds": seconds})

    async def mend(self, channel: str) -> None:
        """Have it work again."""
        await self._ask("DELETE", f"/{channel}/faults", None)

    async def sell(self, channel: str, order_id: str, listing: str, units: int, repeats: int) -> list[int]:
        """Have it sell by itself; gives what the gateway answered to each of its webhooks."""
        sale = {"order_id": order_id, "lines": [{"listing": listing, "units": units}], "repeats": repeats}
        statuses: list[int] = (await self._ask("POST", f"/{channel}/sell", sale))["webhooks"]
        return statuses

    async def _ask(self, method: str, path: str, body: object) -> Any:  # noqa: ANN401  # JSON
        assert self._session is not None, "used outside of its block"  # noqa: S101
        try:
            async with self._session.request(method, self._url + path, json=body) as answer:
                if answer.status != 200:
                    raise DemoError(f"the sandbox answered {method} {path} with {answer.status}")
                return await answer.json()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise DemoError(f"the sandbox does not answer {method} {path}: {error}") from error
