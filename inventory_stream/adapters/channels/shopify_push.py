"""What one push at Shopify says, under which key, and how each of its items ended."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Annotated, Final, Literal
from uuid import NAMESPACE_URL, uuid5

import msgspec
from msgspec import Meta

from inventory_stream.adapters.channels.answers import code_of
from inventory_stream.adapters.channels.halving import REFUSED_WITH_OTHERS
from inventory_stream.adapters.channels.shopify_words import (
    OF_USER_ERROR,
    QUANTITIES_MAX,
    SetPayload,
    UserError,
)
from inventory_stream.ports.channel import Caps, ChannelError, Ended, Limit, Push, Result

POINTS: Final = "points"
"""The one budget, of the app at the shop; a query and a mutation cost points."""
POINTS_PER_SECOND: Final = {"standard": 100.0, "advanced": 200.0, "plus": 1_000.0, "enterprise": 2_000.0}
"""By plan (channels.md 1a); each answer tells the shop's own."""
BUCKET_SECONDS: Final = 10.0
"""A full bucket lasts so long: small beside what shops state, so that a start takes nobody by surprise."""
SET_POINTS: Final = 10.0
"""A mutation's price; what it names in its answer is corrected by the bucket that the answer tells."""
SHOWN_POINTS: Final = 3.0
"""An item, its level and its quantity."""
READ_BACK_MAX: Final = 10
"""Listings asked of in one go. Points bound a comparison, not round trips; pushes wait while a read's points
flow in, so that a zero waits 0.6 s at most behind one."""


class ShopifyOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an entry may say of a shop."""

    plan: Annotated[
        Literal["standard", "advanced", "plus", "enterprise"],
        Meta(description="plan of the shop, for the first guess at its points; default standard"),
    ] = "standard"
    requests_per_second: Annotated[
        float, Meta(gt=0, le=1_000, description="most pushes per second (not verified; default 5)")
    ] = 5.0
    reason: Annotated[
        str,
        Meta(
            min_length=1, max_length=64, description="reason shown in the shop's history; default correction"
        ),
    ] = "correction"
    settle_seconds: Annotated[
        float, Meta(ge=0, le=600, description="after so long a read back shows what was set; default 2")
    ] = 2.0
    compares: Annotated[
        bool, Meta(description="set only where the shop shows what was last acknowledged; default true")
    ] = True


def caps_of(options: ShopifyOptions) -> Caps:
    """Say what a shop can do."""
    per_second = min(POINTS_PER_SECOND[options.plan], options.requests_per_second * SET_POINTS)
    burst = max(per_second * BUCKET_SECONDS, READ_BACK_MAX * SHOWN_POINTS)
    return Caps(
        batch_max=QUANTITIES_MAX,
        in_flight_max=2,  # one being answered, one on its way; more would only freeze what waits
        limits=(Limit(POINTS, per_second, burst, is_stated=True),),
        push_cost=SET_POINTS,
        has_cas=options.compares,
        read_back_max=READ_BACK_MAX,
        settle_seconds=options.settle_seconds,
        units_max=1_000_000_000,
    )


def input_of(batch: Sequence[Push], options: ShopifyOptions) -> dict[str, object]:
    """Build the mutation's input, the same for the same batch.

    One call has one reference: it carries the newest revision of the batch.
    """
    newest = max(push.version for push in batch)
    quantities = []
    for push in batch:
        item, location = push.listing.split("/")
        quantities.append(
            {
                "inventoryItemId": item_gid(item),
                "locationId": location_gid(location),
                "quantity": push.units,
                # The shop demands the field; null compares nothing.
                "changeFromQuantity": push.expected_units if options.compares else None,
            }
        )
    return {
        "name": "available",
        "reason": options.reason,
        "referenceDocumentUri": f"gid://inventory-stream/Revision/{newest.generation_ms}-{newest.offset}",
        "quantities": quantities,
    }


def wire_key(key: str, change: Mapping[str, object], attempt: int) -> str:
    """Give the idempotency key to send: the same for the same variables, another for every other.

    The batch's key does not cover what is compared, nor a half of the batch, and Shopify refuses a key that
    comes with other variables. `attempt` counts keys that were burnt (PREVIOUS_ATTEMPT_FAILED).
    """
    digest = hashlib.sha256(msgspec.json.encode(change)).hexdigest()
    return str(uuid5(NAMESPACE_URL, f"{key}/{attempt}/{digest}"))


def ends_of(batch: Sequence[Push], payload: SetPayload) -> list[Ended]:
    """Give each item its end: named as changed, refused by its place in the input, or neither.

    Raises:
        ChannelError: the call is refused whole, and no item is named.
    """
    group = payload.inventory_adjustment_group
    changed = {
        f"{number_of(change.item.id)}/{number_of(change.location.id)}"
        for change in (group.changes if group else ())
        if change.name == "available" and change.item and change.location
    }
    refused = {error.place: error for error in payload.user_errors if error.place is not None}
    if payload.user_errors and not refused and not changed:
        raise ChannelError(*_refusal_of(payload.user_errors[0]))
    ends = []
    for place, push in enumerate(batch):
        if push.listing in changed:
            ends.append(Ended(push.listing, Result.APPLIED))
        elif error := refused.get(place):
            ends.append(Ended(push.listing, *_refusal_of(error)))
        elif payload.user_errors and group is None:
            ends.append(Ended(push.listing, Result.RETRYABLE, REFUSED_WITH_OTHERS))
        else:
            ends.append(Ended(push.listing, Result.AMBIGUOUS, "not-named"))
    return ends


def _refusal_of(error: UserError) -> tuple[Result, str]:
    return OF_USER_ERROR.get(error.code or "", Result.PERMANENT), code_of(error.code or "refused")


def item_gid(item: str) -> str:
    """Give the global id of an inventory item."""
    return f"gid://shopify/InventoryItem/{item}"


def location_gid(location: str) -> str:
    """Give the global id of a location."""
    return f"gid://shopify/Location/{location}"


def number_of(gid: str) -> str:
    """Give the digits of a global id."""
    return gid.rpartition("/")[2]
