"""Tokens that let us in: kept until they end, made anew once when refused, by one worker at a time.

One class for all: OAuth, Login with Amazon and Shopee differ in what they are asked, which is a function of
the adapter; a static token is one that nothing makes anew.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple, TypeVar

import stamina

from inventory_stream.adapters.channels.secrets import Secrets
from inventory_stream.ports.channel import ChannelError, Result

T = TypeVar("T")

EARLY_MS: Final = 120_000
"""A token is made anew so long before its end: longer than any request lasts, short beside the 15 min of the
shortest-lived one (Walmart)."""

REFUSED_MS: Final = 60_000
"""After a vendor refused to make one, it is not asked again for so long: each ask of a revoked grant counts
against the app, and only a person can mend it. When one says so (`Secrets.mended`), it is asked at once."""

ASKS_MAX: Final = 3
"""Tries to make a token before it is an error."""

ASK_SECONDS_MAX: Final = 20.0
"""Bounds those tries and their pauses, within `secrets.LOCK_SECONDS_MAX` for whoever waits."""

_ASK_WAIT_SECONDS_MAX: Final = 2.0


class Fresh(NamedTuple):
    """What a vendor gave.

    `lives_seconds` None: until refused. `refresh`: the next refresh token, where each is good for one use.
    """

    access: str
    lives_seconds: float | None = None
    refresh: str | None = None

    def __repr__(self) -> str:
        return f"Fresh(lives_seconds={self.lives_seconds})"


class _Refused(NamedTuple):
    """What the vendor said, until when it counts, and `Secrets.mends` at that time."""

    until_ms: int
    error: ChannelError
    mends: int


Ask = Callable[[], Awaitable[Fresh]]
"""Asks the vendor, with the secrets as they are then. Raises ChannelError: AUTH for a refused grant."""


class Tokens:
    """The access token of one account."""

    def __init__(
        self, ask: Ask, secrets: Secrets, now_ms: Callable[[], int], *, refresh_secret: str | None = None
    ) -> None:
        """Hold nothing yet.

        Args:
            ask: Makes a token.
            secrets: Where `refresh_secret` is.
            now_ms: The clock.
            refresh_secret: Name of the refresh token, if the vendor gives a new one with each use; None: none
                is stored.
        """
        self._ask = ask
        self._secrets = secrets
        self._now_ms = now_ms
        self._refresh_secret = refresh_secret
        self._mutex = asyncio.Lock()
        self._access: str | None = None
        self._ends_ms: int | None = None
        self._unstored: Fresh | None = None
        self._refused: _Refused | None = None

    @classmethod
    def static(cls, name: str, secrets: Secrets, now_ms: Callable[[], int]) -> "Tokens":
        """Give one that is the secret `name`: made anew only by whoever changes the secret."""

        async def read() -> Fresh:
            return Fresh(secrets.text(name))

        return cls(read, secrets, now_ms)

    async def get(self) -> str:
        """Give the token, made anew if it ends soon.

        Raises:
            ChannelError: none can be had; AUTH: somebody has to act.
        """
        if self._access is not None and not self._ends_soon():
            return self._access
        return await self.renew(self._access)

    async def renew(self, used: str | None) -> str:
        """Give another token than the refused one; whoever comes second gets what the first one made.

        Raises:
            ChannelError: as `get`; AUTH also if the same one came again.
        """
        async with self._mutex:
            if self._access is not None and self._access != used and not self._ends_soon():
                return self._access
            refused, mends = self._refused, self._secrets.mends
            if refused is not None and self._now_ms() < refused.until_ms and refused.mends == mends:
                raise refused.error
            try:
                fresh = await self._made()
                if fresh.access == used and not self._is_new_life(fresh):
                    raise ChannelError(Result.AUTH, "token-refused")  # noqa: TRY301  # remembered below as well
            except ChannelError as error:
                if error.result is Result.AUTH:
                    self._access = None
                    self._refused = _Refused(self._now_ms() + REFUSED_MS, error, mends)
                raise
            self._access, self._refused = fresh.access, None
            self._ends_ms = (
                None if fresh.lives_seconds is None else self._now_ms() + int(fresh.lives_seconds * 1000)
            )
            return fresh.access

    async def call(self, send: Callable[[str], Awaitable[T]]) -> T:
        """Send with the token; if it is refused, once more with another.

        Raises:
            ChannelError: as `send`, or as `get`.
        """
        used = await self.get()
        try:
            return await send(used)
        except ChannelError as error:
            if error.result is not Result.AUTH:
                raise
        return await send(await self.renew(used))

    def _ends_soon(self) -> bool:
        return self._ends_ms is not None and self._now_ms() >= self._ends_ms - EARLY_MS

    def _is_new_life(self, fresh: Fresh) -> bool:
        return fresh.lives_seconds is not None and self._ends_soon()

    async def _made(self) -> Fresh:
        if self._refresh_secret is None:
            return await self._asked()
        async with self._secrets.lock(self._refresh_secret):
            fresh = self._unstored or await self._asked()
            if fresh.refresh is not None:
                # Before the token is used: a crash after this line loses nothing, one before it may lose the
                # only way in. If it cannot be stored, it is kept here, and tried again before the next ask.
                self._unstored = fresh
                await self._secrets.replace(self._refresh_secret, fresh.refresh)
                self._unstored = None
            return fresh

    async def _asked(self) -> Fresh:
        async for attempt in stamina.retry_context(
            on=_how_soon, attempts=ASKS_MAX, timeout=ASK_SECONDS_MAX, wait_max=_ASK_WAIT_SECONDS_MAX
        ):
            with attempt:
                return await self._ask()
        raise AssertionError  # pragma: no cover  # the last attempt raises


def _how_soon(error: Exception) -> bool:
    return isinstance(error, ChannelError) and error.result in {Result.RETRYABLE, Result.AMBIGUOUS}
