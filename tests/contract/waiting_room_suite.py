"""What the waiting rooms of every server must do: the same tests on the fake and on a real one."""

import asyncio
import time
from dataclasses import dataclass

import msgspec
import pytest

from inventory_stream.ports.waiting_room import (
    Binding,
    Entry,
    Kind,
    Look,
    Place,
    Room,
    RoomGoneError,
    WaitingRooms,
)

WAIT_SECONDS_MAX = 10.0
HOUR_MS = 3_600_000
PRESENT_SECONDS = 1.0


@dataclass
class Bench:
    """One server with two gateways at it, and the operator's hand."""

    rooms: WaitingRooms
    other: WaitingRooms

    def now_ms(self) -> int:
        """Give the server's time."""
        raise NotImplementedError

    async def pass_ms(self, milliseconds: int) -> None:
        """Let time pass."""
        raise NotImplementedError

    async def flush(self) -> None:
        """Lose all data."""
        raise NotImplementedError

    def room(self, opens_in_ms: int = -1_000, admission_seconds: int = 60, sale_id: str = "drop/{1}") -> Room:
        """Describe a room that opens after so long."""
        opens_ms = self.now_ms() + opens_in_ms
        return Room(sale_id, opens_ms, opens_ms + HOUR_MS, admission_seconds, 100, "1")


async def kinds(bench: Bench, room: Room, *places: Place) -> list[Kind]:
    """Give how tickets stand, without their holders coming back."""
    look = await bench.rooms.look(room, [(place.ticket_id, place.turn) for place in places], is_here=False)
    return [standing.kind for standing in look.standings]


async def came(bench: Bench, room: Room, *tickets: str) -> list[Place]:
    """Let people come, one after another."""
    return [await enter_one(bench.rooms, room, Entry(ticket, -1)) for ticket in tickets]


async def enter_one(rooms: WaitingRooms, room: Room, entry: Entry) -> Place:
    """Let one come whom nothing keeps out."""
    (place,) = await rooms.enter(room, [entry])
    assert place is not None
    return place


async def look_at(bench: Bench, room: Room, place: Place) -> Look:
    """Look at one ticket, without its holder coming back."""
    return await bench.rooms.look(room, [(place.ticket_id, place.turn)], is_here=False)


async def admitted_within(bench: Bench, room: Room, holder: str, capacity: int) -> list[str]:
    """Let people in as soon as it can be done."""
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while time.monotonic() < deadline:
        if taken := await bench.rooms.admit(room, holder, capacity):
            return list(taken)
        await bench.pass_ms(20)
    raise AssertionError("nobody was let in")


