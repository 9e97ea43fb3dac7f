"""A flow that takes deliveries in over the real, pure ledger in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from inventory_stream.errors import UnreachableError
from inventory_stream.flows.channels.carried import Carried
from inventory_stream.flows.channels.inbound.take import TakeInbound
from inventory_stream.flows.channels.inbound.taking import Account, Place
from inventory_stream.flows.channels.moved import Moved
from inventory_stream.ports.channel import ChannelError
from inventory_stream.ports.integrations import Integration, MappedListing
from models.channels import AccountTroubled, CarriedRow, ChannelEvent, Inbound, OrderNamed
from models.commands import Command, Sync
from tests.fakes.dead_letters import FakeDeadLetters
from tests.fakes.desk import START_MS, FakeDesk

CHANNEL, ACCOUNT = "shop", "nl:1"
PLACED_MS = START_MS - 60_000


@dataclass
class OneMapping:
    """A `CatalogMapping` of one account."""

    rows: list[MappedListing]
    places: dict[str, str] = field(default_factory=dict)
    version: int = 1

    def listings(self, channel: str, account: str) -> Sequence[MappedListing]:
        """See the port."""
        return self.rows if (channel, account) == (CHANNEL, ACCOUNT) else ()

    def of_listing(self, channel: str, account: str, listing: str) -> MappedListing | None:
        """See the port."""
        return next((row for row in self.listings(channel, account) if row.listing == listing), None)

    def of_sku(self, channel: str, account: str, sku: str) -> Sequence[MappedListing]:
        """See the port."""
        return [row for row in self.listings(channel, account) if row.sku == sku]

    def location_of(self, channel: str, account: str, place: str) -> str | None:
        """See the port."""
        assert (channel, account) == (CHANNEL, ACCOUNT)
        return self.places.get(place)


@dataclass
class LedgerSink:
    """A `CommandSink` whose commands are decided at once."""

    desk: FakeDesk
    sent: list[Command] = field(default_factory=list)

    async def send(self, command: Command, partition_key: str | None) -> None:
        """Decide a command."""
        assert partition_key == getattr(command, "sku", None)
        self.sent.append(command)
        self.desk.decide(command)

    async def flush(self) -> None:
        """Everything is durable."""


@dataclass
class OneAccount:
    """An `Account` that answers what a test says."""

    answers: dict[str, Sequence[ChannelEvent] | ChannelError] = field(default_factory=dict)
    seen: list[tuple[str, int, int]] = field(default_factory=list)
    troubles: list[AccountTroubled] = field(default_factory=list)
    through_ms: int = 0
    shown: dict[str, str] = field(default_factory=dict)
    now_ms: int = START_MS
    moved: Moved = field(init=False)
    notes: dict[str, CarriedRow | None] = field(default_factory=dict)
    carried: Carried = field(init=False)
    is_away: bool = False
    requests_answered: int = 0

    def __post_init__(self) -> None:
        """Begin with no listing that showed another SKU; `shown` is what the board follows."""
        self.moved = Moved(self.shown.get, lambda _listing, _row: None, lambda: self.now_ms)
        self.take_up()

    def take_up(self) -> None:
        """Begin anew with the notes that were kept."""
        self.carried = Carried(self.notes.__setitem__, lambda: self.now_ms)
        for reservation_id, row in list(self.notes.items()):
            self.carried.known(reservation_id, row)
        self.carried.begin()

    async def notes_kept(self) -> None:
        """See the port; what is kept is what a next owner reads."""
        if self.is_away:
            raise UnreachableError("no broker answers")

    async def events_of(self, named: OrderNamed) -> Sequence[ChannelEvent]:
        """See the port."""
        answer = self.answers[named.order_id]
        if isinstance(answer, ChannelError):
            raise answer
        return answer

    def observed(self, listing: str, units: int, at_ms: int) -> None:
        """See the port."""
        self.seen.append((listing, units, at_ms))

    def troubled(self, trouble: AccountTroubled) -> None:
        """See the port."""
        self.troubles.append(trouble)

    def orders_through(self, at_ms: int) -> None:
        """See the port."""
        self.through_ms = max(self.through_ms, at_ms)


class World:
    """One account, its mapping, a ledger with stock."""

    def __init__(self, **changes: object) -> None:
        fields: dict[str, object] = {
            "name": "shop-nl",
            "adapter": "shopify",
            "channel": CHANNEL,
            "account": ACCOUNT,
            "owner": "tests",
            "escalation": "nobody",
            "freshness_seconds": 10.0,
            "error_budget": 0.01,
            "mode": "on",
        }
        integration = Integration(**{**fields, **changes})  # type: ignore[arg-type]  # named above
        self.mapping = OneMapping(
            [
                MappedListing("10/1", "A", ("DC1",), 2),
                MappedListing("11/1", "B", ("DC1",), 3),
                MappedListing("12/1", "C", ("DC1",), 4),
                MappedListing("13/1", "D", ("DC1", "DC2"), 5),
                MappedListing("14/1", "E", (), 6),
            ],
            {"p1": "DC1", "p2": "DC2"},
        )
        self.desk = FakeDesk()
        self.sink = LedgerSink(self.desk)
        self.letters = FakeDeadLetters()
        self.account = OneAccount()
        self.flow = TakeInbound(
            sink=self.sink,
            letters=self.letters,
            mapping=self.mapping,
            integrations=[integration],
            accounts=self,
            monitor=self,
            now_seconds=lambda: self.seconds,
        )
        self.taken = 0
        self.seconds = 0.0
        self.untold_orders = 0

    def of(self, channel: str, account: str) -> Account | None:
        """Give the account (`Accounts`)."""
        return self.account if (channel, account) == (CHANNEL, ACCOUNT) else None

    def heard(self, integration: str, kind: str) -> None:
        """See `InboundMonitor`."""

    def unmapped(self, integration: str, lines: int) -> None:
        """See `InboundMonitor`."""

    def untold(self, integration: str, orders: int) -> None:
        """See `InboundMonitor`."""
        assert integration == "shop-nl"
        self.untold_orders += orders

    def stock(self, **units: int) -> None:
        """Count stock at DC1."""
        for sku, count in units.items():
            self.desk.decide(
                Sync(
                    id=f"count-{sku}", sku=sku, location="DC1", on_hand=count, effective_at=PLACED_MS - 60_000
                )
            )

    async def take(self, *events: ChannelEvent, account: str = ACCOUNT) -> None:
        """Take one delivery in."""
        self.taken += 1
        inbound = Inbound(CHANNEL, account, f"d{self.taken}", START_MS, events)
        await self.flow.take(inbound, Place("channel-inbound", 0, self.taken, b"k", START_MS))

    def units(self, sku: str, location: str = "DC1") -> tuple[int, int, int, int]:
        """Give on_hand, reserved, allocated and unavailable of a position."""
        position = self.desk.state.skus.get(sku, {}).get(location)
        if position is None:
            return 0, 0, 0, 0
        return position.on_hand, position.reserved, position.allocated, position.unavailable

    def all_units(self) -> dict[tuple[str, str], tuple[int, int, int, int]]:
        """Give all positions that are not empty."""
        found = {
            (sku, location): self.units(sku, location)
            for sku, places in self.desk.state.skus.items()
            for location in places
        }
        return {place: units for place, units in found.items() if any(units)}
