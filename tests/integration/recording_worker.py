"""A worker process whose owners write down what they are given: `python -m ... recording_worker FOLDER`.

Its decisions are lines of a file, its @progress a small file per partition in the same folder:
what the real owner keeps in the ledger. So these tests are about the host alone.
"""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from agents.ledger import new_ledger_host
from inventory_stream.adapters.kafka.batch_transport import ConsumerOptions
from inventory_stream.adapters.kafka.connection import KafkaConnection
from inventory_stream.adapters.kafka.faust_host import FaustHost
from inventory_stream.adapters.worker_process import Work, fail, run_worker
from inventory_stream.ports.inputs import Input, InputRecord
from inventory_stream.ports.partition_owner import NextOffsets


class RecordingOwner:
    """Decides nothing: takes a batch, writes it down, then moves its progress."""

    def __init__(self, partition: int, folder: Path, name: str, open_seconds: float = 0.0) -> None:
        """`open_seconds`: how long reading the state takes."""
        self.partition = partition
        self.open_seconds = open_seconds
        self.folder = folder
        self.name = name
        self.next = NextOffsets(0, 0)
        self.is_closed = False

    @property
    def progress(self) -> Path:
        """Where progress is kept."""
        return self.folder / f"progress-{self.partition}.json"

    def note(self, what: str, **details: object) -> None:
        """Say what happened, in one line that the test reads; short enough to be written at once."""
        line = json.dumps({"worker": self.name, "what": what, "partition": self.partition, **details})
        with (self.folder / "mailbox").open("ab", buffering=0) as mailbox:
            mailbox.write(line.encode() + b"\n")

    async def open(self) -> NextOffsets:
        """Read the progress."""
        if self.progress.exists():
            self.next = NextOffsets(**json.loads(self.progress.read_text()))
        self.note("open", **self.next._asdict())
        await asyncio.sleep(self.open_seconds)
        return self.next

    async def put(
        self, source: Input, records: Sequence[InputRecord], done: Callable[[], Awaitable[None]]
    ) -> None:
        """Say which offsets are decided now, move the progress, then say done."""
        if self.is_closed:
            return
        start = self.next.stock if source is Input.STOCK else self.next.orders
        fresh = [record.offset for record in records if record.offset >= start]
        first, last = records[0].offset, records[-1].offset
        if fresh:
            self.next = self.next._replace(**{source.value: last + 1})
            beside = self.progress.with_suffix(f".{self.name}")
            beside.write_text(json.dumps(self.next._asdict()))
            beside.rename(self.progress)
        self.note("put", source=source.value, first=first, last=last, fresh=len(fresh))
        await asyncio.sleep(0)
        await done()

    async def probe(self) -> None:
        """Note that the host asked; a file in the folder makes it a refusal."""
        self.note("probe")
        if (self.folder / "refuse-probe").exists():
            fail(RuntimeError("probe refused"))

    async def close(self) -> None:
        """Note the end."""
        self.is_closed = True
        self.note("close")

    @property
    def next_offsets(self) -> NextOffsets:
        """Where the inputs go on."""
        return self.next


def new_host(config: dict[str, str], folder: Path) -> FaustHost:
    """Build the real host over recording owners."""
    options = ConsumerOptions(
        connection=KafkaConnection(config["bootstrap_servers"]),
        group=config["group"],
        batch_records_max=2_000,
        session_timeout_ms=int(config.get("session_timeout_ms", "6000")),
        request_timeout_ms=30_000,
        instance_id=config.get("instance_id"),
    )
    topics = {Input.STOCK: config["stock"], Input.ORDERS: config["orders"]}
    open_seconds = float(config.get("open_seconds", "0"))
    return new_ledger_host(
        lambda partition: RecordingOwner(partition, folder, config["name"], open_seconds),
        topics,
        options,
        fail,
    )


async def no_check() -> None:
    """Check nothing."""


def main() -> None:
    """Run until asked to stop; the configuration is the second argument, in JSON."""
    folder, config = Path(sys.argv[1]), json.loads(sys.argv[2])
    run_worker(no_check, lambda: Work(new_host(config, folder)))


if __name__ == "__main__":
    main()
