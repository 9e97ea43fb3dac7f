"""An order that a channel names and does not tell of: what is waited for, and what becomes a letter."""

import pytest

from inventory_stream.errors import RetryableError
from inventory_stream.flows.channels.inbound.patience import (
    ALONE_SECONDS,
    NOT_READ_SECONDS,
    OWN_TRIES_MIN,
    PAUSE_SECONDS_MAX,
    SILENT_SECONDS,
)
from inventory_stream.flows.channels.inbound.taking import Place
from inventory_stream.ports.channel import TOO_LARGE, UNREADABLE, ChannelError, Result
from models.channels import Inbound, OrderNamed, OrderTaken, SoldLine, decode_inbound
from tests.fakes.desk import START_MS
from tests.unit.flows.channels.inbound.inbound_world import ACCOUNT, CHANNEL, PLACED_MS, World

TRY_SECONDS = 5.0
DOWN = ChannelError(Result.RETRYABLE, "http-500")


async def tries_until_given_up(
    world: World, *order_ids: str, tries_max: int = 20_000, answers: int = 0, offset: int = 1
) -> int | None:
    """Try a delivery that names orders every 5 s; None: it is still not given up after so many tries."""
    events = tuple(OrderNamed(order_id, PLACED_MS) for order_id in order_ids)
    for tried in range(1, tries_max + 1):
        try:
            await world.flow.take(
                Inbound(CHANNEL, ACCOUNT, "d", START_MS, events), Place("in", 0, offset, b"k", START_MS)
            )
        except RetryableError:
            world.seconds += TRY_SECONDS
            world.account.requests_answered += answers
        else:
            return tried
    return None


@pytest.mark.parametrize("code", [UNREADABLE, TOO_LARGE])
async def test_an_order_whose_answer_is_never_read_is_a_letter_that_names_it(code: str) -> None:
    """It is asked for a bounded time; sent again, it is asked for anew, and taken when it reads well."""
    world = World()
    world.stock(A=5)
    world.account.answers["X"] = ChannelError(Result.AMBIGUOUS, code)
    tries = await tries_until_given_up(world, "X")
    assert tries == max(OWN_TRIES_MIN, 1 + NOT_READ_SECONDS / TRY_SECONDS)
    [letter] = world.letters.kept.values()
    assert code in letter.reason
    left = decode_inbound(letter.value or b"")
    assert left.events == (OrderNamed("X", PLACED_MS),)
    assert world.untold_orders == 1
    world.account.answers["X"] = [OrderTaken("X", PLACED_MS, (SoldLine("1", 2, sku="A"),))]
    await world.take(*left.events)
    assert world.units("A") == (5, 0, 2, 0)


@pytest.mark.parametrize(
    "error",
    [
        DOWN,
        ChannelError(Result.THROTTLED, "429"),
        ChannelError(Result.AMBIGUOUS, "no-answer-in-time"),
        ChannelError(Result.AUTH, "http-401"),
    ],
)
async def test_a_channel_that_answers_nothing_is_waited_for(error: ChannelError) -> None:
    """Its trouble is not that of an order: nothing becomes a letter within hours."""
    world = World()
    world.account.answers["X"] = error
    assert await tries_until_given_up(world, "X", tries_max=5_000) is None
    assert world.letters.kept == {}


async def test_a_throttled_order_waits_although_all_else_is_answered() -> None:
    """Whoever says "later" has not refused the order."""
    world = World()
    world.account.answers["X"] = ChannelError(Result.THROTTLED, "429")
    assert await tries_until_given_up(world, "X", tries_max=5_000, answers=1) is None


@pytest.mark.parametrize("error", [DOWN, ChannelError(Result.AUTH, "http-403")])
async def test_an_order_that_alone_fails_is_a_letter(error: ChannelError) -> None:
    """The channel answers all else: it is the order, and later ones must not wait for it for ever."""
    world = World()
    world.account.answers["X"] = error
    tries = await tries_until_given_up(world, "X", answers=1)
    assert tries is not None
    assert ALONE_SECONDS <= world.seconds <= ALONE_SECONDS + 2 * TRY_SECONDS
    assert len(world.letters.kept) == 1


async def test_two_orders_of_one_delivery_that_are_never_read_are_given_up_both() -> None:
    """While the second is tried, the first one stays given up."""
    world = World()
    for order_id in ("X", "Y"):
        world.account.answers[order_id] = ChannelError(Result.AMBIGUOUS, UNREADABLE)
    assert await tries_until_given_up(world, "X", "Y", tries_max=50) is not None
    [letter] = world.letters.kept.values()
    assert len(decode_inbound(letter.value or b"").events) == 2


async def test_what_waits_for_a_silent_channel_does_not_get_as_old_as_the_topic_keeps_it() -> None:
    """After a day orders become letters, each at its first try, until the channel tells of one again."""
    world = World()
    world.account.answers |= {"X": DOWN, "Y": DOWN}
    assert await tries_until_given_up(world, "X") == 1 + SILENT_SECONDS / TRY_SECONDS
    assert await tries_until_given_up(world, "Y", offset=2) == 1
    world.account.answers["Z"] = []
    assert await tries_until_given_up(world, "Z", offset=3) == 1
    assert len(world.letters.kept) == 2
    assert await tries_until_given_up(world, "Y", offset=4, tries_max=100) is None


async def test_a_silence_of_long_ago_is_not_this_one() -> None:
    """Nobody asked in between, so nobody knows that the channel was silent all the time."""
    world = World()
    world.account.answers["X"] = DOWN
    assert await tries_until_given_up(world, "X") is not None
    world.seconds += PAUSE_SECONDS_MAX + 1
    assert await tries_until_given_up(world, "X", offset=2, tries_max=100) is None
