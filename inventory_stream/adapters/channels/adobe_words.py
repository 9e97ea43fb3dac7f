"""Adobe Commerce's words: listing ids, bodies, searches, and shapes of answers.

Checked against the vendor's schema of the inventory API, which names no field as required and no answer of
200 to a save; what is required here is what the shop's code does (channels.md, section 4).
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

import msgspec
from msgspec import Struct

from inventory_stream.adapters.channels.answers import code_of
from inventory_stream.adapters.channels.exchange import Answer
from inventory_stream.ports.channel import ChannelError, Push, Result
from models.ids import decode_id, has_control_character

NAME: Final = "adobe"
SKU_CHARACTERS_MAX: Final = 64
"""Of the shop's database."""
SOURCE_CHARACTERS_MAX: Final = 255

IN_STOCK: Final = 1
OUT_OF_STOCK: Final = 0
"""The status does not follow the quantity: with 1, a source of 0 may still sell by backorders."""

_OF_ITEMS: Final = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE})

UNUSED: Final = ("search_criteria", "total_count", "items.status", "items.extension_attributes")
"""What a search answers besides."""


class SourceItem(Struct):
    """What a source has of a SKU, before the reservations of the shop's own orders."""

    sku: str
    source_code: str
    quantity: float


class Found(Struct):
    """Answer to a search."""

    items: list[SourceItem]


class _Refusal(Struct):
    message: str
    errors: list[dict[str, Any]] = []


def parts_of(listing: str) -> tuple[str, str]:
    """Take a listing id apart that was checked: SKU and source code."""
    sku, source = listing.split("/")
    return decode_id(sku), decode_id(source)


def check_listing(listing: str) -> str | None:
    """Say why a listing id cannot be Adobe Commerce's."""
    parts = [decode_id(part) for part in listing.split("/")]
    if len(parts) != 2 or not all(parts):
        return "must be <sku>/<source code>, with %2F for a slash within"
    sku, source = parts
    if len(sku) > SKU_CHARACTERS_MAX or len(source) > SOURCE_CHARACTERS_MAX:
        return f"the SKU has at most {SKU_CHARACTERS_MAX} characters, the source {SOURCE_CHARACTERS_MAX}"
    if has_control_character(sku + source) or sku != sku.strip() or source != source.strip():
        return "no control characters, and no spaces around"
    return None


def item_of(push: Push) -> Mapping[str, object]:
    """Write one source item."""
    sku, source = parts_of(push.listing)
    status = IN_STOCK if push.units > 0 else OUT_OF_STOCK
    return {"sku": sku, "source_code": source, "quantity": push.units, "status": status}


def body_of(batch: Sequence[Push]) -> bytes:
    """Write what is saved in one go."""
    return msgspec.json.encode({"sourceItems": [item_of(push) for push in batch]})


def search_of(wanted: Sequence[tuple[str, str]]) -> Mapping[str, str]:
    """Write a search for SKUs at sources. Groups of filters are joined by AND, filters of a group by OR."""
    skus = list(dict.fromkeys(sku for sku, _ in wanted))
    sources = list(dict.fromkeys(source for _, source in wanted))
    params: dict[str, str] = {}
    for group, (name, values) in enumerate((("sku", skus), ("source_code", sources))):
        for place, (condition, value) in enumerate(_filters(values)):
            at = f"searchCriteria[filterGroups][{group}][filters][{place}]"
            params[f"{at}[field]"] = name
            params[f"{at}[value]"] = value
            params[f"{at}[conditionType]"] = condition
    # No two items have the same SKU and source, so that one page has them all.
    params["searchCriteria[pageSize]"] = str(len(skus) * len(sources))
    return params


def _filters(values: Sequence[str]) -> list[tuple[str, str]]:
    """`in` takes a list with commas between; what has one in it is asked for by itself."""
    plain = [value for value in values if "," not in value]
    filters = [("eq", value) for value in values if "," in value]
    return [*([("in", ",".join(plain))] if plain else []), *filters]


def refusal_of(answer: Answer) -> ChannelError:
    """Classify a 4xx; one that is not the shop's own is of something before it, and tells of nothing."""
    try:
        refusal = msgspec.convert(answer.json(), _Refusal)
    except (ChannelError, msgspec.ValidationError):
        return ChannelError(Result.RETRYABLE, f"http-{answer.status}")
    # The message is a template; what stands in its place is in `parameters`, and is not said.
    said = refusal.errors[0].get("message") if refusal.errors else None
    code = code_of(said if isinstance(said, str) else refusal.message)
    if answer.status == HTTPStatus.FORBIDDEN:
        return ChannelError(Result.AUTH, code)
    # 404 is of the address: a store code, or a module that is off; no item is at fault.
    return ChannelError(Result.PERMANENT if answer.status in _OF_ITEMS else Result.RETRYABLE, code)
