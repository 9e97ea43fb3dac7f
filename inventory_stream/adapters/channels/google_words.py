"""What is said to Google Merchant and what it says: options, bodies, ids, refusals."""

from base64 import urlsafe_b64encode
from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct

from inventory_stream.adapters.channels.answers import code_of
from inventory_stream.adapters.channels.bounded import retry_at
from inventory_stream.adapters.channels.exchange import Answer
from inventory_stream.ports.channel import ChannelError, Result
from models.ids import decode_id

RATE_PAUSE_MS: Final = 60_000
"""After `request_rate_too_high`: the quota is counted by the minute."""
DAY_PAUSE_MS: Final = 3_600_000
"""After `daily_limit_exceeded`: when Google's day ends is not said, so one call an hour finds out. It is not
bounded by the 15 minutes of a Retry-After, as it is our own number."""


class GoogleOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """What an entry may say of a merchant. Google gives each its own quota, which an operator can look up."""

    requests_per_minute: Annotated[
        float,
        Meta(gt=0, le=60_000, description="quota of localInventories.insert per minute; default 300"),
    ] = 300.0
    in_flight: Annotated[int, Meta(ge=1, le=32, description="pushes at once; default 4")] = 4
    settle_seconds: Annotated[
        float,
        Meta(ge=0, le=7_200, description="after so long a read back shows what was set; default 1800"),
    ] = 1_800.0
    attributes: Annotated[
        dict[str, Any],
        Meta(
            description="attributes sent along with each call, such as pickupMethod and pickupSla: a call "
            "replaces all of them, so what is not named here is gone; default none"
        ),
    ] = {}


class Attributes(Struct):
    """The two that count."""

    availability: str | None = None
    quantity: str | None = None


class Local(Struct, rename="camel"):
    """A product at a store, as answers and pages have it."""

    store_code: str = ""
    local_inventory_attributes: Attributes | None = None


class Page(Struct, rename="camel"):
    """Stores of a product."""

    local_inventories: list[Local] = []
    next_page_token: str | None = None


class _Detail(Struct):
    reason: str | None = None


class _Error(Struct):
    status: str = ""
    details: list[_Detail] = []


class _Refusal(Struct):
    error: _Error


def error_of(answer: Answer, now_ms: int) -> ChannelError:
    """Say what an answer that is no success means."""
    try:
        error = msgspec.convert(answer.json(), _Refusal).error
    except (ChannelError, msgspec.ValidationError):
        error = _Error()
    reason = next((detail.reason for detail in error.details if detail.reason), error.status)
    code = code_of(reason) if reason else f"http-{answer.status}"
    if answer.status == 429 or reason in _PAUSES_MS:
        retry_at_ms = retry_at(answer.headers, now_ms)
        if retry_at_ms is None and reason in _PAUSES_MS:
            retry_at_ms = now_ms + _PAUSES_MS[reason]
        return ChannelError(Result.THROTTLED, code, retry_at_ms)
    # What is no error of Google's own form comes from something before it.
    return ChannelError(_RESULTS.get(error.status, Result.PERMANENT) if reason else Result.RETRYABLE, code)


_PAUSES_MS: Final = {
    "quota/request_rate_too_high": RATE_PAUSE_MS,
    "quota/daily_limit_exceeded": DAY_PAUSE_MS,
}
_RESULTS: Final = {
    "UNAUTHENTICATED": Result.AUTH,
    "PERMISSION_DENIED": Result.AUTH,
    "RESOURCE_EXHAUSTED": Result.THROTTLED,
    "ABORTED": Result.RETRYABLE,
    "CANCELLED": Result.RETRYABLE,
}
"""By `google.rpc.Code`; those of 5xx never come here, and all others are about what was asked."""
IGNORED: Final = frozenset(
    {"name", "account", "base64EncodedName"}
    | {
        f"localInventoryAttributes.{name}"
        for name in (
            "customAttributes",
            "instoreProductLocation",
            "localShippingLabel",
            "loyaltyPrograms",
            "pickupMethod",
            "pickupSla",
            "price",
            "salePrice",
            "salePriceEffectiveDate",
        )
    }
)


def parts_of(listing: str) -> tuple[str, str]:
    """Give the product's id and the store's code."""
    product, _, store = listing.partition("/")
    return decode_id(product), decode_id(store)


def segment_of(product: str) -> str:
    """Write a product's id into a path: base64url without padding, as Google recommends for every id."""
    return urlsafe_b64encode(product.encode()).decode().rstrip("=")


def body_of(units: int, store: str, attributes: Mapping[str, object]) -> bytes:
    """Write what a store has. An int64 is text in Google's JSON."""
    availability = "IN_STOCK" if units > 0 else "OUT_OF_STOCK"
    said = {**attributes, "availability": availability, "quantity": str(units)}
    return msgspec.json.encode({"storeCode": store, "localInventoryAttributes": said})


def units_of(attributes: Attributes | None) -> int | None:
    """Read how many there are; None: it does not say."""
    if attributes is None:
        return None
    if attributes.quantity is not None and attributes.quantity.isdecimal():
        return int(attributes.quantity)
    return 0 if attributes.availability == "OUT_OF_STOCK" else None
