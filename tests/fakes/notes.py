"""Notes in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from inventory_stream.errors import UnreachableError


@dataclass
class FakeNotes:
    """A `Notes` without time: what is `kept` stays. `is_gone`: as when Redis is away. `calls` counts."""

    kept: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, int] = field(default_factory=dict)
    is_gone: bool = False
    calls: int = 0

    async def first(self, pairs: Sequence[tuple[str, str]], seconds: int) -> Sequence[str | None]:
        """Keep texts unless there is one."""
        self._check()
        stood = []
        for key, text in pairs:
            stood.append(self.kept.get(key))
            if key not in self.kept:
                self.kept[key], self.seconds[key] = text, seconds
        return stood

    async def replace(self, key: str, old: str, text: str, seconds: int) -> bool:
        """Keep a text in the place of a known one."""
        self._check()
        if self.kept.get(key, old) not in {old, text}:
            return False
        self.kept[key], self.seconds[key] = text, seconds
        return True

    async def drop(self, pairs: Sequence[tuple[str, str]]) -> None:
        """Forget texts."""
        self._check()
        for key, text in pairs:
            if self.kept.get(key) == text:
                del self.kept[key]

    async def get(self, key: str) -> str | None:
        """Give a text."""
        self._check()
        return self.kept.get(key)

    def _check(self) -> None:
        self.calls += 1
        if self.is_gone:
            raise UnreachableError("the fake notes are away")
