"""Shopify's words: the two documents that are sent, the shapes of their answers, and what each code means.

Of the GraphQL Admin API 2026-10, as its schema says and channels.md 1a adds; the schema itself enforces
neither the 250, nor `changeFromQuantity`, nor `@idempotent`: the shop does.
"""

from typing import Final

from msgspec import Struct, field

from inventory_stream.ports.channel import Result

API_VERSION: Final = "2026-10"
"""Pinned: codes differ between versions (ITEM_NOT_STOCKED_AT_LOCATION is of 2026-07 only)."""

QUANTITIES_MAX: Final = 250
"""Most quantities of one `inventorySetQuantities`."""

SET: Final = (
    "mutation Set($input: InventorySetQuantitiesInput!, $key: String!) {"
    " inventorySetQuantities(input: $input) @idempotent(key: $key) {"
    ' inventoryAdjustmentGroup { changes(quantityNames: ["available"]) { name item { id } location { id } } }'
    " userErrors { code field message } } }"
)
"""Sets quantities; the answer names each (item, location) that it changed."""

SHOWN: Final = (
    "query Shown($items: [ID!]!, $location: ID!) { nodes(ids: $items) { ... on InventoryItem {"
    " id inventoryLevel(locationId: $location)"
    ' { quantities(names: ["available"]) { name quantity } } } } }'
)
"""Asks what items show at one location: a level's own id is not known to us, its item's is."""


class ThrottleStatus(Struct, rename="camel"):
    """The bucket, in points: how large, how full, and how many flow in per second."""

    maximum_available: float
    currently_available: float
    restore_rate: float


class Cost(Struct, rename="camel"):
    """What a call costs, in points; `actual` is null where it was not done."""

    throttle_status: ThrottleStatus
    requested_query_cost: float = 0.0
    actual_query_cost: float | None = None


class Extensions(Struct):
    """What stands beside the data."""

    cost: Cost | None = None


class CallError(Struct):
    """A whole call failed; `extensions.code` says why. Its message may quote us: it is not kept."""

    extensions: dict[str, object] = field(default_factory=dict)

    @property
    def code(self) -> str:
        """Shopify's word; "" where a document did not fit the schema."""
        return str(self.extensions.get("code", ""))


class CallAnswer(Struct, kw_only=True):
    """What all answers share."""

    errors: list[CallError] = field(default_factory=list)
    extensions: Extensions | None = None


class UserError(Struct):
    """What was sent is refused; `field` leads to the item: input, quantities, its number, the field."""

    code: str | None = None
    field: list[str] | None = None
    message: str = ""

    @property
    def place(self) -> int | None:
        """The item's number in the input; None: it is about the whole call."""
        if self.field and len(self.field) > 2 and self.field[1] == "quantities" and self.field[2].isdecimal():
            return int(self.field[2])
        return None


class Named(Struct):
    """A thing by its global id."""

    id: str


class Change(Struct):
    """One quantity that was set; without item or location where they are gone."""

    name: str
    item: Named | None = None
    location: Named | None = None


class Group(Struct):
    """What one call changed."""

    changes: list[Change]


class SetPayload(Struct, rename="camel"):
    """The mutation's answer."""

    user_errors: list[UserError]
    inventory_adjustment_group: Group | None = None


class SetData(Struct, rename="camel"):
    """The data of `SET`; null where the whole call failed."""

    inventory_set_quantities: SetPayload | None = None


class SetAnswer(CallAnswer):
    """The answer to `SET`."""

    data: SetData | None = None


class Quantity(Struct):
    """One kind of quantity."""

    name: str
    quantity: int


class Level(Struct):
    """What one item shows at the asked location."""

    quantities: list[Quantity]


class Item(Struct, rename="camel"):
    """An inventory item; without a level where it is not stocked, without an id where it is no item."""

    id: str | None = None
    inventory_level: Level | None = None


class ShownData(Struct):
    """The data of `SHOWN`; null for ids that are not known."""

    nodes: list[Item | None]


class ShownAnswer(CallAnswer):
    """The answer to `SHOWN`."""

    data: ShownData | None = None


class TokenAnswer(Struct):
    """A new access token, with the refresh token for the next; the one that was used is worth nothing now."""

    access_token: str
    expires_in: float | None = None
    refresh_token: str | None = None


DOCUMENTED: Final = ("errors.message", "errors.locations", "errors.path")
"""Fields of answers that are no drift though nobody here reads them."""

PREVIOUS_ATTEMPT_FAILED: Final = "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED"
"""The key is burnt: the same must go with a new one."""
TOKEN_EXPIRED: Final = "ACCESS_TOKEN_EXPIRED"  # noqa: S105  # Shopify's word, no secret
"""The access token lives 60 minutes; it is made anew once."""

OF_USER_ERROR: Final = {
    "CHANGE_FROM_QUANTITY_STALE": Result.STALE,
    "COMPARE_QUANTITY_STALE": Result.STALE,
    "IDEMPOTENCY_CONCURRENT_REQUEST": Result.RETRYABLE,
    PREVIOUS_ATTEMPT_FAILED: Result.RETRYABLE,
    # What we or the entry say of every item alike is no item's fault: none may die of it.
    "IDEMPOTENCY_KEY_PARAMETER_MISMATCH": Result.RETRYABLE,
    "INVALID_NAME": Result.RETRYABLE,
    "INVALID_REASON": Result.RETRYABLE,
    "INVALID_REFERENCE_DOCUMENT": Result.RETRYABLE,
}
"""What a refusal means; every other code is PERMANENT: the same is refused again."""

OF_CALL_ERROR: Final = {
    "THROTTLED": Result.THROTTLED,
    TOKEN_EXPIRED: Result.AUTH,
    "ACCESS_DENIED": Result.AUTH,
    "SHOP_INACTIVE": Result.AUTH,
    # Nothing says whether the mutation was done before the server failed.
    "INTERNAL_SERVER_ERROR": Result.AMBIGUOUS,
    "TIMEOUT": Result.AMBIGUOUS,
    # Found by halves: one item's id, or too many of them.
    "INVALID_VARIABLE": Result.PERMANENT,
    "MAX_COST_EXCEEDED": Result.PERMANENT,
}
"""What the failure of a whole call means; others (a document that does not fit the schema any more) are
RETRYABLE: they are no item's fault, and the breaker hears of them."""

OF_STATUS: Final = {
    401: Result.AUTH,
    402: Result.AUTH,  # the shop is frozen: it has not paid
    403: Result.AUTH,
    404: Result.AUTH,  # no such shop, or the app is gone from it
    423: Result.AUTH,  # the shop is locked
    430: Result.THROTTLED,  # Shopify's own: looks like an attack
}
"""What a status means that is no 2xx; others are RETRYABLE, as no item's fault."""
