"""A shop over a ledger that really decides: stock, names, units."""

from collections.abc import Sequence

from inventory_stream.flows.orders.place import AskedLine, AskedOrder, Mode
from inventory_stream.gateway.idempotency import command_id_of, reservation_id_of
from inventory_stream.ports.desk import Decision
from models.commands import Adjust, Command
from tests.fakes.desk import FakeDesk

TTL_SECONDS = 600
ANSWER_SECONDS = 2.0


class KeyNames:
    """What the gateway's route calls things, for one caller and key."""

    def __init__(self, key: str = "key-1", caller: str = "shop") -> None:
        self._key, self._caller = key, caller

    def reservation_id(self, sku: str, line: str) -> str:
        """Name a reservation."""
        return reservation_id_of(self._caller, self._key, sku, line)

    def command_id(self, step: str) -> str:
        """Name a command."""
        return command_id_of(self._caller, self._key, step)


class AsksOneByOne:
    """The rest of a desk for a test that only says what becomes of one command."""

    async def ask(self, command: Command, within_seconds: float) -> Decision:
        """Have a command decided."""
        raise NotImplementedError

    async def ask_all(self, commands: Sequence[Command], within_seconds: float) -> Sequence[Decision | None]:
        """Have several decided."""
        return [await self.ask(command, within_seconds) for command in commands]


def stock(desk: FakeDesk, **on_hand: int) -> None:
    """Put units of SKUs into DC1."""
    for sku, units in on_hand.items():
        desk.decide(Adjust(f"stock-{sku}-{desk.state.stock_next}", sku, "DC1", units, desk.now_ms))


def order(
    *lines: tuple[str, int], mode: Mode = Mode.ALL, ttl_seconds: int = TTL_SECONDS, order_id: str = "O1"
) -> AskedOrder:
    """Ask for (sku, units) lines at DC1."""
    asked = [AskedLine(str(at), sku, units, location="DC1") for at, (sku, units) in enumerate(lines)]
    return AskedOrder(order_id, mode, ttl_seconds, asked)


def units(desk: FakeDesk, sku: str) -> tuple[int, int, int]:
    """Give on_hand, reserved and allocated of a SKU at DC1."""
    position = desk.state.position(sku, "DC1")
    return position.on_hand, position.reserved, position.allocated


def pass_time(desk: FakeDesk, seconds: int) -> None:
    """Let time pass; what is due expires with the next order command."""
    desk.now_ms += seconds * 1_000
