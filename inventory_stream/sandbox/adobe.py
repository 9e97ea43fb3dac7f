"""A fake Adobe Commerce shop: source items, saved at once or by the queue of a bulk.

Items are validated by the vendor's schema of the inventory API where it is found (`required` added, as it
names none), and always by what is written here by hand; bulks are unverified. A save is one statement, and
so whole or not at all.
"""

import asyncio
import json
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import ClassVar, Final
from uuid import uuid4

from aiohttp import web

from inventory_stream.sandbox.account import Done, FakeAccount, Set
from inventory_stream.sandbox.fake import Entry, Fake, Turn
from inventory_stream.sandbox.specs import Specs, validator
from models.ids import decode_id, encode_id

SPEC_FILE: Final = "adobe/inventory-slice.json"
ITEM: Final = "inventory-api-data-source-item-interface"
REQUIRED: Final = {"required": ["sku", "source_code", "quantity", "status"]}
RESULTS: Final = "inventory-api-data-source-item-search-results-interface"
RESULTS_REQUIRED: Final = {"properties": {"items": {"items": REQUIRED}}}

ACCESS_TOKEN: Final = "sandbox-integration-token"  # noqa: S105  # of the sandbox, known to everybody
SOURCES: Final = ("default",)

ITEMS_MAX: Final = 20
"""Input limit of a request, as the shop ships with when it is on."""
OPERATIONS_MAX: Final = 5_000
BULKS_MAX: Final = 100
"""Bulks that can be asked for, the newest."""
BULK_SECONDS: Final = 0.2
"""How long the queue takes to come to a bulk."""

REQUESTS: Final = "requests"
REQUESTS_PER_SECOND: Final = 2.0
"""What a small host can stand; Adobe Commerce itself has no limit."""
BURST: Final = 20.0

_SAVE: Final = validator(
    {
        "type": "object",
        "required": ["sourceItems"],
        "additionalProperties": False,
        "properties": {
            "sourceItems": {
                "type": "array",
                "minItems": 1,
                "items": {
                    **REQUIRED,
                    "type": "object",
                    "additionalProperties": False,
                    "properties": {
                        "sku": {"type": "string", "minLength": 1, "maxLength": 64},
                        "source_code": {"type": "string", "minLength": 1},
                        "quantity": {"type": "number", "minimum": 0, "maximum": 99_999_999},
                        "status": {"enum": [0, 1]},
                    },
                    # Out of stock at 0: with 1 it may stay for sale.
                    "if": {"properties": {"quantity": {"const": 0}}},
                    "then": {"properties": {"status": {"const": 0}}},
                },
            }
        },
    }
)

_STATUS: Final = {Done.APPLIED: 1, Done.REFUSED: 3, Done.UNKNOWN: 3, Done.STALE: 3, Done.UNNAMED: 4}