class WaitingRoomSuite:
    """Subclass it with a fixture `bench`, whose gateways count `PRESENT_SECONDS` as there."""

    async def test_terms_of_an_open_room_stay(self, bench: Bench) -> None:
        """Tickets rest on the terms: who opens the room again with others gets those that hold."""
        room = bench.room()
        assert await bench.rooms.open_room(room) == room
        changed = msgspec.structs.replace(room, over_admission_percent=500)
        assert await bench.other.open_room(changed) == room
        assert list(await bench.other.rooms()) == [room]
        await bench.rooms.forget([room.sale_id])
        assert not await bench.other.rooms()

    async def test_later_ones_go_in_by_arrival_at_whatever_gateway(self, bench: Bench) -> None:
        """After the opening the first to come is the first to go in, over all gateways."""
        room = await bench.rooms.open_room(bench.room())
        names = [f"t{(7 * number) % 20}" for number in range(20)]
        for number, name in enumerate(names):
            await (bench.rooms, bench.other)[number % 2].enter(room, [Entry(name, -1)])
        taken: list[str] = []
        while len(taken) < len(names):
            more = await bench.rooms.admit(room, "g1", len(taken) + 3)
            assert more
            taken += more
        assert taken == names

    async def test_people_of_one_call_get_different_arrivals(self, bench: Bench) -> None:
        """Two who come within the same microsecond still have an order, the one of their coming."""
        room = await bench.rooms.open_room(bench.room())
        entries = [Entry(f"t{number}", -1) for number in range(50)]
        arrivals = [place.arrived_us for place in await bench.rooms.enter(room, entries) if place is not None]
        assert len(arrivals) == 50
        assert arrivals == sorted(set(arrivals))

    async def test_those_before_the_opening_go_in_by_draw_and_before_later_ones(self, bench: Bench) -> None:
        """Who was there first has no advantage before the opening; later ones come after all of them."""
        room = await bench.rooms.open_room(bench.room(opens_in_ms=300))
        draws = {"a": -5, "b": -(2**52), "c": -4_000_000_000_000_001, "d": -4_000_000_000_000_000, "e": -1}
        for ticket, draw in draws.items():
            await bench.rooms.enter(room, [Entry(ticket, draw)])
        assert await bench.rooms.admit(room, "g1", 100) == []
        await bench.pass_ms(max(0, room.opens_ms - bench.now_ms()) + 1)
        deadline = time.monotonic() + WAIT_SECONDS_MAX
        late = Place("late", 0, 0)
        while late.arrived_us < room.opens_ms * 1_000:
            assert time.monotonic() < deadline
            late = await enter_one(bench.rooms, room, Entry("late", -(2**52)))
            if late.arrived_us < room.opens_ms * 1_000:
                await bench.rooms.leave(room, "late", late.turn)
                await bench.pass_ms(5)
        await bench.rooms.look(room, [(ticket, 0) for ticket in draws], is_here=True)
        assert await admitted_within(bench, room, "g1", 100) == [
            *sorted(draws, key=lambda one: draws[one]),
            "late",
        ]

    async def test_coming_again_keeps_the_place(self, bench: Bench) -> None:
        """A reload is no new arrival, with the ticket or without, at whatever gateway."""
        room = await bench.rooms.open_room(bench.room())
        first, second = await came(bench, room, "a", "b")
        assert (await bench.other.enter(room, [Entry("a", -9)]))[0] == first
        assert (await bench.other.enter(room, [Entry("b", -9, 0, second.arrived_us)]))[0] == second
        look = await bench.other.look(room, [("a", 0), ("b", 0)], is_here=True)
        assert [(one.position, one.present_ahead) for one in look.standings] == [(1, 0), (2, 1)]
        assert (look.state.waiting, look.state.present, look.state.in_flight) == (2, 2, 0)

    async def test_no_more_go_in_than_capacity_leaves(self, bench: Bench) -> None:
        """Those in flight count against capacity, and a capacity that fell lets nobody in."""
        room = await bench.rooms.open_room(bench.room())
        await came(bench, room, *"abcdef")
        assert await bench.rooms.admit(room, "g1", 3) == ["a", "b", "c"]
        assert await bench.rooms.admit(room, "g1", 3) == []
        assert await bench.rooms.admit(room, "g1", 2) == []
        assert await bench.rooms.admit(room, "g1", 4) == ["d"]
        look = await bench.rooms.look(room, [("a", 0), ("e", 0)], is_here=False)
        assert (look.state.in_flight, look.state.admitted_total, look.state.waiting) == (4, 4, 2)
        assert [one.kind for one in look.standings] == [Kind.ADMITTED, Kind.WAITING]
        assert look.standings[0].until_ms > look.state.now_ms

    async def test_one_gateway_at_a_time_lets_people_in(self, bench: Bench) -> None:
        """Two gateways with different views of the stock must not both act on theirs."""
        room = await bench.rooms.open_room(bench.room())
        await came(bench, room, *"abc")
        assert await bench.rooms.admit(room, "g1", 1) == ["a"]
        assert await bench.other.admit(room, "g2", 100) is None

    async def test_who_is_not_there_is_passed_over_and_keeps_the_place(self, bench: Bench) -> None:
        """An absent one costs the others no time, and is the first to go in once back."""
        room = await bench.rooms.open_room(bench.room())
        gone, here = await came(bench, room, "gone", "here")
        await bench.pass_ms(round(PRESENT_SECONDS * 1_000) + 50)
        await bench.rooms.look(room, [("here", 0)], is_here=True)
        assert await bench.rooms.admit(room, "g1", 1) == ["here"]
        look = await look_at(bench, room, gone)
        assert (look.standings[0].position, look.state.present) == (1, 0)
        await came(bench, room, "new")
        await bench.rooms.look(room, [("gone", 0)], is_here=True)
        assert await bench.rooms.admit(room, "g1", 2) == ["gone"]
        assert await kinds(bench, room, here) == [Kind.ADMITTED]

    async def test_admission_that_is_not_used_lapses_and_lets_the_next_in(self, bench: Bench) -> None:
        """An unused admission holds a place for its time only; its holder begins at the end."""
        room = await bench.rooms.open_room(bench.room(admission_seconds=1))
        (first,) = await came(bench, room, "a")
        assert await bench.rooms.admit(room, "g1", 1) == ["a"]
        await bench.pass_ms(1_050)
        assert await kinds(bench, room, first) == [Kind.LAPSED]
        await came(bench, room, "b")
        assert await bench.rooms.admit(room, "g1", 1) == ["b"]
        (again,) = await came(bench, room, "a")
        assert (again.turn, again.arrived_us > first.arrived_us) == (1, True)
        assert await kinds(bench, room, first, again) == [Kind.LAPSED, Kind.WAITING]
        assert (await bench.rooms.enter(room, [Entry("a", -1, 0, first.arrived_us)]))[0] == first
        assert await kinds(bench, room, first, again) == [Kind.LAPSED, Kind.WAITING]

    async def test_admission_is_bound_to_the_first_reservation(self, bench: Bench) -> None:
        """Of two reservations with one admission at two gateways one gets it, and its own retry."""
        room = await bench.rooms.open_room(bench.room())
        await came(bench, room, "a")
        await bench.rooms.admit(room, "g1", 1)
        assert await bench.rooms.bound(room, "a", 0) is None
        bound = await asyncio.gather(
            bench.rooms.bind(room, "a", 0, "R1"), bench.other.bind(room, "a", 0, "R2")
        )
        assert len({one.reservation_id for one in bound}) == 1
        assert sorted(one.is_new for one in bound) == [False, True]
        winner = bound[0].reservation_id
        loser = "R2" if winner == "R1" else "R1"
        assert await bench.other.bind(room, "a", 0, winner) == Binding(winner)
        assert await bench.other.bound(room, "a", 0) == winner
        await bench.rooms.unbind(room, "a", 0, loser)
        assert await bench.other.bind(room, "a", 0, loser, 1, winner) == Binding(winner)
        await bench.rooms.unbind(room, "a", 0, winner)
        assert await bench.other.bind(room, "a", 0, loser) == Binding(loser, is_new=True)

    async def test_admission_of_a_reservation_that_came_to_nothing_goes_to_another(
        self, bench: Bench
    ) -> None:
        """Only when it can be granted no more, only to who says whose place it takes, and not once used."""
        room = await bench.rooms.open_room(bench.room())
        await came(bench, room, "a")
        await bench.rooms.admit(room, "g1", 1)
        await bench.rooms.bind(room, "a", 0, "R1", 60_000)
        assert await bench.other.bind(room, "a", 0, "R2", 60_000, "R1") == Binding("R1")
        assert await bench.rooms.bind(room, "a", 0, "R1", 50) == Binding("R1")
        await bench.pass_ms(60)
        for instead_of in (None, "R3"):
            over = await bench.other.bind(room, "a", 0, "R2", 60_000, instead_of)
            assert over == Binding("R1", is_over=True)
        assert await bench.other.bind(room, "a", 0, "R2", 50, "R1") == Binding("R2", is_new=True)
        await bench.rooms.spend(room, "a", 0)
        await bench.pass_ms(60)
        assert await bench.rooms.bind(room, "a", 0, "R3", 60_000, "R2") == Binding("R2")

    async def test_owner_has_one_ticket_at_a_time(self, bench: Bench) -> None:
        """Another ticket of the same owner is refused while the first waits or is in, and only then."""
        room = await bench.rooms.open_room(bench.room())
        first = await enter_one(bench.rooms, room, Entry("a1", -1, owner="a"))
        assert await bench.other.enter(room, [Entry("a2", -1, owner="a")]) == [None]
        assert await bench.other.enter(room, [Entry("a1", -1, owner="a")]) == [first]
        assert (await look_at(bench, room, first)).state.waiting == 1
        assert await bench.rooms.admit(room, "g1", 1) == ["a1"]
        assert await bench.other.enter(room, [Entry("a2", -1, owner="a")]) == [None]
        await bench.rooms.spend(room, "a1", 0)
        second = await enter_one(bench.rooms, room, Entry("a2", -1, owner="a"))
        assert await kinds(bench, room, second) == [Kind.WAITING]

    async def test_place_at_the_end_is_not_drawn(self, bench: Bench) -> None:
        """A ticket in place of a lost one comes after all who were drawn, and asked again it is the same."""
        room = await bench.rooms.open_room(bench.room(opens_in_ms=60_000))
        last = await enter_one(bench.rooms, room, Entry("lost", -(2**52), turn=1))
        (drawn,) = await came(bench, room, "drawn")
        assert await enter_one(bench.other, room, Entry("lost", -(2**52), turn=1)) == last
        positions = [(await look_at(bench, room, one)).standings[0].position for one in (drawn, last)]
        assert positions == [1, 2]
        await bench.rooms.leave(room, "lost", last.turn)
        again = await enter_one(bench.rooms, room, Entry("lost", -(2**52), turn=1))
        assert again.turn == last.turn + 1

    async def test_used_admission_is_over_and_stays_bound(self, bench: Bench) -> None:
        """After the grant nothing frees the admission, and its holder may come again at the end."""
        room = await bench.rooms.open_room(bench.room())
        (first,) = await came(bench, room, "a")
        await bench.rooms.admit(room, "g1", 1)
        await bench.rooms.bind(room, "a", 0, "R1")
        for _ in range(2):
            await bench.rooms.spend(room, "a", 0)
        await bench.rooms.unbind(room, "a", 0, "R1")
        assert await bench.other.bind(room, "a", 0, "R2") == Binding("R1")
        (again,) = await came(bench, room, "a")
        assert await kinds(bench, room, first, again) == [Kind.USED, Kind.WAITING]

    async def test_used_admission_counts_as_in_flight_a_little_longer(self, bench: Bench) -> None:
        """Nobody goes in for a unit that was just taken, before the shelf shows that it is taken."""
        room = await bench.rooms.open_room(bench.room())
        await came(bench, room, *"ab")
        await bench.rooms.admit(room, "g1", 1)
        await bench.rooms.spend(room, "a", 0)
        assert await bench.rooms.admit(room, "g1", 1) == []
        await bench.pass_ms(1_050)
        await bench.rooms.look(room, [("b", 0)], is_here=True)
        assert await bench.rooms.admit(room, "g1", 1) == ["b"]

    async def test_leaving_gives_up_place_and_admission(self, bench: Bench) -> None:
        """Who leaves lets the next in at once; the old ticket never comes back to its place."""
        room = await bench.rooms.open_room(bench.room())
        first, second, _ = await came(bench, room, *"abc")
        await bench.rooms.admit(room, "g1", 1)
        for _ in range(2):
            await bench.rooms.leave(room, "a", 0)
            await bench.rooms.leave(room, "b", 0)
        assert await bench.rooms.admit(room, "g1", 1) == ["c"]
        await bench.rooms.enter(room, [Entry("b", -1, 0, second.arrived_us)])
        assert await kinds(bench, room, first, second) == [Kind.LAPSED, Kind.LAPSED]

    async def test_lost_room_says_so_and_tickets_bring_their_places_back(self, bench: Bench) -> None:
        """After a flush nobody goes in for a while, and those who come back stand in their old order."""
        room = await bench.rooms.open_room(bench.room())
        places = await came(bench, room, *"abc")
        await bench.flush()
        await bench.pass_ms(5)
        for lost in (
            bench.rooms.look(room, [("a", 0)], is_here=True),
            bench.rooms.enter(room, [Entry("a", -1)]),
            bench.rooms.admit(room, "g1", 1),
            bench.rooms.leave(room, "a", 0),
            bench.rooms.bind(room, "a", 0, "R1"),
            bench.rooms.spend(room, "a", 0),
        ):
            with pytest.raises(RoomGoneError):
                await lost
        await bench.rooms.open_room(room, hold_ms=200)
        assert await kinds(bench, room, places[2]) == [Kind.ABSENT]
        await came(bench, room, "new")
        for place in reversed(places):
            entry = Entry(place.ticket_id, -1, place.turn, place.arrived_us)
            assert await bench.other.enter(room, [entry]) == [place]
        assert await bench.rooms.admit(room, "g1", 100) == []
        assert (await look_at(bench, room, places[0])).state.restored_ms > 0
        assert await admitted_within(bench, room, "g1", 100) == [*"abc", "new"]

    async def test_place_before_the_opening_comes_back_after_a_loss(self, bench: Bench) -> None:
        """Who was drawn before the loss has the same place after it, ahead of all who came later."""
        room = await bench.rooms.open_room(bench.room())
        early_us = room.opens_ms * 1_000 - 1
        await came(bench, room, "later")
        await bench.rooms.enter(room, [Entry("x", -3, 0, early_us), Entry("y", -7, 0, early_us - 5)])
        assert await bench.rooms.admit(room, "g1", 3) == ["y", "x", "later"]

    async def test_turn_that_was_lost_is_taken_from_the_ticket(self, bench: Bench) -> None:
        """A second turn's ticket stays the newer one after a flush: the first turn's does not come back."""
        room = await bench.rooms.open_room(bench.room())
        (first,) = await came(bench, room, "a")
        await bench.rooms.leave(room, "a", 0)
        (second,) = await came(bench, room, "a")
        await bench.flush()
        await bench.rooms.open_room(room)
        for place in (second, first):
            await bench.rooms.enter(room, [Entry("a", -1, place.turn, place.arrived_us)])
        assert await kinds(bench, room, first, second) == [Kind.LAPSED, Kind.WAITING]
