"""A bulk of Adobe Commerce: up to 5,000 operations in the shop's queue, polled until each has ended.

The paths and statuses are of the vendor's documents; they are not in the schema that is at hand.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final, Protocol
from uuid import UUID

import msgspec
from msgspec import Struct

from inventory_stream.adapters.channels.adobe_words import NAME, item_of
from inventory_stream.adapters.channels.answers import code_of, decoded, whole
from inventory_stream.adapters.channels.exchange import Answer
from inventory_stream.ports.channel import ChannelError, DriftMonitor, Ended, Push, Result

BULK_MAX: Final = 5_000
"""Operations of one bulk where the shop's input limits are on (channels.md 1a)."""

POLL_SECONDS: Final = 0.5
"""First pause between two looks; each is half as long again."""
POLL_SECONDS_MAX: Final = 10.0
"""Longest pause: an answer has about 1 MB for 5,000 operations, which nobody wants every second."""

_RESULTS: Final = {
    1: Result.APPLIED,
    2: Result.RETRYABLE,
    3: Result.PERMANENT,
    5: Result.PERMANENT,
}
"""By status of an operation: complete, failed and may be tried again, failed for good, rejected; 4: open."""
_REJECTED: Final = "rejected"

_STATUS_UNUSED: Final = (
    "extension_attributes",
    "user_type",
    "bulk_id",
    "description",
    "start_time",
    "user_id",
    "operation_count",
)


class _Accepted(Struct):
    id: int
    status: str
    data_hash: str | None = None
    error_message: str | None = None
    error_code: int | None = None


class _Bulk(Struct):
    bulk_uuid: UUID  # it becomes part of an address
    request_items: list[_Accepted]
    errors: bool = False


class _Operation(Struct):
    id: int
    status: int
    result_message: str | None = None
    error_code: int | None = None


class _Status(Struct):
    operations_list: list[_Operation]


class Send(Protocol):
    """Asks the shop once; see `adobe.AdobeCommerce`."""

    async def __call__(
        self, method: str, path: str, *, limit: str | None, body: bytes | None = None
    ) -> Answer:
        """Give an answer of 2xx."""


async def push_as_bulk(
    batch: Sequence[Push], send: Send, drift: DriftMonitor, *, limit: str, wait_seconds: float
) -> list[Ended]:
    """Hand over a batch and wait for its end.

    Args:
        batch: At most `BULK_MAX`; the place of an item is its operation's id.
        send: Asks the shop.
        drift: Hears of answers that do not fit.
        limit: Whose tokens each request takes.
        wait_seconds: After so long, whatever is open is AMBIGUOUS: the queue may still do it.

    Raises:
        ChannelError: the shop did not take the bulk, or not surely.
    """
    body = msgspec.json.encode([{"sourceItems": [item_of(push)]} for push in batch])
    taken = decoded(
        await send("POST", "/async/bulk/V1/inventory/source-items", limit=limit, body=body),
        _Bulk,
        drift,
        NAME,
    )
    ends = {
        batch[item.id].listing: Ended(batch[item.id].listing, Result.PERMANENT, _REJECTED)
        for item in taken.request_items
        if item.status == _REJECTED and 0 <= item.id < len(batch)
    }
    path = f"/V1/bulk/{taken.bulk_uuid}/status"
    try:
        async with asyncio.timeout(wait_seconds):
            pause = POLL_SECONDS
            while len(ends) < len(batch):
                await asyncio.sleep(pause)
                pause = min(pause * 1.5, POLL_SECONDS_MAX)
                ends = {**await _ended(batch, send, drift, path, limit), **ends}
    except TimeoutError:
        pass  # what has not ended is not named
    return whole(batch, ends)


async def _ended(
    batch: Sequence[Push], send: Send, drift: DriftMonitor, path: str, limit: str
) -> Mapping[str, Ended]:
    """Look at the operations once; a look that fails tells nothing of them, and comes again."""
    try:
        status = decoded(await send("GET", path, limit=limit), _Status, drift, NAME, ignored=_STATUS_UNUSED)
    except ChannelError:
        return {}
    if not all(0 <= one.id < len(batch) for one in status.operations_list):
        return {}  # ids of another kind, as versions before 2.4 gave them: nobody knows whose they are
    return {
        batch[one.id].listing: Ended(batch[one.id].listing, result, _code_of(one))
        for one in status.operations_list
        if (result := _RESULTS.get(one.status)) is not None
    }


def _code_of(operation: _Operation) -> str:
    if _RESULTS[operation.status] is Result.APPLIED:
        return ""
    return code_of(operation.error_code or f"status-{operation.status}")
