"""Proof, batch by batch, that nothing between the fetch and the flow loses or mixes records.

Between aiokafka's buffers and an agent lie Faust's queues, which a rebalance clears and whose
leftovers may surface after it. Every seek starts a new epoch; each fetched batch is stamped with
its epoch and with the offset where the one before it ended. On delivery a batch of an older epoch
is dropped (the seek reads it again), and one that does not continue where its predecessor ended
is an error: records were lost on the way, and going on would skip them silently.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple, Protocol

from inventory_stream.errors import HostError


class Placed(Protocol):
    """Any record, whatever else is in it."""

    @property
    def offset(self) -> int:
        """Its place in the partition."""


class Place(NamedTuple):
    """One partition of one topic."""

    topic: str
    partition: int


class Batch:
    """Consecutive records of one place, as fetched at once.

    `start` is where the batch before it ended. `durable` turns true when every decision of it is.
    """

    __slots__ = ("durable", "epoch", "place", "records", "start")

    def __init__(self, place: Place, records: Sequence[Placed], start: int, epoch: int) -> None:
        self.place: Final = place
        self.records: Final = records
        self.start: Final = start
        self.epoch: Final = epoch
        self.durable = False

    @property
    def end(self) -> int:
        """The offset after the last record."""
        return self.records[-1].offset + 1


class DeliveryChain:
    """What was fetched and what was delivered since the last seek."""

    def __init__(self) -> None:
        self._epoch = 0
        self._fetched: dict[Place, int] = {}
        self._delivered: dict[Place, int] = {}

    def restart(self, positions: Mapping[Place, int]) -> None:
        """Begin an epoch: reading goes on at these positions, everything fetched before is stale."""
        self._epoch += 1
        self._fetched = dict(positions)
        self._delivered = dict(positions)

    def suspend(self) -> None:
        """Stamp nothing before the next `restart`: a rebalance has begun, which ends with a seek.

        Until that seek aiokafka reads a partition that stays with us from its committed offset,
        which lies behind what was delivered: without this, a worker under load took it for a jump
        back, and a peer that came or went ended it (tests/e2e/test_faults_owner.py).
        """
        self._fetched.clear()

    def fetched(self, place: Place, records: Sequence[Placed]) -> Batch | None:
        """Stamp records just fetched; None when no seek has placed this partition since it was assigned."""
        start = self._fetched.get(place)
        if start is None:
            return None
        if records[0].offset < start:
            raise HostError(f"{place}: fetched offset {records[0].offset} again, after {start - 1}")
        batch = Batch(place, records, start, self._epoch)
        self._fetched[place] = batch.end
        return batch

    def is_stale(self, batch: Batch) -> bool:
        """Tell whether a seek came between the fetch of this batch and now."""
        return batch.epoch != self._epoch

    def deliver(self, batch: Batch) -> bool:
        """Note that the batch is handed over; False when it must be dropped.

        Raises:
            HostError: the batch before it never arrived.
        """
        if self.is_stale(batch):
            return False
        expected = self._delivered[batch.place]
        if batch.start != expected:
            raise HostError(
                f"{batch.place}: a batch from offset {batch.start} follows one that ended at {expected}; "
                "records were lost between the fetch and the flow"
            )
        self._delivered[batch.place] = batch.end
        return True
