"""Why something is not in the ledger."""

from inventory_stream.errors import UnreachableError
from inventory_stream.flows.explain_missing import Missing, Windows, why_missing
from inventory_stream.flows.explain_walk import Reach
from inventory_stream.ports.inputs import Input, InputOffsets, InputRange
from models.rows import ProgressRow
from tests.fakes.dead_letter_box import FakeDeadLetterBox
from tests.unit.flows.test_dead_letters import stored

TOPICS = {Input.STOCK: "stock-events", Input.ORDERS: "order-events"}
HOUR_MS = 3_600_000


class Offsets(InputOffsets):
    """Inputs that hold ten records each, or do not answer."""

    def __init__(self, *, is_down: bool = False) -> None:
        self._is_down = is_down

    async def range_of(self, source: Input, partition: int) -> InputRange:
        """See the port."""
        del source, partition
        if self._is_down:
            raise UnreachableError("not allowed to ask")
        return InputRange(0, 10)

    async def has_records(self, source: Input, partition: int, first: int, end: int) -> bool:
        """See the port."""
        raise NotImplementedError


WINDOWS = Windows(48 * HOUR_MS, 2_400 * HOUR_MS)


async def why(
    box: FakeDeadLetterBox,
    offsets: Offsets,
    *,
    decided: int = 10,
    read: int = 2,
    windows: Windows | None = WINDOWS,
) -> Missing:
    """Ask for R1, whose partitions were read as told."""
    progress = ProgressRow(1, 1, decided, 0, decided, 0, 1, 1)
    reaches = [Reach(partition, progress=progress) for partition in range(read)]
    return await why_missing("R1", reaches, 2, offsets, TOPICS, box, windows)


async def test_every_cause_comes_with_its_way_out() -> None:
    """A dead letter, input that waits, a partition not read, the windows: each is named with what to do."""
    missing = await why(FakeDeadLetterBox([stored()]), Offsets(), decided=7, read=1)
    said = "\n".join(missing.reasons)
    assert "dead letter order-events/3/17" in said
    assert "dead-letters show order-events/3/17" in said
    assert "3 records of order-events[0] are not decided" in said
    assert "only partition 0 was read" in said
    assert "2.0 days, ended reservations 100.0 days" in said


async def test_what_does_not_apply_is_left_out() -> None:
    """Where all is decided and read and no letter names it, only the windows and the sender are left."""
    missing = await why(FakeDeadLetterBox(), Offsets())
    assert len(missing.reasons) == 2
    assert missing.letters == []


async def test_position_is_not_looked_for_in_windows_of_answers() -> None:
    """A position never leaves the ledger: only the sender can say why it is not there."""
    (reason,) = (await why(FakeDeadLetterBox(), Offsets(), windows=None)).reasons
    assert "never sent here" in reason


async def test_a_look_that_is_not_allowed_hides_no_other() -> None:
    """Reading the ledger takes fewer rights than looking at letters and inputs; both are told as such."""
    missing = await why(FakeDeadLetterBox([stored()]), Offsets(is_down=True))
    said = "\n".join(missing.reasons)
    assert "could not be seen: not allowed to ask" in said
    assert "dead letter order-events/3/17" in said
