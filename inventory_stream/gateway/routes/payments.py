"""Payment events by webhook: who signs is who may send them, and the answer says what came of it."""

import time
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Final, cast

from inventory_stream.flows.payments.settle import LinesUnknownError, SettlePayment
from inventory_stream.gateway.decode import decoded
from inventory_stream.gateway.endpoint import Call, Endpoint, Reply
from inventory_stream.gateway.problems import Problem
from inventory_stream.gateway.security.signatures import SIGNATURE_HEADER, SignatureError, check_signature
from models.payments import PaymentEvent, PaymentOutcome, SettledAs, check_payment

_WAY_OUT: Final = "sign the body's bytes with the secret of gateway.payment_secrets"


class PaymentRoutes:
    """The webhook."""

    def __init__(
        self,
        settling: SettlePayment,
        secrets: Mapping[str, Sequence[bytes]],
        answer_seconds: float,
        now_seconds: Callable[[], float] = time.time,
    ) -> None:
        """Take what it needs; `secrets` by provider, each in use or about to be."""
        self._settling = settling
        self._secrets = secrets
        self._answer_seconds = answer_seconds
        self._now_seconds = now_seconds

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Give the endpoint. The event's own id is what makes a repeat one: no Idempotency-Key."""
        return (
            Endpoint(
                "POST",
                "/v1/payments/events",
                self.take,
                "Tell what happened to a payment",
                "payments",
                {200: PaymentOutcome},
                scope=None,
                body=PaymentEvent,
                problems=("invalid", "not-answered", "not-authenticated", "not-ready"),
                is_signed=True,
            ),
        )

    async def take(self, call: Call) -> Reply:
        """Settle an event. Any other status than 200 asks the provider to send it again."""
        provider = self._provider(call)
        event = cast("PaymentEvent", decoded(call.body, PaymentEvent))
        if event.provider != provider:
            raise Problem("not-authenticated", f"signed by {provider}, for an event of {event.provider}")
        try:
            check_payment(event)
            outcome = await self._settling.settle(event, self._answer_seconds)
        except (ValueError, LinesUnknownError) as error:
            raise Problem("invalid", str(error)) from None
        if outcome.status is SettledAs.UNKNOWN_ORDER:
            raise Problem(
                "not-found", "no such order is noted (any more): name its reservations in the event"
            )
        return Reply(HTTPStatus.OK, outcome)

    def _provider(self, call: Call) -> str:
        """Find out who signed: nothing of the body is looked at before."""
        header, now = call.headers.get(SIGNATURE_HEADER), self._now_seconds()
        reason = f"this gateway knows no provider's secret; {_WAY_OUT}"
        for provider, secrets in self._secrets.items():
            try:
                check_signature(header, call.body, secrets, now)
            except SignatureError as error:
                reason = str(error)
            else:
                return provider
        raise Problem("not-authenticated", reason)
