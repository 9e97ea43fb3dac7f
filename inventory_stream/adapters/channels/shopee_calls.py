"""Requests to Shopee: signed, with the account's token, within its budget."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Final, TypeVar

import msgspec
from msgspec import Meta, Struct

from inventory_stream.adapters.channels.answers import decoded
from inventory_stream.adapters.channels.shopee_signing import request_sign
from inventory_stream.adapters.channels.shopee_words import NAME, Head, TokenAnswer, error_of
from inventory_stream.adapters.channels.spec import Needs
from inventory_stream.adapters.channels.tokens import Fresh, Tokens
from inventory_stream.ports.channel import ChannelError, Result

API: Final = "/api/v2"
REQUESTS: Final = "requests"
"""The one budget, of the shop."""

_REFRESH: Final = "refresh_token"
_AnswerT = TypeVar("_AnswerT", bound=Head)


class ShopeeOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """What an entry may say of a shop. Shopee publishes no rates: the defaults are careful guesses."""

    partner_id: Annotated[int, Meta(ge=1, description="the app's id at Shopee; must be given")]
    requests_per_second: Annotated[
        float, Meta(gt=0, le=100, description="requests per second to the shop (not verified; default 2)")
    ] = 2.0
    burst: Annotated[
        float, Meta(ge=1, le=100, description="requests at once after a pause (not verified; default 2)")
    ] = 2.0
    in_flight: Annotated[int, Meta(ge=1, le=10, description="pushes at once; default 2")] = 2
    settle_seconds: Annotated[
        float, Meta(ge=0, le=600, description="after so long a read back shows what was set; default 3")
    ] = 3.0
    units_max: Annotated[
        int, Meta(ge=1, le=10_000_000, description="most stock of a model (not verified; default 999999)")
    ] = 999_999
    is_global: Annotated[
        bool,
        Meta(description="the account is a merchant of CNSC or KRSC, its ids those of global products"),
    ] = False
    is_by_location: Annotated[
        bool, Meta(description="the mapping's listings name their location; orders are told so, too")
    ] = False


class ShopeeCalls:
    """The way to one shop or merchant."""

    def __init__(self, needs: Needs, options: ShopeeOptions, request_seconds: float) -> None:
        self._options = options
        self._account = needs.integration.account
        self._secrets = needs.secrets
        self._drift = needs.drift
        self._pace = needs.pace
        self._now_ms = needs.now_ms
        self._exchange = needs.exchange(request_seconds)
        self._tokens = Tokens(self._new_token, needs.secrets, needs.now_ms, refresh_secret=_REFRESH)

    async def call(
        self,
        method: str,
        path: str,
        kind: type[_AnswerT],
        *,
        params: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> _AnswerT:
        """Ask with a token, and once more with a new one. Errors that concern nobody's item are raised.

        The token of a push is taken before by its sender; those of the rest here, before the request is
        signed, as a signature does not keep.
        """
        is_paid = body is not None

        async def send(token: str) -> _AnswerT:
            nonlocal is_paid
            if not is_paid:
                await self._pace.take(REQUESTS)
            is_paid = False
            answer = await self._ask(method, path, kind, token, params or {}, body)
            if answer.error and not answer.names_items:
                error = error_of(answer)
                if error.result is not Result.PERMANENT:
                    raise error
            return answer

        try:
            return await self._tokens.call(send)
        except ChannelError as error:
            if error.result is Result.THROTTLED and body is None:  # of a push, its sender hears
                self._pace.throttled(REQUESTS, error.retry_at_ms)
            raise

    async def _ask(
        self,
        method: str,
        path: str,
        kind: type[_AnswerT],
        token: str,
        params: Mapping[str, str],
        body: bytes | None,
    ) -> _AnswerT:
        of = self._account if token else ""
        at_seconds = self._now_ms() // 1_000
        common = {"partner_id": str(self._options.partner_id), "timestamp": str(at_seconds)}
        if token:
            common |= {"access_token": token, "merchant_id" if self._options.is_global else "shop_id": of}
        common["sign"] = request_sign(
            next(iter(self._secrets.live("partner_key")), ""),
            self._options.partner_id,
            path,
            at_seconds,
            token,
            of,
        )
        answer = await self._exchange.send(
            method,
            path,
            limit=None,
            headers={"Content-Type": "application/json"},
            params={**common, **params},
            body=body,
        )
        try:
            read = decoded(answer, kind, self._drift, NAME, counts_unknown=False)
        except ChannelError:
            if answer.status < HTTPStatus.BAD_REQUEST:
                raise
            raise ChannelError(Result.RETRYABLE, f"http-{answer.status}") from None
        if not answer.is_success and not read.error:
            raise ChannelError(Result.RETRYABLE, f"http-{answer.status}")
        return read

    async def _new_token(self) -> Fresh:
        """Use the refresh token, which is good for this once; `Tokens` stores the next before it is used."""
        of = "merchant_id" if self._options.is_global else "shop_id"
        body = msgspec.json.encode(
            {
                of: int(self._account),
                "refresh_token": self._secrets.text(_REFRESH),
                "partner_id": self._options.partner_id,
            }
        )
        answer = await self._ask("POST", f"{API}/auth/access_token/get", TokenAnswer, "", {}, body)
        if answer.error:
            error = error_of(answer)
            raise ChannelError(Result.AUTH, error.code) if error.result is Result.PERMANENT else error
        if not (answer.access_token and answer.refresh_token):
            raise ChannelError(Result.AMBIGUOUS, "no-token")
        return Fresh(answer.access_token, answer.expire_in, answer.refresh_token)
