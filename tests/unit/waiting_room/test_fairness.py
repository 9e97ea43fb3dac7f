"""Fairness, measured: the draw has no favourites, and after it the first to come is the first to go in."""

import hashlib
import random
from collections.abc import Sequence

from inventory_stream.flows.waiting_room.draw import commitment, draw, seed, ticket_id
from inventory_stream.flows.waiting_room.sale_stock import SaleStock
from inventory_stream.ports.waiting_room import Place, Room
from tests.unit.waiting_room.house import House

ROOM = Room("drop", 1_700_000_000_000, 1_700_003_600_000, 60, 100, "1")
SEEDS = 400
SHOPPERS = 100

# Chi-square with 9 degrees of freedom passes 27.88 in 1 of 1,000 fair draws; the seeds are fixed, so that
# the figure is the same in every run.
CHI_SQUARE_9_MAX = 27.88
# Kolmogorov-Smirnov, 1 of 1,000: 1.95 / sqrt(n).
KS_FACTOR = 1.95


def key(number: int) -> bytes:
    """Give one of many keys."""
    return hashlib.sha256(b"key %d" % number).digest()


def chi_square(ranks: Sequence[int]) -> float:
    """Hold ranks 0..SHOPPERS-1 against the uniform distribution, by tenths."""
    counts = [0] * 10
    for rank in ranks:
        counts[rank * 10 // SHOPPERS] += 1
    expected = len(ranks) / 10
    return sum((count - expected) ** 2 / expected for count in counts)


def distance(values: Sequence[float]) -> float:
    """Give the Kolmogorov-Smirnov distance from the uniform distribution on 0..1."""
    ordered = sorted(values)
    return max(
        max((at + 1) / len(ordered) - value, value - at / len(ordered)) for at, value in enumerate(ordered)
    )


def ranks_of(order: Sequence[str]) -> dict[str, int]:
    """Give each one's place in an order."""
    return {name: rank for rank, name in enumerate(order)}


def drawn_order(number: int, names: Sequence[str]) -> dict[str, int]:
    """Draw once; gives the rank of each customer."""
    seed_bytes = seed(key(number), ROOM)
    tickets = {name: ticket_id("drop", name) for name in names}
    return ranks_of(sorted(names, key=lambda name: draw(seed_bytes, tickets[name])))


def test_nobody_is_favoured_by_the_draw_over_many_seeds() -> None:
    """Of many draws, the first to come, the last, and whoever has a low or a high name, win equally often."""
    names = [f"shopper-{number:03}" for number in range(SHOPPERS)]
    drawn = [drawn_order(number, names) for number in range(SEEDS)]
    for name in (names[0], names[1], names[49], names[-1]):
        assert chi_square([ranks[name] for ranks in drawn]) < CHI_SQUARE_9_MAX, name
    # All of them at once: how often each one is among the first tenth, over all draws.
    wins = [sum(ranks[name] < SHOPPERS // 10 for ranks in drawn) for name in names]
    expected = SEEDS / 10
    spread = sum((count - expected) ** 2 / (expected * 0.9) for count in wins)
    assert 60 < spread < 149  # chi-square, 99 degrees of freedom: 1 of 1,000 on either side


def test_the_measure_sees_a_draw_with_favourites() -> None:
    """A draw that helps one in twenty to the first tenth is told from a fair one: the test above can fail."""
    dice = random.Random(7)
    ranks = [0 if dice.random() < 0.1 else dice.randrange(SHOPPERS) for _ in range(SEEDS)]
    assert chi_square(ranks) > CHI_SQUARE_9_MAX


def test_draws_of_one_room_are_uniform_and_do_not_know_the_arrival() -> None:
    """Within one draw of many people the numbers fill their range evenly, without regard to who came when."""
    count = 5_000
    seed_bytes = seed(key(1), ROOM)
    values = [draw(seed_bytes, ticket_id("drop", f"c{number}")) / 2**52 + 1 for number in range(count)]
    assert distance(values) < KS_FACTOR / count**0.5
    mean = sum(values) / count
    by_arrival = sum((at / count - 0.5) * (value - mean) for at, value in enumerate(values)) / (count / 12)
    assert abs(by_arrival) < 3.3 / count**0.5


def test_rooms_of_different_sales_draw_independently() -> None:
    """Who won in one sale is as likely as anybody to win in the next."""
    other = Room("drop-2", ROOM.opens_ms, ROOM.closes_ms, 60, 100, "1")
    pairs = [
        (
            draw(seed(key(1), ROOM), ticket_id("drop", f"c{number}")),
            draw(seed(key(1), other), ticket_id("drop-2", f"c{number}")),
        )
        for number in range(4_000)
    ]
    both = sum(first < -(2**51) and second < -(2**51) for first, second in pairs)
    assert 880 < both < 1_120  # 1,000 expected, 27 of standard deviation


def test_seed_is_committed_to_and_whoever_has_it_can_check_the_draw() -> None:
    """What is shown beforehand fixes the seed; the documented formula gives every ticket's number."""
    import hmac  # noqa: PLC0415  # the reader's own computation, from the documented formula alone

    seed_bytes = seed(key(3), ROOM)
    assert commitment(seed_bytes) == hashlib.sha256(seed_bytes).hexdigest()
    assert commitment(seed_bytes) != commitment(seed(key(4), ROOM))
    ticket = ticket_id("drop", "somebody")
    number = int.from_bytes(hmac.new(seed_bytes, ticket.encode(), hashlib.sha256).digest()[:8], "big") >> 12
    assert draw(seed_bytes, ticket) == number - 2**52


async def test_whole_room_admits_by_draw_then_by_arrival() -> None:
    """Early ones go in by the draw and not by arrival, later ones by arrival, over two gateways and bots."""
    arrival_rank: list[int] = []
    for number in range(20):
        house = await House(units=1_000, key=key(number)).open()
        early = [f"early-{at}" for at in range(SHOPPERS)]
        places: list[Place] = []
        for at, name in enumerate(early):
            places.append(await house.join(name, (house.one, house.two)[at % 2]))
            for _ in range(5 if at == 0 else 0):  # one who reloads and tries again gets nothing by it
                await house.join(name, house.two)
        house.to_opening()
        await house.two.lobby.stand(house.room, places)
        late = [f"late-{at}" for at in range(30)]
        for at, name in enumerate(late):
            await house.join(name, (house.two, house.one)[at % 2])
        house.stocks.now = SaleStock(0)
        order: list[str] = []
        names = {ticket_id("drop", name): name for name in (*early, *late)}
        while len(order) < len(names):
            house.stocks.now = SaleStock(len(order) + 7)
            taken = await house.one.rooms.admit(house.room, "g1", house.stocks.now.unsold)
            assert taken
            order += [names[ticket] for ticket in taken]
        assert order[SHOPPERS:] == late
        seed_bytes = seed(key(number), house.room)
        assert order[:SHOPPERS] == sorted(early, key=lambda one: draw(seed_bytes, ticket_id("drop", one)))
        arrival_rank.append(order.index("early-0"))
    assert sum(rank < SHOPPERS // 2 for rank in arrival_rank) in range(4, 17)
