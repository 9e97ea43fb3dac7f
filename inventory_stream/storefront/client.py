"""The client of a shop: stock from the nearest place, writes that keep their key."""

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import AsyncExitStack
from typing import Any, Final, Self
from urllib.parse import quote
from uuid import uuid4

import msgspec

from inventory_stream.adapters.redis.view import RedisAvailabilityView
from inventory_stream.settings import RedisSettings
from inventory_stream.storefront.answers import LiveStock, Reservation, Stock
from inventory_stream.storefront.calls import GatewayCalls
from inventory_stream.storefront.shelf import Shelf, shown_in
from inventory_stream.storefront.stream import events

ATTEMPTS: Final = 6
WITHIN_SECONDS: Final = 15.0
"""A gateway's or a ledger owner's restart takes some seconds; no shopper waits longer."""
MAX_AGE_SECONDS: Final = 0.5
"""How old stock from memory may be: a page of a crowded sale then asks Redis twice a second, not a
thousand times."""
STALE_SECONDS_MAX: Final = 60.0
"""How old stock may be where nobody answers: a page outlives a restart, and no outage shows it for hours."""


class Storefront:
    """One shop. Use `async with`, once for the life of the process."""

    def __init__(
        self,
        gateway: str,
        key: str,
        *,
        redis: RedisSettings | str | None = None,
        attempts: int = ATTEMPTS,
        within_seconds: float = WITHIN_SECONDS,
    ) -> None:
        """Connect to nothing yet.

        Args:
            gateway: Address of the gateway, as `https://stock.example`.
            key: An API key or token with the scope `storefront`.
            redis: Where the view is: a URL, or settings with user and TLS. None: ask the gateway.
            attempts: Tries of one call in all.
            within_seconds: Longest time for all of them.
        """
        self._calls = GatewayCalls(gateway, key, attempts=attempts, within_seconds=within_seconds)
        settings = RedisSettings(url=redis) if isinstance(redis, str) else redis
        self._view = None if settings is None else RedisAvailabilityView.connect(settings)
        self._shelf = Shelf(self._view, self._calls)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Let go of all connections."""
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._calls.close)
            if self._view is not None:
                stack.push_async_callback(self._view.close)

    async def availability(
        self,
        skus: Collection[str],
        *,
        channel: str | None = None,
        max_age_seconds: float = MAX_AGE_SECONDS,
        stale_seconds_max: float = STALE_SECONDS_MAX,
    ) -> Mapping[str, Stock]:
        """Give what can be sold of each SKU; those that the ledger has never heard of are left out.

        Args:
            skus: Which.
            channel: As this channel is shown them (R25).
            max_age_seconds: How old an answer from memory may be; 0: none from memory.
            stale_seconds_max: How old it may be where nobody answers; it is not `is_fresh` then.

        Raises:
            Unreachable: neither Redis nor the gateway answers, nor memory. Refused: the gateway says no.
        """
        found = await self._shelf.read(skus, max_age_seconds, stale_seconds_max)
        return {sku: shown_in(stock, channel) for sku, stock in found.items()}

    async def reserve(
        self,
        sku: str,
        units: int,
        *,
        idempotency_key: str | None = None,
        admission: str | None = None,
        **more: Any,  # noqa: ANN401  # the fields of `ReserveBody`, checked by the gateway
    ) -> Reservation:
        """Set units aside for a shopper.

        Args:
            sku: What.
            units: How many.
            idempotency_key: The same for each attempt at the same thing, also by another process; None: the
                attempts of this call alone.
            admission: What the waiting room of the sale gave.
            **more: `location` or `group`, `ttl_seconds`, `sale_id`, `channel`, `customer`, ... as in the API.

        Raises:
            Refused: sold out, limit reached, ... Unreachable: it is not known whether it is held; ask again
            with the same key.
        """
        headers = {} if admission is None else {"Waiting-Room-Admission": admission}
        body = {"sku": sku, "units": units, **more}
        return await self._calls.post(
            "/v1/reservations", Reservation, body, idempotency_key or new_key(), headers
        )

    async def reservation(self, reservation_id: str) -> Reservation:
        """Give a reservation as the ledger has it now; raises as `availability`."""
        return await self._calls.get(f"/v1/reservations/{quote(reservation_id, safe='')}", Reservation)

    async def extend(
        self, reservation_id: str, ttl_seconds: int, *, idempotency_key: str | None = None
    ) -> Reservation:
        """Move the deadline to so many seconds from now; raises as `reserve`."""
        return await self._act(reservation_id, "extend", {"ttl_seconds": ttl_seconds}, idempotency_key)

    async def confirm(
        self, reservation_id: str, *, order_id: str | None = None, idempotency_key: str | None = None
    ) -> Reservation:
        """Say that it is paid; a public key may not.

        Raises:
            Refused: kind `expired`: it came too late and the units are gone; refund. Else as `reserve`.
        """
        body = {} if order_id is None else {"order_id": order_id}
        return await self._act(reservation_id, "confirm", body, idempotency_key)

    async def release(self, reservation_id: str, *, idempotency_key: str | None = None) -> Reservation:
        """Give the units back; raises as `reserve`."""
        return await self._act(reservation_id, "release", {}, idempotency_key)

    async def watch(self, skus: Collection[str], *, channel: str | None = None) -> AsyncIterator[LiveStock]:
        """Give what SKUs show now and then each change, for ever, also over breaks of the line.

        Raises:
            Refused: the gateway does not let us listen.
        """
        query = {"skus": ",".join(skus), **({} if channel is None else {"channel": channel})}
        async for event in events(self._calls, "/v1/live", query):
            if event.name in {"availability", "stale"}:
                try:
                    stock = msgspec.json.decode(event.data, type=LiveStock)
                except msgspec.DecodeError:
                    continue  # of another version of the gateway; the next one says all anew
                yield stock

    async def _act(
        self, reservation_id: str, act: str, body: Mapping[str, Any], idempotency_key: str | None
    ) -> Reservation:
        path = f"/v1/reservations/{quote(reservation_id, safe='')}/{act}"
        return await self._calls.post(path, Reservation, body, idempotency_key or new_key(), {})


def new_key() -> str:
    """Make an Idempotency-Key."""
    return uuid4().hex
