"""The template of an adapter, complete: copy it, and change what the vendor does otherwise.

It speaks to an invented plain API, which a shop of one's own may well implement: `PUT /v1/stock` sets
quantities and names each item in its answer, `GET /v1/stock` tells them, `POST /v1/token` gives tokens.
docs/channels/add-a-channel.md walks through it.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Final, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from inventory_stream.adapters.channels.answers import code_of, decoded, ended_by, not_sent, whole
from inventory_stream.adapters.channels.exchange import Answer
from inventory_stream.adapters.channels.options import described, option_mistake, options_of
from inventory_stream.adapters.channels.plain import PlainChannel
from inventory_stream.adapters.channels.spec import AdapterSpec, Needs
from inventory_stream.adapters.channels.tokens import Fresh, Tokens
from inventory_stream.ports.channel import Caps, ChannelError, Ended, Limit, Push, Result
from inventory_stream.ports.integrations import Integration

# 1. What the vendor's documents say, each number with where it stands. Here: sandbox/template.py.
BATCH_MAX: Final = 50
READ_BACK_MAX: Final = 100
WRITES: Final = "writes"
READS: Final = "reads"
_T = TypeVar("_T")
_LISTING: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")


# 2. What an account may set: numbers that differ by plan, and those that the vendor does not state.
class TemplateOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """What an entry may say of a shop."""

    requests_per_second: Annotated[
        float, Meta(gt=0, le=1_000, description="most pushes per second; default 10")
    ] = 10.0
    settle_seconds: Annotated[
        float, Meta(ge=0, le=600, description="after so long a read back shows what was set; default 2")
    ] = 2.0


# 3. What it answers: only what is used, and required only where nothing can be done without.
class _Item(Struct):
    id: str
    status: Literal["set", "refused"]
    code: str = ""


class _Set(Struct):
    items: tuple[_Item, ...]


class _Shown(Struct):
    id: str
    quantity: int


class _Stock(Struct):
    items: tuple[_Shown, ...]


class _Token(Struct):
    access_token: str
    expires_in: Annotated[float, Meta(gt=0)]


_DOCUMENTED: Final = frozenset({"items.updated_at", "token_type"})
"""Fields that the vendor names and nobody here needs; any other one is told as schema drift."""


# 4. One account. It holds no state that must survive and decides nothing about order, rate or retries.
class TemplateChannel(PlainChannel):
    """One shop."""

    def __init__(self, needs: Needs) -> None:
        integration = needs.integration
        options = options_of(integration, TemplateOptions)
        rate = options.requests_per_second
        super().__init__(
            Caps(
                batch_max=BATCH_MAX,
                in_flight_max=2,
                limits=(Limit(WRITES, rate, rate, is_stated=True), Limit(READS, rate, rate)),
                read_back_max=READ_BACK_MAX,
                settle_seconds=options.settle_seconds,
            )
        )
        self._needs = needs
        self._exchange = needs.exchange(self._caps.request_seconds)
        self._tokens = Tokens(self._new_token, needs.secrets, needs.now_ms)

    async def push(self, batch: Sequence[Push], key: str, *, dry_run: bool = False) -> Sequence[Ended]:
        """Send one request; its body depends on the batch alone, so a repeat has the same bytes."""
        if dry_run:
            return not_sent(batch)
        body = body_of(batch)

        async def send(token: str) -> Answer:
            # The sender took the token of the budget, so no limit is named here.
            return await self._ask("PUT", "/v1/stock", token, limit=None, body=body, key=key)

        try:
            answer = await self._tokens.call(send)
            self._note_budget(answer)
            items = self._read(answer, _Set).items
        except ChannelError as error:
            return ended_by(batch, error)
        return whole(batch, {item.id: _end_of(item) for item in items})

    async def read_back(self, listings: Sequence[str]) -> Mapping[str, int]:
        """Ask for `READ_BACK_MAX` at a time."""
        shown: dict[str, int] = {}
        for start in range(0, len(listings), READ_BACK_MAX):
            some = listings[start : start + READ_BACK_MAX]

            async def send(token: str, some: Sequence[str] = some) -> Answer:
                return await self._ask("GET", "/v1/stock", token, limit=READS, params={"ids": ",".join(some)})

            answer = await self._tokens.call(send)
            shown |= {item.id: item.quantity for item in self._read(answer, _Stock).items}
        return shown

    async def _ask(
        self,
        method: str,
        path: str,
        token: str,
        *,
        limit: str | None,
        params: Mapping[str, str] | None = None,
        body: bytes | None = None,
        key: str | None = None,
    ) -> Answer:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        if key is not None:
            headers["Idempotency-Key"] = key
        answer = await self._exchange.send(
            method, path, limit=limit, headers=headers, params=params, body=body
        )
        if not answer.is_success:
            raise ChannelError(_result_of(answer.status), code_of(f"http-{answer.status}"))
        return answer

    async def _new_token(self) -> Fresh:
        """Ask for a token. What the vendor refuses here is for a person: AUTH parks the account."""
        secrets = self._needs.secrets
        answer = await self._exchange.send(
            "POST",
            "/v1/token",
            limit=None,
            headers={"Content-Type": "application/json"},
            body=msgspec.json.encode(
                {"client_id": secrets.text("client_id"), "client_secret": secrets.text("client_secret")}
            ),
        )
        if not answer.is_success:
            raise ChannelError(Result.AUTH, code_of(f"token-http-{answer.status}"))
        token = self._read(answer, _Token)
        return Fresh(token.access_token, token.expires_in)

    def _read(self, answer: Answer, kind: type[_T]) -> _T:
        drift, channel = self._needs.drift, self._needs.integration.channel
        return decoded(answer, kind, drift, channel, ignored=_DOCUMENTED)

    def _note_budget(self, answer: Answer) -> None:
        """Hear what is left, where the answer says it."""
        left = answer.headers.get("x-budget-left", "")
        if left.isascii() and left.isdecimal():
            self._needs.pace.note(WRITES, left=float(left[:9]))


def body_of(batch: Sequence[Push]) -> bytes:
    """Write a batch. The revision goes along where the vendor has a place for it, for its own records."""
    return msgspec.json.encode(
        {
            "items": [
                {"id": push.listing, "quantity": push.units, "revision": str(push.version)} for push in batch
            ]
        }
    )


def _end_of(item: _Item) -> Ended:
    if item.status == "set":
        return Ended(item.id, Result.APPLIED)
    return Ended(item.id, Result.PERMANENT, code_of(item.code))


def _result_of(status: int) -> Result:
    """Class a refusal of the whole request; 401, 429 and 5xx never come here."""
    return Result.AUTH if status == 403 else Result.PERMANENT


# 5. What the registry must know.
def _check_listing(listing: str) -> str | None:
    return (
        None if _LISTING.fullmatch(listing) else "must be 1 to 64 letters, digits, dots, dashes, underscores"
    )


def _check_integration(integration: Integration) -> str | None:
    if integration.url is None:
        return "url: the address of the shop is missing"
    return option_mistake(integration, TemplateOptions)


SPEC: Final = AdapterSpec(
    name="template",
    listing_form="<item id>",
    check_listing=_check_listing,
    check_integration=_check_integration,
    secrets=("client_id", "client_secret"),
    optional_secrets=(),
    options=described(TemplateOptions),
    new_channel=TemplateChannel,
    new_listener=None,
    is_verified=False,
)
