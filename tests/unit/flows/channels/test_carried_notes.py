"""Whose a reservation is that orders carry: one line's, whatever comes later, for the next owner, too."""

import asyncio

from inventory_stream.flows.channels.carried import CARRIED_MS, RENEWED_MS, Carried
from models.channels import CARRIED, CarriedRow
from tests.fakes.channel import FakeChannel
from tests.unit.flows.channels.world import account_world

NOW_MS = 1_700_000_000_000
WORDS = ["A." + digit * 26 for digit in "abcd"]


class World:
    """The notes of one account, at a time that a test sets."""

    def __init__(self, most: int = 9) -> None:
        self.most = most
        self.now_ms = NOW_MS
        self.rows: dict[str, CarriedRow | None] = {}
        self.writes = 0
        self.carried = self.anew()

    def anew(self) -> Carried:
        """Give the notes of the next owner."""
        carried = Carried(self.keep, lambda: self.now_ms, self.most)
        for reservation_id, row in list(self.rows.items()):
            carried.known(reservation_id, row)
        carried.begin()
        return carried

    def keep(self, reservation_id: str, row: CarriedRow | None) -> None:
        """Keep a row."""
        self.writes += 1
        self.rows[reservation_id] = row

    def of(self, order_id: str, line_id: str = "1", word: str | None = None) -> str | None:
        """Ask for a line of SKU A."""
        return self.carried.of_line(order_id, line_id, word, ("A",))


def test_the_first_line_that_carries_a_reservation_is_it() -> None:
    """Neither another order nor another line gets it, nor a line of another SKU; the next owner knows."""
    world = World()
    assert world.of("O") is None
    assert world.carried.of_line("O", "1", WORDS[0], ("B", "C")) is None
    assert world.carried.take_asked() is False
    for _ in range(2):
        assert world.of("O", word=WORDS[0]) == WORDS[0]
        assert world.of("O") == world.of("O", word=WORDS[1]) == WORDS[0]
        assert world.of("P", word=WORDS[0]) is None
        assert world.of("O", "2", WORDS[0]) is None
        assert world.carried.take_asked() is True
        world.carried = world.anew()
    assert world.writes == 1


def test_notes_end_after_the_return_window_since_their_line_was_heard_of() -> None:
    """One that is heard of is kept on; the other's row is taken out."""
    world = World()
    world.of("O", word=WORDS[0])
    world.of("P", word=WORDS[1])
    world.now_ms += RENEWED_MS
    assert world.of("O") == WORDS[0]
    world.now_ms = NOW_MS + CARRIED_MS + 1
    world.of("Q", word=WORDS[2])
    assert world.rows == {
        WORDS[0]: CarriedRow("O", "1", NOW_MS + RENEWED_MS),
        WORDS[1]: None,
        WORDS[2]: CarriedRow("Q", "1", world.now_ms),
    }
    assert world.of("P") is None
    world.now_ms += CARRIED_MS + 1
    world.carried = world.anew()
    assert set(world.rows.values()) == {None}


def test_there_are_only_so_many_notes() -> None:
    """The oldest go, whatever order a next owner takes them up in; carried again it is bound anew."""
    world = World(most=2)
    for number, order_id in enumerate("OPQ"):
        world.now_ms += 1
        world.of(order_id, word=WORDS[number])
    assert world.rows[WORDS[0]] is None
    world.rows = dict(reversed(world.rows.items()))
    world.carried = world.anew()
    world.now_ms += 1
    assert world.of("O", word=WORDS[0]) == WORDS[0]
    assert world.rows[WORDS[1]] is None
    assert world.of("Q") == WORDS[2]


async def test_a_note_is_durable_before_a_line_is_sent_and_known_to_the_next_owner() -> None:
    """Also to the account that is taken up anew meanwhile, with what a delivery that was begun adds."""
    async with account_world(FakeChannel(), listings=1) as world:
        assert world.account.carried.of_line("O", "1", WORDS[0], ("A",)) == WORDS[0]
        await asyncio.wait_for(world.account.notes_kept(), 5)
        row = world.row(f"{CARRIED}{WORDS[0]}")
        assert isinstance(row, CarriedRow)
        anew = world.new_account()
        anew.known(f"{CARRIED}{WORDS[0]}", row)
        assert anew.carried.of_line("O", "1", None, ("A",)) == WORDS[0]
        anew = world.new_account()
        anew.succeed(world.account)
        anew.carried.begin()
        assert world.account.carried.of_line("P", "1", WORDS[1], ("A",)) == WORDS[1]
        assert anew.carried.of_line("P", "1", None, ("A",)) == WORDS[1]
        anew.known(f"{CARRIED}{WORDS[0]}", None)
        assert anew.carried.of_line("O", "1", None, ("A",)) is None
