"""The resume token: the `id` of an event, sent back as `Last-Event-ID`."""

import re
from typing import Final, NamedTuple, Self

from inventory_stream.ports.projection import Version

_FORM: Final = re.compile(r"(\d{1,9})-(\d{1,19})-(\d{1,19})", re.ASCII)


class Token(NamedTuple):
    """How far a reader was told: all that its SKUs of `partition` showed up to `version`.

    Sound because a reader's values leave in the order of their versions within a partition, each round
    being cut from the shelf at one moment (`hub.py`). SKUs of other partitions are not spoken of: who
    resumes is told those again, which costs bytes and never truth, since values are absolute.
    """

    partition: int
    version: Version

    def __str__(self) -> str:
        """`<partition>-<generation>-<offset>`."""
        return f"{self.partition}-{self.version.generation_ms}-{self.version.offset}"

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Undo `str`; None for anything else: who resumes with it starts anew."""
        if not (found := _FORM.fullmatch(text)):
            return None
        partition, generation_ms, offset = map(int, found.groups())
        return cls(partition, Version(generation_ms, offset))

    def covers(self, partition: int, version: Version) -> bool:
        """Say whether the reader has heard of this version of a SKU.

        A later generation is a ledger made anew: nothing of it was heard. Nor is it known who heard that
        there is no such SKU, which has no version (generation 0).
        """
        return (
            partition == self.partition
            and 0 < version.generation_ms == self.version.generation_ms
            and version.offset <= self.version.offset
        )
