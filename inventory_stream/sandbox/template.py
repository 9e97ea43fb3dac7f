"""The fake of the template's invented shop: the whole of what a fake needs, for whoever adds a channel."""

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Final

import msgspec
from aiohttp import web
from msgspec import Meta, Struct

from inventory_stream.sandbox.account import Done, FakeAccount, KeyReusedError, Set
from inventory_stream.sandbox.fake import Entry, Fake, Turn
from inventory_stream.sandbox.specs import Specs

CLIENT: Final = ("sandbox-client", "sandbox-client-password")
TOKEN_SECONDS: Final = 3_600
WRITES: Final = "writes"


class _Item(Struct, forbid_unknown_fields=True):
    id: Annotated[str, Meta(min_length=1, max_length=64)]
    quantity: Annotated[int, Meta(ge=0, le=1_000_000_000)]
    revision: str


class _Asked(Struct, forbid_unknown_fields=True):
    """The hand-written schema: a request that does not fit is refused with 400."""

    items: Annotated[tuple[_Item, ...], Meta(min_length=1, max_length=50)]


class _Credentials(Struct, forbid_unknown_fields=True):
    client_id: str
    client_secret: str


class TemplateFake(Fake):
    """One shop of the invented API."""

    name: ClassVar[str] = "template"

    def __init__(self, listings: Mapping[str, int], specs: Specs) -> None:
        super().__init__(FakeAccount(listings), specs)
        self.account.limit(WRITES, 50.0, 50.0)

    def routes(self, prefix: str) -> Sequence[web.RouteDef]:
        """Give the three addresses."""
        return [
            web.put(f"{prefix}/v1/stock", self._put),
            web.get(f"{prefix}/v1/stock", self._get),
            web.post(f"{prefix}/v1/token", self._token),
        ]

    def entry(self) -> Entry:
        """Say how to get in."""
        return Entry("shop-1", {"client_id": CLIENT[0], "client_secret": CLIENT[1]})

    @classmethod
    def listing_of(cls, number: int, sku: str, place: str | None) -> str:
        """Invent an id."""
        del sku, place
        return f"item-{number}"

    async def _put(self, request: web.Request) -> web.StreamResponse:
        return await self.serve(request, self._set, is_write=True, limit=WRITES)

    async def _get(self, request: web.Request) -> web.StreamResponse:
        return await self.serve(request, self._tell, is_write=False)

    async def _token(self, request: web.Request) -> web.StreamResponse:
        return await self.serve(request, self._let_in, is_write=False)

    async def _set(self, turn: Turn) -> web.Response:
        if not self._is_let_in(turn):
            return self.unauthorised()
        try:
            asked = msgspec.json.decode(turn.body, type=_Asked)
        except msgspec.MsgspecError as error:
            return web.json_response({"error": str(error)}, status=400)
        key = turn.request.headers.get("Idempotency-Key", "")
        try:
            known = self.account.keys.answer_of(key, turn.body)
        except KeyReusedError:
            return web.json_response({"error": "key reused"}, status=422)
        if known is None:
            sets = [Set(item.id, item.quantity) for item in asked.items]
            known = _answer(sets, self.apply(turn, sets))
            self.account.keys.keep(key, known)
        left = str(int(self.account.budgets[WRITES].left))
        return web.Response(body=known, content_type="application/json", headers={"X-Budget-Left": left})

    async def _tell(self, turn: Turn) -> web.Response:
        if not self._is_let_in(turn):
            return self.unauthorised()
        ids = turn.request.query.get("ids", "").split(",")
        shown = {listing: self.account.read(listing) for listing in ids}
        items = [{"id": id_, "quantity": units} for id_, units in shown.items() if units is not None]
        return web.json_response({"items": items})

    async def _let_in(self, turn: Turn) -> web.Response:
        try:
            asked = msgspec.json.decode(turn.body, type=_Credentials)
        except msgspec.MsgspecError as error:
            return web.json_response({"error": str(error)}, status=400)
        if (asked.client_id, asked.client_secret) != CLIENT:
            return web.json_response({"error": "invalid_client"}, status=403)
        return web.json_response({"access_token": self.account.new_token(), "expires_in": TOKEN_SECONDS})

    def _is_let_in(self, turn: Turn) -> bool:
        return self.account.is_valid(turn.request.headers.get("Authorization", "").removeprefix("Bearer "))


def _answer(sets: Sequence[Set], ends: Sequence[Done]) -> bytes:
    items = [
        {"id": item.listing, "status": "set"}
        if end is Done.APPLIED
        else {"id": item.listing, "status": "refused", "code": f"item_{end}"}
        for item, end in zip(sets, ends, strict=True)
        if end is not Done.UNNAMED
    ]
    return msgspec.json.encode({"items": items})
