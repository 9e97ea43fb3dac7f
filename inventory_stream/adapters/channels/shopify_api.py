"""Shopify's GraphQL as calls: who we are, how many points are left, what a failed call means."""

import math
from collections.abc import Mapping
from typing import Final, TypeVar
from urllib.parse import urlencode

import msgspec

from inventory_stream.adapters.channels.answers import code_of, decoded
from inventory_stream.adapters.channels.shopify_push import POINTS
from inventory_stream.adapters.channels.shopify_words import (
    API_VERSION,
    DOCUMENTED,
    OF_CALL_ERROR,
    OF_STATUS,
    CallAnswer,
    TokenAnswer,
)
from inventory_stream.adapters.channels.spec import Needs
from inventory_stream.adapters.channels.tokens import Fresh, Tokens
from inventory_stream.ports.channel import ChannelError, Result

NAME: Final = "shopify"
REFRESH: Final = "refresh_token"
"""The secret that is used up and written anew."""

AnswerT = TypeVar("AnswerT", bound=CallAnswer)


class ShopifyApi:
    """Calls of one shop, at `per_second_max` points a second at most, whatever the shop grants."""

    def __init__(self, needs: Needs, url: str, request_seconds: float, per_second_max: float) -> None:
        self._needs = needs
        self._per_second_max = per_second_max
        self._exchange = needs.exchange(request_seconds, url)
        self._tokens = (
            Tokens(self._new_token, needs.secrets, needs.now_ms, refresh_secret=REFRESH)
            if REFRESH in (needs.integration.secrets or {})
            else Tokens.static("access_token", needs.secrets, needs.now_ms)
        )

    async def take(self, points: float) -> None:
        """Wait for the points of a call that is then sent as paid."""
        await self._needs.pace.take(POINTS, points)

    async def ask(
        self,
        document: str,
        variables: Mapping[str, object],
        shape: type[AnswerT],
        points: float,
        *,
        is_paid: bool,
    ) -> AnswerT:
        """Send a document; where the token is over, once more with a new one.

        Raises:
            ChannelError: the whole call failed.
        """
        body = msgspec.json.encode({"query": document, "variables": variables})
        limits = iter((None,) if is_paid else ())

        async def send(token: str) -> AnswerT:
            limit = next(limits, POINTS)
            answer = await self._exchange.send(
                "POST",
                f"/admin/api/{API_VERSION}/graphql.json",
                limit=limit,
                cost=points,
                headers={"Content-Type": "application/json", "X-Shopify-Access-Token": token},
                body=body,
            )
            if not answer.is_success:
                result = OF_STATUS.get(answer.status, Result.RETRYABLE)
                raise ChannelError(result, f"http-{answer.status}")
            call = decoded(answer, shape, self._needs.drift, NAME, ignored=DOCUMENTED)
            self._note(call)
            if call.errors:
                raise self._failure(call, limit)
            return call

        return await self._tokens.call(send)

    def _note(self, call: CallAnswer) -> None:
        """Tell the pace what the bucket is like, no faster than the entry allows."""
        cost = call.extensions.cost if call.extensions else None
        if cost is None:
            return
        status = cost.throttle_status
        self._needs.pace.note(
            POINTS,
            per_second=min(status.restore_rate, self._per_second_max),
            burst=status.maximum_available,
            left=status.currently_available,
        )

    def _failure(self, call: CallAnswer, limit: str | None) -> ChannelError:
        """Say what the failure of a whole call means. Of a throttled push its ends tell the sender."""
        code = call.errors[0].code
        result = OF_CALL_ERROR.get(code, Result.RETRYABLE)
        retry_at_ms = None
        if result is Result.THROTTLED:
            if call.extensions and (cost := call.extensions.cost):
                status = cost.throttle_status
                missing = max(0.0, cost.requested_query_cost - status.currently_available)
                wait_ms = math.ceil(1_000 * missing / max(status.restore_rate, 1.0))
                retry_at_ms = self._needs.now_ms() + wait_ms
            if limit is not None:
                self._needs.pace.throttled(limit, retry_at_ms)
        return ChannelError(result, code_of(code or "graphql"), retry_at_ms)

    async def _new_token(self) -> Fresh:
        """Use the refresh token up; the answer has the next one.

        Raises:
            ChannelError: AUTH: the grant is over, and the merchant has to give it again.
        """
        secrets = self._needs.secrets
        form = {
            "client_id": secrets.text("client_id"),
            "client_secret": secrets.text("client_secret"),
            "grant_type": "refresh_token",
            "refresh_token": secrets.text("refresh_token"),
        }
        answer = await self._exchange.send(
            "POST",
            "/admin/oauth/access_token",
            limit=None,
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            body=urlencode(form).encode(),
        )
        if not answer.is_success:
            raise ChannelError(Result.AUTH, f"token-http-{answer.status}")
        fresh = decoded(
            answer, TokenAnswer, self._needs.drift, NAME, ignored=("scope", "refresh_token_expires_in")
        )
        return Fresh(fresh.access_token, fresh.expires_in, fresh.refresh_token)
