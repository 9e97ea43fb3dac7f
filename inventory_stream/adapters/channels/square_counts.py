"""Square's counts: what is sent, with its times and its keys, and what is read."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Final
from uuid import NAMESPACE_OID, uuid5

import msgspec
from msgspec import Struct

from inventory_stream.ports.channel import ChannelError, Push, Result
from models.ids import decode_id, encode_id

IN_STOCK: Final = "IN_STOCK"

AGE_MS_MAX: Final = 23 * 3_600_000
"""Oldest count that is sent with its own time. Square refuses those older than 24 h; the hour between is for
clocks that disagree and for tries that wait."""

RETIMED_MS: Final = 60_000
"""A count that is too old is given the minute before this one: the same for tries within a minute, and never
later than a newer row of the ledger."""


class Count(Struct):
    """What Square shows of an item at a place."""

    catalog_object_id: str = ""
    location_id: str = ""
    state: str = ""
    quantity: str = "0"

    @property
    def listing(self) -> str:
        """Its id in the mapping's form."""
        return f"{encode_id(self.catalog_object_id)}/{encode_id(self.location_id)}"


class Counts(Struct):
    """An answer with counts."""

    counts: list[Count] = []
    cursor: str | None = None


def parts_of(listing: str) -> tuple[str, str]:
    """Give the catalog object's id and the location's."""
    item, _, place = listing.partition("/")
    return decode_id(item), decode_id(place)


def units_of(quantity: str) -> int:
    """Read a quantity, decimal text with up to 5 places; parts of a unit cannot be sold.

    Raises:
        ChannelError: AMBIGUOUS: it is no number.
    """
    try:
        return int(Decimal(quantity))
    except (InvalidOperation, ValueError, OverflowError):
        raise ChannelError(Result.AMBIGUOUS, "quantity-unreadable") from None


def moment_of(push: Push, now_ms: int) -> int:
    """Say when a count was true, in a time that Square takes.

    One from the future, as the broker's clock is ahead of ours, is of now: later than any row before it.
    """
    if push.at_ms >= now_ms - AGE_MS_MAX:
        return min(push.at_ms, now_ms)
    return (now_ms // RETIMED_MS - 1) * RETIMED_MS


def key_of(some: Sequence[Push], batch: Sequence[Push], key: str, now_ms: int) -> str:
    """Give the idempotency key of a request: another for other content, the same for a repeat.

    Args:
        some: What the request has.
        batch: What the key is of.
        key: Of the batch.
        now_ms: By which times were set anew.
    """
    retimed = {moment_of(push, now_ms) for push in some if moment_of(push, now_ms) != push.at_ms}
    if len(some) == len(batch) and not retimed:
        return key
    named = "|".join([key, *map(str, sorted(retimed)), *sorted(push.listing for push in some)])
    return str(uuid5(NAMESPACE_OID, named))


def changes_body(batch: Sequence[Push], key: str, now_ms: int) -> bytes:
    """Write counts. `reference_id` carries the revision."""
    return msgspec.json.encode(
        {
            "idempotency_key": key,
            "changes": [
                {
                    "type": "PHYSICAL_COUNT",
                    "physical_count": {
                        "reference_id": str(push.version),
                        "catalog_object_id": parts_of(push.listing)[0],
                        "state": IN_STOCK,
                        "location_id": parts_of(push.listing)[1],
                        "quantity": str(push.units),
                        "occurred_at": _rfc_3339(moment_of(push, now_ms)),
                    },
                }
                for push in batch
            ],
            "ignore_unchanged_counts": True,
        }
    )


def counts_body(items: Sequence[str], place: str, cursor: str | None) -> bytes:
    """Ask for the counts of items at one place."""
    asked: dict[str, object] = {
        "catalog_object_ids": list(items),
        "location_ids": [place],
        "states": [IN_STOCK],
        "limit": 1_000,
    }
    return msgspec.json.encode(asked if cursor is None else {**asked, "cursor": cursor})


def _rfc_3339(at_ms: int) -> str:
    text = datetime.fromtimestamp(at_ms / 1_000, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
