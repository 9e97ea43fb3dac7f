"""A fake Google Merchant: one product and store in each call, tokens of a service account."""

from base64 import urlsafe_b64decode
from collections.abc import Mapping, Sequence
from typing import ClassVar, Final

import jwt
import msgspec
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from inventory_stream.sandbox.account import Done, FakeAccount, Set
from inventory_stream.sandbox.fake import Entry, Fake, Turn
from inventory_stream.sandbox.specs import Specs
from models.ids import decode_id, encode_id

FILE: Final = "google/merchantapi.inventories_v1.discovery.json"
MERCHANT: Final = "123456"
EMAIL: Final = "sandbox@sandbox.iam.gserviceaccount.com"
KEY_BITS: Final = 2_048
TOKEN_SECONDS: Final = 3_600
SKEW_SECONDS_MAX: Final = 300
"""How far a statement's time may be off."""
INSERTS: Final = "inserts"
LISTS: Final = "lists"
PER_SECOND: Final = 50.0
PAGE_MAX: Final = 1_000


class GoogleFake(Fake):
    """One merchant."""

    name: ClassVar[str] = "google"

    def __init__(self, listings: Mapping[str, int], specs: Specs) -> None:
        super().__init__(FakeAccount(listings), specs)
        self.account.limit(INSERTS, PER_SECOND, PER_SECOND)
        self.account.limit(LISTS, PER_SECOND, PER_SECOND)
        self._misfits = specs.discovery(FILE, "LocalInventory", also=_ALSO)
        self.verified_by = FILE if self._misfits is not None else None
        self.quota_reason: str | None = None
        self._key = rsa.generate_private_key(public_exponent=65_537, key_size=KEY_BITS)

    def routes(self, prefix: str) -> Sequence[web.RouteDef]:
        """See the base class."""
        products = f"{prefix}/inventories/v1/accounts/{MERCHANT}/products/{{product}}"
        return [
            web.post(f"{prefix}/token", self._token),
            web.post(f"{products}/localInventories:insert", self._insert),
            web.get(f"{products}/localInventories", self._list),
        ]

    def entry(self) -> Entry:
        """See the base class."""
        pem = self._key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        key = {
            "type": "service_account",
            "client_email": EMAIL,
            "private_key": pem.decode(),
            "private_key_id": "sandbox",
            "token_uri": f"{self.url}/token",
        }
        return Entry(
            MERCHANT,
            {"service_account": msgspec.json.encode(key).decode()},
            {"requests_per_minute": PER_SECOND * 60, "settle_seconds": self.account.lag_seconds + 0.2},
        )

    @classmethod
    def listing_of(cls, number: int, sku: str, place: str | None) -> str:
        """See the base class."""
        del number
        return f"{encode_id(f'local~en~NL~{sku}')}/{encode_id(place or 'store-1')}"

    def unauthorised(self) -> web.Response:
        """See the base class."""
        return _error(401, "UNAUTHENTICATED")

    def throttled(self, retry_after: str | None) -> web.Response:
        """See the base class."""
        response = _error(429, "RESOURCE_EXHAUSTED", self.quota_reason)
        if retry_after is not None:
            response.headers["Retry-After"] = retry_after
        return response

    def failed(self, status: int, headers: Mapping[str, str]) -> web.Response:
        """See the base class."""
        response = _error(status, "INTERNAL")
        response.headers.update(headers)
        return response

    async def _token(self, request: web.Request) -> web.StreamResponse:
        return await self.serve(request, self._give_token, is_write=False)

    async def _insert(self, request: web.Request) -> web.StreamResponse:
        return await self.serve(request, self._set, is_write=True, limit=INSERTS)

    async def _list(self, request: web.Request) -> web.StreamResponse:
        return await self.serve(request, self._show, is_write=False, limit=LISTS)

    async def _give_token(self, turn: Turn) -> web.Response:
        form = await turn.request.post()
        try:
            claims = jwt.decode(
                str(form.get("assertion", "")),
                self._key.public_key(),
                algorithms=["RS256"],
                audience=f"{self.url}/token",
                issuer=EMAIL,
                options={"require": ["iat", "exp"], "verify_iat": False, "verify_exp": False},
            )
        except jwt.PyJWTError:
            return web.json_response({"error": "invalid_grant"}, status=400)
        if abs(claims["iat"] - turn.now_ms // 1_000) > SKEW_SECONDS_MAX:
            return web.json_response({"error": "invalid_grant"}, status=400)
        return web.json_response(
            {
                "access_token": self.account.new_token(),
                "expires_in": TOKEN_SECONDS,
                "token_type": "Bearer",
            }
        )

    async def _set(self, turn: Turn) -> web.Response:
        if not self._may(turn):
            return self.unauthorised()
        try:
            asked = msgspec.json.decode(turn.body)
            misfits = self._misfits(asked) if self._misfits is not None else []
        except msgspec.DecodeError as error:
            misfits = [str(error)]
        if misfits:
            return _error(400, "INVALID_ARGUMENT", misfits[0])
        product, store = _product_of(turn), asked["storeCode"]
        said = asked["localInventoryAttributes"]
        units = 0 if said["availability"] == "OUT_OF_STOCK" else int(said["quantity"])
        (end,) = self.apply(turn, [Set(f"{encode_id(product)}/{encode_id(store)}", units)])
        if end is Done.UNKNOWN:
            return _error(404, "NOT_FOUND", "product_not_found")
        if end is Done.REFUSED:
            return _error(400, "INVALID_ARGUMENT", "validation/invalid_value")
        return web.json_response(_local(product, store, said) if end is Done.APPLIED else {})

    async def _show(self, turn: Turn) -> web.Response:
        if not self._may(turn):
            return self.unauthorised()
        product = _product_of(turn)
        begins = f"{encode_id(product)}/"
        stores = [
            decode_id(listing.removeprefix(begins))
            for listing in self.account.shown
            if listing.startswith(begins)
        ]
        if not stores:
            return _error(404, "NOT_FOUND", "product_not_found")
        begin = int(turn.request.query.get("pageToken", "0"))
        size = min(PAGE_MAX, int(turn.request.query.get("pageSize", "25")))
        answer: dict[str, object] = {
            "localInventories": [
                _local(product, store, _said(self.account.read(begins + encode_id(store)) or 0))
                for store in stores[begin : begin + size]
            ]
        }
        if begin + size < len(stores):
            answer["nextPageToken"] = str(begin + size)
        return web.json_response(answer)

    def _may(self, turn: Turn) -> bool:
        return self.account.is_valid(turn.request.headers.get("Authorization", "").removeprefix("Bearer "))


_ALSO: Final = {
    "required": ["storeCode", "localInventoryAttributes"],
    "additionalProperties": False,
    "properties": {
        "storeCode": {"type": "string", "minLength": 1},
        "localInventoryAttributes": {
            "required": ["availability", "quantity"],
            "properties": {"quantity": {"pattern": r"^\d{1,19}$"}},
        },
    },
}
"""What the file says in sentences only, and what a listing of stock needs."""


def _product_of(turn: Turn) -> str:
    segment = turn.request.match_info["product"]
    return segment if "~" in segment else urlsafe_b64decode(segment + "=" * (-len(segment) % 4)).decode()


def _said(units: int) -> dict[str, str]:
    return {"availability": "IN_STOCK" if units else "OUT_OF_STOCK", "quantity": str(units)}


def _local(product: str, store: str, said: Mapping[str, object]) -> dict[str, object]:
    name = f"accounts/{MERCHANT}/products/{product}/localInventories/{store}"
    return {"name": name, "account": MERCHANT, "storeCode": store, "localInventoryAttributes": dict(said)}


def _error(status: int, word: str, reason: str | None = None) -> web.Response:
    error: dict[str, object] = {"code": status, "message": "of the sandbox", "status": word}
    if reason is not None:
        error["details"] = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason}]
    return web.json_response({"error": error}, status=status)
