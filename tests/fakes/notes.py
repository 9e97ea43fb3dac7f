"""Notes in memory."""

from dataclasses import dataclass, field

from inventory_stream.errors import UnreachableError


@dataclass
class FakeNotes:
    """A `Notes` without time: what is `kept` stays. `is_gone`: as when Redis is away."""

    kept: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, int] = field(default_factory=dict)
    is_gone: bool = False

    async def first(self, key: str, text: str, seconds: int) -> str:
        """Keep a text unless there is one."""
        self._check()
        if key not in self.kept:
            self.kept[key], self.seconds[key] = text, seconds
        return self.kept[key]

    async def put(self, key: str, text: str, seconds: int) -> None:
        """Keep a text."""
        self._check()
        self.kept[key], self.seconds[key] = text, seconds

    async def get(self, key: str) -> str | None:
        """Give a text."""
        self._check()
        return self.kept.get(key)

    def _check(self) -> None:
        if self.is_gone:
            raise UnreachableError("the fake notes are away")
