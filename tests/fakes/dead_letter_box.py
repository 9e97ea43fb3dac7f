"""Letters that wait, and the inputs they are sent to, in memory."""

from collections.abc import AsyncIterator, Sequence

from inventory_stream.errors import UnreachableError
from inventory_stream.ports.dead_letters import Resend, StoredLetter


class FakeDeadLetterBox:
    """A `DeadLetterBox` and `Resender`: what is sent lands behind `ends` of its topic and partition."""

    def __init__(self, letters: Sequence[StoredLetter] = ()) -> None:
        self.waiting: dict[str, StoredLetter] = {stored.key: stored for stored in letters}
        self.sent: list[Resend] = []
        self.ends: dict[tuple[str, int], int] = {}
        self.rounds = 0
        self.fail_round: int | None = None
        """Number of the round, from 1, whose records are sent but not acknowledged."""
        self.steps: list[str] = []
        """`sent` and `settled`, in their order."""

    async def letters(self) -> AsyncIterator[StoredLetter]:
        """See the port."""
        for stored in list(self.waiting.values()):
            yield stored

    async def resend(self, records: Sequence[Resend]) -> Sequence[int]:
        """See the port."""
        self.rounds += 1
        self.sent += records
        self.steps.append("sent")
        if self.rounds == self.fail_round:
            raise UnreachableError("the fake broker is down")
        offsets = []
        for record in records:
            place = record.topic, record.partition
            offsets.append(self.ends.setdefault(place, 1_000))
            self.ends[place] += 1
        return offsets

    async def settle(self, keys: Sequence[str]) -> None:
        """See the port."""
        self.steps.append("settled")
        for key in keys:
            self.waiting.pop(key, None)
