"""The Selling Partner API as requests: who we are, how often we may, and what a refusal means."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final, TypeVar
from urllib.parse import urlencode

import msgspec
from yarl import URL

from inventory_stream.adapters.channels.addresses import why_refused
from inventory_stream.adapters.channels.amazon_words import IGNORED, RATE_HEADER, Refusal, TokenAnswer
from inventory_stream.adapters.channels.answers import code_of, decoded
from inventory_stream.adapters.channels.exchange import Answer
from inventory_stream.adapters.channels.spec import Needs
from inventory_stream.adapters.channels.tokens import Fresh, Tokens
from inventory_stream.ports.channel import ChannelError, Result

NAME: Final = "amazon"

UPLOAD_SECONDS: Final = 60.0
"""Bounds the way of a feed's document, up or down: 5 MB at 1 Mbit/s take 40 s; its URL lives for 300."""

RATE_MAX: Final = 1_000.0
"""Highest rate that is believed; no operation has a hundredth of it by default."""

AnswerT = TypeVar("AnswerT")


class AmazonApi:
    """Requests of one seller."""

    def __init__(self, needs: Needs, token_url: str, request_seconds: float) -> None:
        self._needs = needs
        self._exchange = needs.exchange(request_seconds)
        login = URL(token_url)
        self._login_path = login.raw_path
        self._login = needs.exchange(request_seconds, str(login.origin()))
        # The refresh token of Login with Amazon stays the same.
        self._tokens = Tokens(self._new_token, needs.secrets, needs.now_ms)

    def now_ms(self) -> int:
        """Give the clock's time."""
        return self._needs.now_ms()

    async def ask(
        self,
        method: str,
        path: str,
        shape: type[AnswerT],
        *,
        limit: str,
        is_paid: bool = False,
        params: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> AnswerT:
        """Ask for something that has an answer of a shape; see `request`."""
        answer = await self.request(method, path, limit=limit, is_paid=is_paid, params=params, body=body)
        return decoded(answer, shape, self._needs.drift, NAME, ignored=IGNORED)

    async def request(
        self,
        method: str,
        path: str,
        *,
        limit: str,
        is_paid: bool = False,
        params: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Answer:
        """Ask for something; where the token is over, once more with a new one.

        Args:
            method: In capitals.
            path: Percent-encoded.
            limit: Whose tokens this costs.
            is_paid: The sender has taken the first token.
            params: Of the query.
            body: JSON.

        Raises:
            ChannelError: PERMANENT: refused for what it says, by Amazon's first error code.
        """
        limits = iter((None,) if is_paid else ())

        async def send(token: str) -> Answer:
            answer = await self._exchange.send(
                method,
                path,
                limit=next(limits, limit),
                headers={"x-amz-access-token": token, "Content-Type": "application/json"},
                params=params,
                body=body,
            )
            self._note(answer, limit)
            if not answer.is_success:
                raise _refused(answer)
            return answer

        return await self._tokens.call(send)

    async def carry(self, url: str, body: bytes | None, content_type: str) -> bytes:
        """Put a document where Amazon said, or get it from there (`body` None); without our token.

        Raises:
            ChannelError: PERMANENT: the URL leads where no channel may be; else as `Exchange.send`.
        """
        place = URL(url, encoded=True)
        if why_refused(str(place.origin()), allow_loopback=True) is not None:
            raise ChannelError(Result.PERMANENT, "document-url-refused")
        exchange = self._needs.exchange(UPLOAD_SECONDS, str(place.origin()))
        answer = await exchange.send(
            "GET" if body is None else "PUT",
            place.raw_path_qs,
            limit=None,
            headers=None if body is None else {"Content-Type": content_type},
            body=body,
            seconds=UPLOAD_SECONDS,
        )
        if not answer.is_success:
            raise ChannelError(Result.PERMANENT, f"document-http-{answer.status}")
        return answer.body

    def decode(self, document: bytes, shape: type[AnswerT]) -> AnswerT:
        """Read a document as an answer is read."""
        answer = Answer(HTTPStatus.OK, {}, document)
        return decoded(answer, shape, self._needs.drift, NAME, ignored=IGNORED)

    def _note(self, answer: Answer, limit: str) -> None:
        try:
            per_second = float(answer.headers.get(RATE_HEADER, ""))
        except ValueError:
            return
        if 0 < per_second <= RATE_MAX:
            self._needs.pace.note(limit, per_second=per_second)

    async def _new_token(self) -> Fresh:
        """Ask Login with Amazon.

        Raises:
            ChannelError: AUTH: the seller has taken the grant back, or the app's secret is over.
        """
        secrets = self._needs.secrets
        form = {
            "grant_type": "refresh_token",
            "refresh_token": secrets.text("refresh_token"),
            "client_id": secrets.text("client_id"),
            "client_secret": secrets.text("client_secret"),
        }
        answer = await self._login.send(
            "POST",
            self._login_path,
            limit=None,
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            body=urlencode(form).encode(),
        )
        if not answer.is_success:
            raise ChannelError(Result.AUTH, f"token-http-{answer.status}")
        fresh = decoded(answer, TokenAnswer, self._needs.drift, NAME, ignored=IGNORED)
        return Fresh(fresh.access_token, fresh.expires_in)


def _refused(answer: Answer) -> ChannelError:
    """Read a 4xx. Amazon says 403 both for a token that is over and for a grant that is too small.

    What has none of Amazon's errors in it is not from the Selling Partner API (a wrong address, something on
    the way): no listing's fault, and none may die of it.
    """
    try:
        errors = msgspec.convert(answer.json(), Refusal).errors
    except (ChannelError, msgspec.ValidationError):
        errors = []
    code = code_of(errors[0].code) if errors else f"http-{answer.status}"
    if answer.status == HTTPStatus.FORBIDDEN:
        return ChannelError(Result.AUTH, code)
    return ChannelError(Result.PERMANENT if errors else Result.RETRYABLE, code)
