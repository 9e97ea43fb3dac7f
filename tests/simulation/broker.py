"""The broker of one ledger partition and its two inputs: what is durable, and who is refused.

Sequence numbers, epochs and fencing as Kafka's leader checks them under the log's lock: a higher epoch
refuses the lower ones, a batch that comes again is acknowledged with its first offset and not stored.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final

from inventory_stream.errors import FencedError, ForeignAppendError
from inventory_stream.ports.dead_letters import DeadLetter
from inventory_stream.ports.inputs import Input, InputRecord
from inventory_stream.ports.ledger_log import RowRecord
from models.commands import Command
from models.rows import TERM_HEADER
from tests.simulation.evidence import Acknowledged, Buried, Crossed, Evidence, LogBatch, Sent, StoredRow

START_MS: Final = 1_795_000_000_000
"""Epoch ms at which the virtual time 0 lies for a clock that is right."""
BATCHES_REMEMBERED: Final = 5
"""Of each producer, to recognise a repeat: Kafka keeps as many."""
DUPLICATE: Final = -1
"""Base offset of an acknowledgement for a repeat of an older batch (P5)."""
TOPICS: Final = {Input.STOCK: "stock-events", Input.ORDERS: "order-events"}


@dataclass
class ProducerState:
    """What the leader knows of one producer id."""

    epoch: int
    batches: list[tuple[int, int, int]] = field(default_factory=list)
    """(first sequence, last sequence, base offset), newest last."""
    written_at: float = 0.0


class Broker:
    """See the module.

    Args:
        random: Draws who gets whose epoch.
        seconds: Virtual time.
        expiry_seconds: A producer's state is dropped after so long without a row of it (P12).
        twin_share: How often a producer id is asked for and the coordinator gives the last epoch again.
        rotate_share: How often it gives a new id instead: its epochs are used up, or it expired (P1).
    """

    def __init__(
        self,
        random: Random,
        seconds: Callable[[], float],
        *,
        expiry_seconds: float,
        twin_share: float,
        rotate_share: float,
    ) -> None:
        self.evidence = Evidence()
        self.committed: dict[Input, int] = dict.fromkeys(Input, 0)
        """Where the consumer group would go on."""
        self.rows: list[StoredRow] = []
        """The ledger, flat."""
        self.ahead_ms: dict[Input | None, int] = {None: 0, Input.STOCK: 0, Input.ORDERS: 0}
        """How far the clock of each topic's leader is ahead; None: the ledger's."""
        self._random = random
        self._seconds = seconds
        self._expiry_seconds = expiry_seconds
        self._twin_share = twin_share
        self._rotate_share = rotate_share
        self._producers: dict[int, ProducerState] = {}
        self._id = 7_000
        self._epoch = -1
        self._twin_until = -1.0
        self._waiters: dict[Input, list[asyncio.Future[None]]] = {source: [] for source in Input}

    def now_ms(self, topic: Input | None = None) -> int:
        """Read the clock of a topic's leader."""
        return START_MS + int(self._seconds() * 1_000) + self.ahead_ms[topic]

    @property
    def end(self) -> int:
        """Where the ledger ends."""
        return len(self.rows)

    # --- the ledger ------------------------------------------------------------------------------

    def init_producer_id(self) -> tuple[int, int]:
        """Hand out (id, epoch), as the transaction coordinator does; refuses nobody by itself."""
        now = self._seconds()
        if self._epoch >= 0 and now < self._twin_until and self._random.random() < self._twin_share:
            return self._id, self._epoch  # two askers of one moment
        if self._epoch >= 0 and self._random.random() < self._rotate_share:
            self._id += 1
            self._epoch = -1
        self._epoch += 1
        self._twin_until = now + 1.0
        return self._id, self._epoch

    def append(
        self,
        producer_id: int,
        epoch: int,
        sequence: int,
        rows: Sequence[RowRecord],
        tombstone_term: int,
        by: str,
    ) -> tuple[int, int]:
        """Append one batch, or recognise it; gives its base offset and record time.

        Raises:
            FencedError: a higher epoch of this id wrote.
            ForeignAppendError: the batch does not follow on the last one.
        """
        self._expire()
        last = sequence + len(rows) - 1
        known = self._producers.get(producer_id)
        if known is not None:
            if epoch < known.epoch:
                raise FencedError(f"epoch {epoch} of producer {producer_id}, {known.epoch} has written")
            if epoch == known.epoch and known.batches:
                repeat = next((old for old in known.batches if old[:2] == (sequence, last)), None)
                if repeat is not None:
                    self._note_crossed(repeat[2], by)
                    return repeat[2], self.rows[repeat[2]].timestamp
                if last <= known.batches[-1][1]:
                    return DUPLICATE, self.now_ms()
                if sequence != known.batches[-1][1] + 1:
                    raise ForeignAppendError(f"sequence {sequence} after {known.batches[-1][1]}")
            elif epoch > known.epoch and sequence:
                raise ForeignAppendError(f"sequence {sequence} begins epoch {epoch}")
        if known is None or epoch > known.epoch:
            known = self._producers[producer_id] = ProducerState(epoch)
        base, at_ms = self.end, self.now_ms()
        headers = ((TERM_HEADER, b"%d" % tombstone_term),)
        stored = tuple(
            StoredRow(base + number, at_ms, key, value, headers if value is None else ())
            for number, (key, value) in enumerate(rows)
        )
        self.rows += stored
        self.evidence.batches.append(LogBatch(base, stored, producer_id, epoch, at_ms, by))
        known.batches = [*known.batches[1 - BATCHES_REMEMBERED :], (sequence, last, base)]
        known.written_at = self._seconds()
        return base, at_ms

    def _note_crossed(self, base: int, by: str) -> None:
        writer = next(batch.by for batch in reversed(self.evidence.batches) if batch.base == base)
        if writer != by:
            self.evidence.crossed.append(Crossed(base, by))

    def forget_producers(self) -> None:
        """Lose all producer state, as a leader without its snapshots: nobody is refused any more (P4)."""
        self._producers.clear()
        self.evidence.forgot_at.append(self.end)

    def _expire(self) -> None:
        oldest = self._seconds() - self._expiry_seconds
        gone = [name for name, known in self._producers.items() if known.written_at < oldest]
        for name in gone:
            del self._producers[name]

    # --- inputs and dead letters -----------------------------------------------------------------

    def send(
        self, source: Input, value: bytes | None, commands: tuple[Command | None, ...], *, is_marker: bool
    ) -> Sent:
        """Append one input record; its arrival is the leader's clock."""
        records = self.evidence.sent[source]
        record = Sent(source, len(records), self.now_ms(source), value, commands, is_marker)
        records.append(record)
        waiters, self._waiters[source] = self._waiters[source], []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)
        return record

    def fetch(self, source: Input, first: int, most: int) -> list[InputRecord]:
        """Give what lies at an offset and after; never control records, which clients do not see."""
        return [
            InputRecord(record.offset, record.arrival_ms, None, record.value)
            for record in self.evidence.sent[source][first : first + most]
            if not record.is_marker
        ]

    def more_than(self, source: Input, offset: int) -> "asyncio.Future[None]":
        """Give a future that is done once the input goes beyond an offset."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if len(self.evidence.sent[source]) > offset:
            waiter.set_result(None)
        else:
            self._waiters[source].append(waiter)
        return waiter

    def bury(self, letters: Sequence[DeadLetter], by: str) -> None:
        """Keep a process's dead letters."""
        sources = {topic: source for source, topic in TOPICS.items()}
        self.evidence.buried += [
            Buried(sources[letter.topic], letter.offset, letter.pack_index, letter.reason, self.end, by)
            for letter in letters
        ]

    def acknowledge(self, source: Input, offset: int, by: str, *, is_member: bool) -> None:
        """Note that an owner let go of input; only a member of the group moves the group's offset."""
        self.evidence.acknowledged.append(Acknowledged(source, offset, self.end, by))
        if is_member:
            self.committed[source] = max(self.committed[source], offset)
