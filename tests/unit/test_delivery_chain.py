"""The chain that proves that no batch is lost between the fetch and the flow."""

import pytest

from inventory_stream.adapters.kafka.delivery_chain import Batch, DeliveryChain, Place
from inventory_stream.errors import HostError
from inventory_stream.ports.inputs import InputRecord

PLACE = Place("order-events", 0)


def records(*offsets: int) -> list[InputRecord]:
    """Make records of these offsets."""
    return [InputRecord(offset, 0, None, None) for offset in offsets]


def fetch(chain: DeliveryChain, *offsets: int) -> Batch:
    """Fetch a batch that must be stamped."""
    batch = chain.fetched(PLACE, records(*offsets))
    assert batch is not None
    return batch


@pytest.fixture
def chain() -> DeliveryChain:
    """Give a chain that reads from offset 10 on."""
    chain = DeliveryChain()
    chain.restart({PLACE: 10})
    return chain


def test_batches_in_order_are_delivered_also_over_offsets_that_hold_nothing(chain: DeliveryChain) -> None:
    """Gaps in the offsets themselves (transaction markers, compaction) are no loss."""
    first, second = fetch(chain, 10, 11), fetch(chain, 15, 16)
    assert chain.deliver(first)
    assert chain.deliver(second)


def test_a_missing_batch_is_an_error(chain: DeliveryChain) -> None:
    """A batch whose predecessor was never delivered must not be: its records would be skipped."""
    fetch(chain, 10, 11)
    second = fetch(chain, 12)
    with pytest.raises(HostError, match="lost between"):
        chain.deliver(second)


def test_a_batch_from_before_a_seek_is_dropped(chain: DeliveryChain) -> None:
    """What was fetched before a seek is fetched again after it, so its old copy is not delivered."""
    old = fetch(chain, 10, 11)
    chain.restart({PLACE: 11})
    assert chain.is_stale(old)
    assert not chain.deliver(old)
    assert chain.deliver(fetch(chain, 11, 12))


def test_records_of_a_partition_that_no_seek_placed_are_not_stamped(chain: DeliveryChain) -> None:
    """Between an assignment and its seek aiokafka may fetch from the committed offset: not for us."""
    assert chain.fetched(Place("order-events", 1), records(0)) is None


def test_nothing_is_stamped_between_a_rebalance_and_its_seek(chain: DeliveryChain) -> None:
    """A partition that stays is read from its committed offset until the seek: that is no jump back."""
    kept = fetch(chain, 10, 11)
    chain.suspend()
    assert chain.fetched(PLACE, records(3, 4)) is None
    assert chain.deliver(kept), "what was fetched before is handed over, or dropped at the seek"
    chain.restart({PLACE: 12})
    assert chain.deliver(fetch(chain, 12, 13))


def test_fetching_backwards_is_an_error(chain: DeliveryChain) -> None:
    """Without a seek a position never goes back: it would mean a silent reset."""
    fetch(chain, 10, 11)
    with pytest.raises(HostError, match="again"):
        chain.fetched(PLACE, records(0))
