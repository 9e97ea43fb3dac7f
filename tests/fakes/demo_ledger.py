"""A `SaleEntry` over the real, pure ledger in memory: its rows go through the demo's tally."""

import time
from dataclasses import dataclass, field

from inventory_stream.demo.heard import Heard, Request
from inventory_stream.demo.sale import RESERVATIONS
from inventory_stream.demo.tally import Tally
from inventory_stream.gateway.outcomes import ANSWERS
from inventory_stream.ports.ledger_log import LedgerRecord
from models.commands import Command, Confirm, Release, Reserve
from tests.fakes.desk import FakeDesk


@dataclass
class LedgerEntry:
    """Decides each request at once. `silent`: nobody answers."""

    tally: Tally
    desk: FakeDesk = field(default_factory=FakeDesk)
    asked: list[Request] = field(default_factory=list)
    silent: bool = False

    def __post_init__(self) -> None:
        self.desk.hears = self._feed

    def decide(self, command: Command) -> None:
        """Have a command decided that no customer sends."""
        self.desk.decide(command)

    async def ask(self, request: Request, due_seconds: float) -> Heard | None:
        """See `SaleEntry.ask`."""
        self.asked.append(request)
        if self.silent:
            return None
        decision = self.desk.decide(_command(request))
        assert decision is not None, request
        return Heard(
            request,
            ANSWERS[decision.outcome].status,
            decision.outcome.name,
            decision.row.reservation_id or "",
            decision.units,
            is_early=False,
            tries=1,
            cut=0,
            due_seconds=due_seconds,
            answered_seconds=time.monotonic(),
        )

    def keys(self, kind: str) -> list[str]:
        """Give the keys of the requests of one kind, in the order in which they came."""
        return [request.key for request in self.asked if request.kind == kind]

    def _feed(self, partition: int, _generation_ms: int, records: list[LedgerRecord]) -> None:
        self.tally.feed(partition, records)


def _command(request: Request) -> Command:
    if request.kind == "reserve":
        fields = {**request.body}
        path = f"sale:{fields.pop('sale_id')}"
        return Reserve(request.key, f"r-{request.key}", path=path, **fields)
    reservation_id = request.path.removeprefix(f"{RESERVATIONS}/").removesuffix(f"/{request.kind}")
    kind = Confirm if request.kind == "confirm" else Release
    return kind(request.key, reservation_id, "sku-1")
