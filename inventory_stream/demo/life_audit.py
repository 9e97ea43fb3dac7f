"""What the ledger's topic and Redis say of the life of orders, against the demo's own book. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from inventory_stream.demo.book import Book, Key, key_of
from inventory_stream.demo.shelf import Position
from inventory_stream.ports.projection import SkuAvailability
from models.commands import Command, Reserve, type_name
from models.outcomes import Outcome
from models.rows import FIRST_ANSWER, PositionRow, ReceiptRow, ReservationRow, Row

CLOCKS_MS: Final = 5
"""How much earlier than our count of a deadline its expiry may be recorded: times are cut to whole ms, and
clocks are set while they run."""


class Units(NamedTuple):
    """The quantities of one position (R1)."""

    on_hand: int
    reserved: int
    allocated: int
    unavailable: int
    in_transit: int


class LifeAudit:
    """Hears the rows, in the order of their partition, and has the book decide the same commands.

    The order of decisions is the log's; what each must be answered and what is then left is the
    book's. The two share no code.
    """

    def __init__(self, book: Book) -> None:
        self.book = book
        self.heard: defaultdict[Key, list[Outcome]] = defaultdict(list)
        """The ledger's answers. One that came before its order gets two (R21)."""
        self.outcomes: Counter[tuple[str, Outcome]] = Counter()
        """How many commands of a type ended how; what came early counts when it is settled."""
        self.sent = 0
        self._waiting: dict[Key, Command] = {}
        self._due_ms: dict[str, int] = {}
        """Before then nothing of a reservation may expire: its life runs from the decision (R15), and that
        comes after we asked."""
        self._kinds: dict[Key, str] = {}
        self._places: dict[Position, PositionRow] = {}
        self._faults: list[str] = []

    @property
    def undecided(self) -> int:
        """Commands that were sent and not answered."""
        return len(self._waiting)

    def send(self, command: Command, now_ms: int) -> None:
        """Note a command that is about to be sent."""
        self.sent += 1
        if isinstance(command, Reserve):
            self._due_ms[command.reservation_id] = now_ms + command.ttl_seconds * 1_000
        self._waiting[key_of(command)] = command

    def hear(self, row: Row, at_ms: int) -> None:
        """Take in a row; `at_ms` is its record time. Rows about other things are ignored."""
        if isinstance(row, PositionRow):
            if (row.sku, row.location) in self.book.shelves:
                self._places[row.sku, row.location] = row
        elif isinstance(row, ReservationRow):
            if row.answered >= 0 and row.repeat == FIRST_ANSWER:
                answer = row.answers[row.answered]
                self._decided((row.reservation_id, answer.command_id), answer.outcome, at_ms)
            elif row.answered < 0 and row.reservation_id in self.book.orders:
                self._owner_acted(row, at_ms)
        elif isinstance(row, ReceiptRow) and row.repeat == FIRST_ANSWER:
            self._decided((row.reservation_id or "", row.command_id), row.outcome, at_ms)

    def differences(self) -> Iterator[str]:
        """Name whatever is not as the book has it; nothing when all is."""
        yield from self._faults
        for key in self._waiting:
            yield f"command {key[1]} was never answered"
        for key in self.book.answers.keys() | self.heard.keys():
            expected, heard = self.book.answers.get(key, []), self.heard.get(key, [])
            if expected != heard:
                yield f"command {key[1]}: expected {_names(expected)}, answered {_names(heard)}"
        for place in self.book.shelves:
            row, expected_units = self._places.get(place), self._expected(place)
            if row is None:
                if self.book.shelves[place].moves:
                    yield f"{place[0]} at {place[1]}: no row since this act began"
                continue
            found = Units(row.on_hand, row.reserved, row.allocated, row.unavailable, row.in_transit)
            if found != expected_units:
                yield f"{place[0]} at {place[1]}: expected {expected_units}, found {found}"

    def differences_from_redis(self, shown: Iterable[SkuAvailability | None]) -> Iterator[str]:
        """Name each place where storefronts see other units than the book would promise (R5)."""
        locations = {sku.sku: sku.locations for sku in shown if sku is not None}
        for place in self.book.shelves:
            expected, found = max(0, self.book.free(place)), locations.get(place[0], {}).get(place[1])
            if found != expected:
                yield f"Redis, {place[0]} at {place[1]}: expected {expected} available, found {found}"

    def _expected(self, place: Position) -> Units:
        book, shelf = self.book, self.book.shelves[place]
        return Units(
            book.on_hand(place),
            book.reserved(place),
            book.allocated(place),
            shelf.unavailable,
            shelf.in_transit,
        )

    def _decided(self, key: Key, number: int, at_ms: int) -> None:
        command, outcome = self._waiting.pop(key, None), Outcome(number)
        if command is None and key not in self.heard:
            return  # not of this act
        self.heard[key].append(outcome)
        if command is not None:
            self._kinds[key] = type_name(type(command))
            self.book.decide(command, at_ms)
        if outcome is not Outcome.REMEMBERED:
            self.outcomes[self._kinds[key], outcome] += 1

    def _owner_acted(self, row: ReservationRow, at_ms: int) -> None:
        """Note an expiry, which the book does not foresee, only its earliest moment. Revocations it does."""
        order, due_ms = self.book.orders[row.reservation_id], self._due_ms.get(row.reservation_id, 0)
        if order.reserved and any(line.expired for line in row.lines):
            if at_ms < due_ms - CLOCKS_MS:
                self._faults.append(f"order {row.reservation_id} expired {due_ms - at_ms} ms too early")
            self.book.expire(row.reservation_id)


def _names(outcomes: Iterable[Outcome]) -> str:
    return " then ".join(outcome.name for outcome in outcomes) or "nothing"
