"""A queue's messages are kept in Kafka before they are deleted."""

import json

import pytest

from inventory_stream.adapters.channels.inbound import amazon
from inventory_stream.adapters.channels.inbound.sqs import MESSAGES_MAX, QueueReader
from inventory_stream.adapters.channels.secrets import Secrets
from inventory_stream.errors import UnreachableError
from models.channels import StockSeen
from tests.fakes.deliveries import FakeDeliveries
from tests.fakes.message_queue import FakeMessageQueue
from tests.unit.adapters.channels.inbound.deliveries import NOW_MS, integration

SELLER = "A1"


def message(number: int, seller: str = SELLER) -> bytes:
    """Give a notification that a quantity changed."""
    return json.dumps(
        {
            "NotificationType": "LISTINGS_ITEM_MFN_QUANTITY_CHANGE",
            "EventTime": "2023-11-14T22:13:20Z",
            "Payload": {"SellerId": seller, "Sku": "TEE", "Quantity": number},
            "NotificationMetadata": {"NotificationId": f"n{number}"},
        }
    ).encode()


def reader(queue: FakeMessageQueue, kept: FakeDeliveries) -> QueueReader:
    """Read a seller's queue."""
    entry = integration("amazon", SELLER)
    return QueueReader(entry, amazon.new_listener(entry, Secrets({})), queue, kept, lambda: NOW_MS)


async def test_messages_are_kept_then_deleted() -> None:
    """All of a look, at most ten, in the queue's order; the next look finds the rest."""
    queue, kept = FakeMessageQueue(*map(message, range(12))), FakeDeliveries()
    reading = reader(queue, kept)
    assert (await reading.step(0), len(queue.waiting)) == (MESSAGES_MAX, 2)
    assert (await reading.step(0), queue.waiting) == (2, {})
    assert [one.delivery_id for one in kept.kept] == [f"n{number}" for number in range(12)]
    assert kept.kept[3].events == (StockSeen("TEE", 3, NOW_MS),)


async def test_what_was_not_kept_is_given_out_again() -> None:
    """Kafka is away: nothing is deleted, and the next look brings all of it."""
    queue, kept = FakeMessageQueue(message(1), message(2)), FakeDeliveries(is_gone=True)
    reading = reader(queue, kept)
    with pytest.raises(UnreachableError):
        await reading.step(0)
    assert len(queue.waiting) == 2
    kept.is_gone = False
    assert await reading.step(0) == 2


async def test_foreign_and_unreadable_messages_do_not_hold_up_others() -> None:
    """Another seller's, half a message: deleted, nothing kept of them."""
    queue, kept = FakeMessageQueue(message(1, "A2"), b"{", message(3)), FakeDeliveries()
    assert await reader(queue, kept).step(0) == 3
    assert [one.delivery_id for one in kept.kept] == ["n3"]
    assert queue.waiting == {}
