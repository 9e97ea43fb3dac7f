"""Dead letters in memory."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from inventory_stream.ports.dead_letters import DeadLetter

if TYPE_CHECKING:
    from inventory_stream.errors import LedgerLogError


class FakeDeadLetters:
    """Keeps letters by their place, so that a letter written again replaces the first."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, int, int, int | None], DeadLetter] = {}
        """What is durable, in the order in which each place was first written."""
        self.writes: int = 0
        """Letters written, repeats included."""
        self.fail_next: LedgerLogError | None = None
        """Error that the next write ends with; nothing of it is kept."""

    async def write(self, letters: Sequence[DeadLetter]) -> None:
        """Keep the letters; see the port."""
        if self.fail_next is not None:
            error, self.fail_next = self.fail_next, None
            raise error
        for letter in letters:
            self.writes += 1
            self.kept[letter.topic, letter.partition, letter.offset, letter.pack_index] = letter
