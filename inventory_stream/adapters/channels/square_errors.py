"""Refusals of Square: named for a request as a whole, also inside a 2xx."""

from http import HTTPStatus
from typing import Final

import msgspec
from msgspec import Struct

from inventory_stream.adapters.channels.answers import code_of
from inventory_stream.adapters.channels.exchange import Answer
from inventory_stream.ports.channel import ChannelError, Result


class _Error(Struct):
    code: str = ""
    category: str = ""
    field: str | None = None
    detail: str | None = None


class _Refusal(Struct):
    errors: list[_Error] = []


def see(answer: Answer) -> None:
    """Find errors in an answer.

    Raises:
        ChannelError: there are some.
    """
    try:
        errors = msgspec.convert(answer.json(), _Refusal).errors
    except (ChannelError, msgspec.ValidationError):
        if answer.is_success:
            return  # what reads the answer says more
        raise ChannelError(Result.RETRYABLE, f"http-{answer.status}") from None
    if errors:
        raise ChannelError(_result_of(errors[0], answer.status), code_of(errors[0].code))
    if not answer.is_success:
        raise ChannelError(Result.PERMANENT, f"http-{answer.status}")


def _result_of(error: _Error, status: int) -> Result:
    if error.code in _RESULTS_BY_CODE:
        return _RESULTS_BY_CODE[error.code]
    if error.category in _RESULTS_BY_CATEGORY:
        return _RESULTS_BY_CATEGORY[error.category]
    return Result.AUTH if status == HTTPStatus.FORBIDDEN else Result.PERMANENT


_RESULTS_BY_CODE: Final = {
    # Our clocks and Square's disagree about "future" or "24 hours": the next try has another time.
    "INVALID_TIME": Result.RETRYABLE,
    "CONFLICT": Result.RETRYABLE,
    # Some other content went under this key: what is shown must be read.
    "IDEMPOTENCY_KEY_REUSED": Result.AMBIGUOUS,
    "INSUFFICIENT_SCOPES": Result.AUTH,
    "FORBIDDEN": Result.AUTH,
}
_RESULTS_BY_CATEGORY: Final = {
    "AUTHENTICATION_ERROR": Result.AUTH,
    "RATE_LIMIT_ERROR": Result.THROTTLED,
    "API_ERROR": Result.RETRYABLE,
}
