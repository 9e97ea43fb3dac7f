"""Amazon's words: what a listing is called and told, and the shapes of the answers that count here.

Listings Items 2021-08-01, Feeds 2021-06-30 and the listings feed's processing report, version 2.
"""

from typing import Final

from msgspec import Struct, field

from inventory_stream.ports.channel import Limit
from models.ids import decode_id

# Rates and bursts as the vendor's files state them per operation; an account may have been granted more, and
# answers say so.
PATCH: Final = Limit("patch", 5.0, 5.0, is_stated=True)
GET: Final = Limit("get", 5.0, 10.0, is_stated=True)
SEARCH: Final = Limit("search", 5.0, 5.0, is_stated=True)
FEED_CREATE: Final = Limit("feed-create", 0.0083, 15.0, is_stated=True)
FEED_DOCUMENT: Final = Limit("feed-document", 0.5, 15.0, is_stated=True)
FEED_GET: Final = Limit("feed-get", 2.0, 15.0, is_stated=True)
FEED_REPORT: Final = Limit("feed-report", 0.0222, 10.0, is_stated=True)
LIMITS: Final = (PATCH, GET, SEARCH, FEED_CREATE, FEED_DOCUMENT, FEED_GET, FEED_REPORT)

RATE_HEADER: Final = "x-amzn-ratelimit-limit"
"""The rate (requests/s) of the operation that answered: one of several limits, so a 429 may still come."""


class Issue(Struct, rename="camel"):
    """What Amazon has to say about an item. Only ERROR keeps the item from being taken."""

    severity: str
    code: str = ""
    message_id: int | None = None


class Submission(Struct, rename="camel"):
    """The answer to a PATCH. ACCEPTED: taken, not live yet; VALID: of a preview; INVALID: refused."""

    sku: str
    status: str
    issues: list[Issue] = field(default_factory=list)

    @property
    def error_code(self) -> str | None:
        """The code of the first error; None: there is none."""
        return next((issue.code for issue in self.issues if issue.severity == "ERROR"), None)


class Fulfillment(Struct, rename="camel"):
    """What is live for one way of fulfilment; without a quantity where Amazon keeps the stock."""

    fulfillment_channel_code: str
    quantity: int | None = None


class Item(Struct, rename="camel"):
    """A listing as it is live."""

    sku: str
    fulfillment_availability: list[Fulfillment] = field(default_factory=list)


class Found(Struct):
    """Listings found."""

    items: list[Item]


class ErrorWord(Struct):
    """Why a request was refused. Message and details may quote what was sent: they are not kept."""

    code: str = ""


class Refusal(Struct):
    """The body of a 4xx."""

    errors: list[ErrorWord] = field(default_factory=list)


class Document(Struct, rename="camel"):
    """Where a feed's document is put or got, for five minutes."""

    url: str
    feed_document_id: str = ""
    compression_algorithm: str | None = None


class FeedCreated(Struct, rename="camel"):
    """A feed is queued."""

    feed_id: str


class FeedState(Struct, rename="camel"):
    """How far a feed is: IN_QUEUE, IN_PROGRESS, DONE, CANCELLED, or FATAL (some of it may be applied)."""

    processing_status: str
    result_feed_document_id: str | None = None


class ReportSummary(Struct, rename="camel"):
    """What became of a feed's messages, in numbers."""

    messages_processed: int
    messages_accepted: int
    messages_invalid: int


class Report(Struct):
    """A feed's processing report: names what is wrong, counts the rest."""

    summary: ReportSummary
    issues: list[Issue] = field(default_factory=list)


class TokenAnswer(Struct):
    """An access token of Login with Amazon."""

    access_token: str
    expires_in: float | None = None


IGNORED: Final = (
    "submissionId",
    "identifiers",
    "issues.message",
    "issues.categories",
    "issues.attributeNames",
    "issues.enforcements",
    "issues.marketplaceIds",
    "numberOfResults",
    "pagination",
    "feedId",
    "feedType",
    "marketplaceIds",
    "createdTime",
    "processingStartTime",
    "processingEndTime",
    "header",
    "items",
    "issues.sku",
    "issues.attributeName",
    "summary.errors",
    "summary.warnings",
    "summary.itemSummary",
    "errors.message",
    "errors.details",
    "refresh_token",
    "token_type",
)
"""Fields of answers that Amazon documents and nobody here reads."""


def parts_of(listing: str) -> tuple[str, str]:
    """Give a listing's SKU and product type."""
    sku, product_type = listing.split("/")
    return decode_id(sku), decode_id(product_type)


def patches_of(units: int) -> list[dict[str, object]]:
    """Say how many the seller has, and nothing of what Amazon keeps itself."""
    return [
        {
            "op": "replace",
            "path": "/attributes/fulfillment_availability",
            "value": [{"fulfillment_channel_code": "DEFAULT", "quantity": units}],
        }
    ]
