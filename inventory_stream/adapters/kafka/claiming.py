"""Takes a partition of the ledger over: claim row, nonce, and a fence for every other id (P1)."""

import asyncio
import secrets
from collections.abc import Callable
from typing import Final, NamedTuple

from aiokafka.errors import KafkaError

from inventory_stream.adapters.kafka.access import advice
from inventory_stream.adapters.kafka.claim_scan import ClaimScan
from inventory_stream.adapters.kafka.connection import KafkaConnection
from inventory_stream.adapters.kafka.fenced_producer import FencedProducer
from inventory_stream.adapters.kafka.live_rows import decode_claim
from inventory_stream.adapters.kafka.record_reader import RecordReader
from inventory_stream.errors import FencedError, ForeignAppendError, UnreachableError
from inventory_stream.ports.ledger_log import Claim
from models.rows import ClaimRow, claim_key, encode_row

CLAIM_STEP_SECONDS_MAX: Final = 60.0
"""Deadline of one step of a claim: a transaction coordinator that moves loads its log first."""

CLAIM_ATTEMPTS_MAX: Final = 10
"""Claims that one call tries. Each lost one means that somebody else claimed in the same moment;
with the growing pauses below that is 12 s of being overtaken, so there is a second owner who will
not stop, and waiting longer would only take turns with it."""

CLAIM_PAUSE_SECONDS: Final = 0.05
CLAIM_PAUSE_SECONDS_MAX: Final = 2.0
"""Pause after a lost claim, doubled each time up to the second figure, plus up to as much by
chance, so that two owners do not meet again (P1)."""

NONCE_BYTES: Final = 16
"""Two owners never draw the same: 128 random bits."""


class Won(NamedTuple):
    """A claim that holds, the producer that may append under it, and how many fence rows followed it."""

    claim: Claim
    producer: FencedProducer
    fences: int


class _ClaimLostError(Exception):
    """Somebody else was faster; claim again."""


class Claiming:
    """Claims one partition as often as asked; remembers between claims what the log holds of them."""

    def __init__(
        self,
        *,
        connection: KafkaConnection,
        topic: str,
        partition: int,
        transactional_id: str,
        request_timeout_seconds: float,
        check: Callable[[], None],
    ) -> None:
        """Describe the partition. `check` comes before each produce request (see FencedProducer)."""
        self.tries: int = 0
        """Claim rows tried so far; more than one per claim means a rival."""
        self._connection = connection
        self._topic = topic
        self._partition = partition
        self._transactional_id = transactional_id
        self._request_timeout_seconds = request_timeout_seconds
        self._check = check
        self._scan = ClaimScan()

    async def claim(self, reader: RecordReader) -> Won:
        """Take the partition over; from the claim row's offset on the former owner is refused.

        Raises:
            FencedError: others claimed `CLAIM_ATTEMPTS_MAX` times while we did.
            UnreachableError: the broker does not answer within its bounds.
            LedgerLogError: the broker refuses the row for another reason.
        """
        await self._scan.to_end(reader)
        pause = CLAIM_PAUSE_SECONDS
        lost: _ClaimLostError | None = None
        for _ in range(CLAIM_ATTEMPTS_MAX):
            try:
                return await self._claim_once(reader)
            except _ClaimLostError as error:
                lost = error
            await asyncio.sleep(pause * (1 + secrets.randbelow(1_000) / 1_000))
            pause = min(2 * pause, CLAIM_PAUSE_SECONDS_MAX)
        raise FencedError(
            f"{self._topic}[{self._partition}]: {CLAIM_ATTEMPTS_MAX} claims lost to another owner ({lost})"
        )

    async def _claim_once(self, reader: RecordReader) -> Won:
        self.tries += 1
        producer_id, epoch = await self._init_producer_id(reader)
        producer = await self._start_producer(producer_id, epoch)
        try:
            carried = self._scan.generation_ms
            term = await self._write(reader, producer, fenced=False)
            await self._scan.through(reader, term)
            self._check_generation(carried, term)
            # The state is what lies before the LAST control row: an owner under another id may
            # append until its fence (the model's variant EARLY reads too little and fails).
            read_through = term
            others = self._scan.unfenced_others(producer_id)
            for other in others:
                read_through = max(read_through, await self._fence(reader, other))
        except BaseException:
            await producer.close()
            raise
        return Won(Claim(term, read_through, self._scan.generation_ms), producer, len(others))

    def _check_generation(self, carried_ms: int, term: int) -> None:
        """Claim again if somebody's very first claim came after our look: its time has to be carried on."""
        if carried_ms == 0 and self._scan.first_claim_offset != term:
            raise _ClaimLostError("another first claim came just before")

    async def _fence(self, reader: RecordReader, other: ClaimRow) -> int:
        """Have the broker refuse another producer id; give the offset of the row that does it.

        Ids change after 32,767 claims or when the transactional id expires, and nothing but a row
        of a higher epoch makes the broker refuse the owner that still has the former one.
        """
        producer = await self._start_producer(other.producer_id, other.epoch + 1)
        try:
            offset = await self._write(reader, producer, fenced=True)
        finally:
            await producer.close()
        await self._scan.through(reader, offset)
        return offset

    async def _write(self, reader: RecordReader, producer: FencedProducer, *, fenced: bool) -> int:
        """Append a claim or fence row and make sure that it is ours; give its offset.

        Two owners with one epoch get each other's acks, as the broker takes the second row for a
        repeat of the first: only the nonce tells.
        """
        nonce = secrets.token_hex(NONCE_BYTES)
        row = ClaimRow(0, producer.producer_id, producer.epoch, nonce, fenced, self._scan.generation_ms)
        key = claim_key(row.producer_id)
        try:
            async with asyncio.timeout(CLAIM_STEP_SECONDS_MAX):
                offset = await (await producer.queue([(key, encode_row(row))], tombstone_term=0))
        except (KafkaError, TimeoutError) as error:
            raise UnreachableError(
                f"claim of {self._topic}[{self._partition}] not acknowledged: {error!r}{advice(error)}"
            ) from error
        except (FencedError, ForeignAppendError) as error:
            raise _ClaimLostError(str(error)) from error
        if offset < 0:
            raise _ClaimLostError("the broker took the row for a repeat")
        record = await reader.record_at(offset)
        if record is None or record.key != key or record.value is None:
            raise _ClaimLostError(f"another row lies at the acknowledged offset {offset}")
        if decode_claim(offset, record.value).nonce != nonce:
            raise _ClaimLostError(f"the row at the acknowledged offset {offset} is another owner's")
        return offset

    async def _init_producer_id(self, reader: RecordReader) -> tuple[int, int]:
        try:
            async with asyncio.timeout(CLAIM_STEP_SECONDS_MAX):
                return await reader.client.init_producer_id(self._transactional_id)
        except (KafkaError, TimeoutError) as error:
            raise UnreachableError(
                f"no producer id for {self._transactional_id!r} from Kafka at {self._connection}: "
                f"{error!r}{advice(error)}"
            ) from error

    async def _start_producer(self, producer_id: int, epoch: int) -> FencedProducer:
        producer = FencedProducer(
            connection=self._connection,
            topic=self._topic,
            partition=self._partition,
            producer_id=producer_id,
            epoch=epoch,
            request_timeout_seconds=self._request_timeout_seconds,
            check=self._check,
        )
        await producer.start()
        return producer