class AdobeFake(Fake):
    """One shop. It takes every SKU, also one that it does not sell, as Adobe Commerce does."""

    name: ClassVar[str] = "adobe"

    def __init__(self, listings: Mapping[str, int], specs: Specs) -> None:
        super().__init__(FakeAccount(listings, accepts_new=True), specs)
        self.account.limit(REQUESTS, REQUESTS_PER_SECOND, BURST)
        self.account.allow_token(ACCESS_TOKEN)
        self._sources = {*SOURCES, *(decode_id(listing.split("/")[1]) for listing in listings)}
        self._item = specs.openapi(SPEC_FILE, ITEM, also=REQUIRED)
        self._results = specs.openapi(SPEC_FILE, RESULTS, also=RESULTS_REQUIRED)
        self.verified_by = SPEC_FILE if self._item is not None else None
        self._bulks: OrderedDict[str, list[int]] = OrderedDict()

    def routes(self, prefix: str) -> Sequence[web.RouteDef]:
        """Give the addresses of the default store."""
        rest = f"{prefix}/rest/default"
        return [
            web.post(f"{rest}/V1/inventory/source-items", self._save),
            web.get(f"{rest}/V1/inventory/source-items", self._search),
            web.post(f"{rest}/async/bulk/V1/inventory/source-items", self._bulk),
            web.get(f"{rest}/V1/bulk/{{bulk}}/status", self._bulk_status),
        ]

    def entry(self) -> Entry:
        """An integration of the shop, whose consumers of the queue run."""
        return Entry(
            account="sandbox-adobe",
            secrets={"access_token": ACCESS_TOKEN},
            options={"bulk": True, "bulk_wait_seconds": 10.0},
        )

    @classmethod
    def listing_of(cls, number: int, sku: str, place: str | None) -> str:
        """The SKU itself, at the default source."""
        del number
        return f"{encode_id(sku)}/{encode_id(place or SOURCES[0])}"

    def throttled(self, retry_after: str | None) -> web.Response:
        """Refuse as a host's firewall does."""
        headers = {} if retry_after is None else {"Retry-After": retry_after}
        return web.Response(text="Too Many Requests", status=429, headers=headers)

    def unauthorised(self) -> web.Response:
        """Refuse a token."""
        return _refused(
            "The consumer isn't authorized to access %resources.", HTTPStatus.UNAUTHORIZED, {"resources": "x"}
        )

    async def _save(self, request: web.Request) -> web.StreamResponse:
        return await self.serve(request, self._saved, is_write=True, limit=REQUESTS)

    async def _search(self, request: web.Request) -> web.StreamResponse:
        return await self.serve(request, self._found, is_write=False, limit=REQUESTS)

    async def _bulk(self, request: web.Request) -> web.StreamResponse:
        return await self.serve(request, self._queued, is_write=True, limit=REQUESTS)

    async def _bulk_status(self, request: web.Request) -> web.StreamResponse:
        return await self.serve(request, self._status, is_write=False, limit=REQUESTS)

    async def _saved(self, turn: Turn) -> web.Response:
        if not self._is_known(turn):
            return self.unauthorised()
        asked = json.loads(turn.body)
        if (refusal := self._misfits(asked)) is not None:
            return refusal
        done = self.apply(turn, _sets(asked), is_whole=True)
        if all(end is Done.APPLIED for end in done):
            return web.json_response([])
        return _refused("Could not save Source Item", HTTPStatus.BAD_REQUEST)

    async def _found(self, turn: Turn) -> web.Response:
        if not self._is_known(turn):
            return self.unauthorised()
        groups = _filters(turn.request.query)
        found = []
        for listing in self.account.shown:
            sku, source = (decode_id(part) for part in listing.split("/"))
            units = self.account.read(listing)
            if units is not None and _matches({"sku": sku, "source_code": source}, groups):
                status = 1 if units else 0
                found.append({"sku": sku, "source_code": source, "quantity": units, "status": status})
        size = int(turn.request.query.get("searchCriteria[pageSize]", "20"))
        criteria = {"filter_groups": [], "page_size": size}
        results = {"items": found[:size], "search_criteria": criteria, "total_count": len(found)}
        if self._results is not None and (misfits := self._results(results)):
            raise web.HTTPInternalServerError(text=f"the fake is wrong: {misfits}")
        return web.json_response(results)

    async def _queued(self, turn: Turn) -> web.Response:
        if not self._is_known(turn):
            return self.unauthorised()
        asked = json.loads(turn.body)
        if len(asked) > OPERATIONS_MAX:
            return _too_many(OPERATIONS_MAX)
        bulk = str(uuid4())
        statuses = [4] * len(asked)
        self._bulks[bulk] = statuses
        if len(self._bulks) > BULKS_MAX:
            self._bulks.popitem(last=False)
        items = []
        good: list[tuple[int, Set]] = []
        for place, one in enumerate(asked):
            is_good = self._misfits(one) is None
            items.append({"id": place, "data_hash": None, "status": "accepted" if is_good else "rejected"})
            if is_good:
                good.append((place, _sets(one)[0]))
            else:
                statuses[place] = 5

        def consume() -> None:
            done = self.account.apply([one for _, one in good]) if good else []
            for (place, _), end in zip(good, done, strict=True):
                statuses[place] = _STATUS[end]

        asyncio.get_running_loop().call_later(BULK_SECONDS, consume)
        answer = {"bulk_uuid": bulk, "request_items": items, "errors": len(good) < len(asked)}
        return web.json_response(answer, status=202)

    async def _status(self, turn: Turn) -> web.Response:
        if not self._is_known(turn):
            return self.unauthorised()
        bulk = turn.request.match_info["bulk"]
        if bulk not in self._bulks:
            return _refused("Bulk uuid %bulkUuid not exist", HTTPStatus.NOT_FOUND, {"bulkUuid": bulk})
        operations = [
            {"id": place, "status": status, "result_message": None, "error_code": None}
            for place, status in enumerate(self._bulks[bulk])
        ]
        return web.json_response(
            {"operations_list": operations, "bulk_id": bulk, "operation_count": len(operations)}
        )

    def _is_known(self, turn: Turn) -> bool:
        kind, _, token = turn.request.headers.get("Authorization", "").partition(" ")
        return kind == "Bearer" and self.account.is_valid(token)

    def _misfits(self, asked: Mapping[str, object]) -> web.Response | None:
        """Refuse what is not valid: the whole request, as the shop does."""
        found = _SAVE(asked)
        if not found:
            items = asked["sourceItems"]
            assert isinstance(items, list)  # noqa: S101  # the schema said so
            if len(items) > ITEMS_MAX:
                return _too_many(ITEMS_MAX)
            found = [fault for item in items for fault in (self._item(item) if self._item else ())]
            found += [
                f"no such source: {item['source_code']}"
                for item in items
                if item["source_code"] not in self._sources
            ]
        if not found:
            return None
        return _refused("Validation Failed", HTTPStatus.BAD_REQUEST, errors=found)


def _sets(asked: Mapping[str, list[Mapping[str, object]]]) -> list[Set]:
    return [
        Set(
            f"{encode_id(str(item['sku']))}/{encode_id(str(item['source_code']))}",
            int(str(item["quantity"])),
        )
        for item in asked["sourceItems"]
    ]


def _filters(query: Mapping[str, str]) -> Sequence[Sequence[tuple[str, str, str]]]:
    groups: dict[int, dict[int, dict[str, str]]] = {}
    for name, value in query.items():
        parts = name.replace("]", "").split("[")
        if len(parts) == 6 and parts[1] == "filterGroups":
            groups.setdefault(int(parts[2]), {}).setdefault(int(parts[4]), {})[parts[5]] = value
    return [
        [(one["field"], one.get("conditionType", "eq"), one["value"]) for one in group.values()]
        for group in groups.values()
    ]


def _matches(item: Mapping[str, str], groups: Sequence[Sequence[tuple[str, str, str]]]) -> bool:
    return all(
        any(
            item[name] in value.split(",") if how == "in" else item[name] == value
            for name, how, value in group
        )
        for group in groups
    )


def _too_many(most: int) -> web.Response:
    return _refused('Maximum items of type "%type" is %max', HTTPStatus.BAD_REQUEST, {"max": most})


def _refused(
    message: str,
    status: HTTPStatus,
    parameters: Mapping[str, object] | None = None,
    *,
    errors: Sequence[str] = (),
) -> web.Response:
    body: dict[str, object] = {"message": message}
    if parameters:
        body["parameters"] = dict(parameters)
    if errors:
        body["errors"] = [{"message": error} for error in errors]
    return web.json_response(body, status=int(status))
