"""What the input topics hold, as a test says."""

from inventory_stream.errors import UnreachableError
from inventory_stream.ports.inputs import Input, InputRange


class FakeInputOffsets:
    """Answers with `ranges`; an input that is not named there is empty."""

    def __init__(self) -> None:
        self.ranges: dict[tuple[Input, int], InputRange] = {}
        """What each input partition holds."""
        self.asked: list[tuple[Input, int]] = []
        """Questions so far, oldest first."""
        self.unreachable: bool = False
        """Whether the broker gives no answer."""

    async def range_of(self, source: Input, partition: int) -> InputRange:
        """Give what the test set; see the port."""
        self.asked.append((source, partition))
        if self.unreachable:
            raise UnreachableError("Kafka at fake:9092 gives no answer")
        return self.ranges.get((source, partition), InputRange(0, 0))

    async def has_records(self, source: Input, partition: int, first: int, end: int) -> bool:
        """Tell whether the offsets meet the range, of which each is a record here; see the port."""
        held = await self.range_of(source, partition)
        return max(first, held.beginning) < min(end, held.end)
