"""Notifications by a queue instead of a webhook: read, kept in Kafka, deleted.

Amazon's own queue is not here: its client (boto3) is no dependency, and nothing could try it. Whoever has it
gives an implementation of `ports.message_queue.MessageQueue`; without it, what reads the queue sends the
messages on to the integration's webhook with a Standard Webhooks signature (docs/channels/inbound.md).
"""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

from inventory_stream.errors import UnreachableError
from inventory_stream.ports.channel import Delivery, ForgedError, Heard, Listener, MalformedError
from inventory_stream.ports.integrations import Integration
from inventory_stream.ports.message_queue import MessageQueue, QueuedMessage
from inventory_stream.ports.webhooks import SILENT_WEBHOOKS, Deliveries, WebhookMonitor
from models.channels import Inbound

log = structlog.get_logger(__name__)

MESSAGES_MAX: Final = 10
"""Of one look: the most that SQS gives."""

WAIT_SECONDS: Final = 20.0
"""Of one look: the longest that SQS waits, so that an empty queue costs three questions a minute."""

PAUSE_SECONDS: Final = 1.0
"""After Kafka or the queue did not answer; what was not deleted is given out again."""


class QueueReader:
    """Brings the messages of one integration's queue to `channel-inbound`."""

    def __init__(
        self,
        integration: Integration,
        listener: Listener,
        queue: MessageQueue,
        deliveries: Deliveries,
        now_ms: Callable[[], int],
        monitor: WebhookMonitor = SILENT_WEBHOOKS,
    ) -> None:
        """Take what it needs. Who may write to the queue is the queue's policy; the account is compared."""
        self._integration = integration
        self._listener = listener
        self._queue = queue
        self._deliveries = deliveries
        self._now_ms = now_ms
        self._monitor = monitor

    async def run(self) -> None:
        """Read until cancelled."""
        while True:
            try:
                await self.step(WAIT_SECONDS)
            except UnreachableError as error:
                log.warning("queue_waits", integration=self._integration.name, reason=str(error))
                await asyncio.sleep(PAUSE_SECONDS)

    async def step(self, wait_seconds: float) -> int:
        """Take what one look finds; gives how many messages are done.

        A message that is foreign or cannot be read is deleted, too: given out again it would be the same. It
        is counted, and told in the log.

        Raises:
            UnreachableError: the queue or Kafka did not answer; what is not deleted comes again.
        """
        messages = await self._queue.receive(messages_max=MESSAGES_MAX, wait_seconds=wait_seconds)
        done: list[str] = []
        try:
            for message in messages:
                await self._take(message)
                done.append(message.receipt)
        finally:
            if done:
                await self._queue.delete(done)
        return len(done)

    async def _take(self, message: QueuedMessage) -> None:
        name, now_ms = self._integration.name, self._now_ms()
        heard = self._heard(message, now_ms)
        if heard is None:
            return
        for kind in heard.unknown:
            self._monitor.unknown_kind(name, kind)
        if not heard.events:
            self._monitor.delivered(name, "nothing")
            return
        channel, account = self._integration.channel, self._integration.account
        try:
            await self._deliveries.send(Inbound(channel, account, heard.delivery_id, now_ms, heard.events))
        except UnreachableError:
            self._monitor.delivered(name, "not-kept")
            raise
        self._monitor.delivered(name, "taken")

    def _heard(self, message: QueuedMessage, now_ms: int) -> Heard | None:
        try:
            return self._listener.parse(Delivery({}, message.body, ""), now_ms)
        except (ForgedError, MalformedError) as error:
            result = "forged" if isinstance(error, ForgedError) else "malformed"
            self._monitor.delivered(self._integration.name, result)
            if isinstance(error, MalformedError):
                self._monitor.misfit(self._integration.name, error.field)
            log.warning("message_refused", integration=self._integration.name, reason=str(error))
            return None
