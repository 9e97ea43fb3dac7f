"""Events become commands: what the mapping says, what it does not know, what the account hears."""

import pytest

from inventory_stream.flows.channels.inbound.names import joined
from inventory_stream.flows.channels.inbound.take import NotToldError
from inventory_stream.ports.channel import MISFIT, ChannelError, Result
from models.channels import (
    AccountTroubled,
    Act,
    ChangedLine,
    LinesCancelled,
    LinesReturned,
    OrderNamed,
    OrderTaken,
    SoldLine,
    StockSeen,
    TillSold,
    decode_inbound,
)
from models.commands import RecordOrder, SetLocationGroup, Sync, TillSale
from tests.fakes.desk import START_MS
from tests.unit.flows.channels.inbound.inbound_world import PLACED_MS, World


def order(*lines: SoldLine, is_paid: bool = True) -> OrderTaken:
    """Give an order of some lines."""
    return OrderTaken("O:1", PLACED_MS, lines, is_paid)


async def test_an_order_is_recorded_line_by_line_under_ids_of_its_own_words() -> None:
    """Ids are channel, account, order, line and event, with colons of the parts encoded (R27)."""
    world = World()
    world.stock(A=5)
    await world.take(order(SoldLine("1", 2, listing="10/1")))
    assert world.sink.sent == [
        RecordOrder(
            id="shop:nl%3A1:O%3A1:1:taken",
            reservation_id="shop:nl%3A1:O%3A1:1",
            sku="A",
            units=2,
            location="DC1",
            channel="shop",
            order_id="O:1",
            ordered_at=PLACED_MS,
        )
    ]
    assert world.units("A") == (5, 0, 2, 0)
    assert world.account.through_ms == PLACED_MS


def test_long_ids_are_hashed_and_different_words_never_meet() -> None:
    """An id is at most 128 characters, and no other parts give the same one."""
    long = joined("shop", "a" * 128, "o" * 128, "l" * 128, "taken")
    assert len(long) <= 128
    assert long != joined("shop", "a" * 128, "o" * 128, "l" * 128, "cancel")
    assert joined("a:b", "c") != joined("a", "b:c") != joined("a%3Ab", "c")


async def test_an_order_without_stock_is_recorded_all_the_same() -> None:
    """What a channel has sold is sold (R20): the position goes below zero and says so."""
    world = World()
    await world.take(order(SoldLine("1", 2, sku="A")))
    assert world.units("A") == (0, 0, 2, 0)
    assert world.desk.state.skus["A"]["DC1"].uncommitted == -2


@pytest.mark.parametrize(
    ("line", "changes", "place"),
    [
        (SoldLine("1", 1, listing="13/1", location="p2"), {}, ("DC2", None)),
        (SoldLine("1", 1, listing="13/1"), {}, ("DC1", None)),
        (SoldLine("1", 1, listing="13/1"), {"order_group": "NL"}, (None, "NL")),
        (SoldLine("1", 1, listing="14/1"), {"order_group": "NL"}, (None, "NL")),
        (SoldLine("1", 1, listing="10/1"), {"order_group": "NL"}, ("DC1", None)),
        (SoldLine("1", 1, listing="10"), {}, ("DC1", None)),
        (SoldLine("1", 1, listing="none", sku="A"), {}, ("DC1", None)),
    ],
    ids=["its place", "first", "group", "group of everywhere", "only one", "item alone", "by SKU"],
)
async def test_where_an_order_is_taken_from(
    line: SoldLine, changes: dict[str, object], place: tuple[str | None, str | None]
) -> None:
    """The place it names, else the only location, else the group of orders, else the first."""
    world = World(**changes)
    world.desk.decide(SetLocationGroup(id="g", group="NL", locations=("DC1", "DC2")))
    await world.take(order(line))
    [command] = world.sink.sent
    assert isinstance(command, RecordOrder)
    assert (command.location, command.group) == place


@pytest.mark.parametrize(
    "line",
    [
        SoldLine("2", 1, sku="nobody's"),
        SoldLine("2", 1, listing="99/1"),
        SoldLine("2", 1, sku="A", location="p9"),
        SoldLine("2", 1, listing="14/1"),
    ],
    ids=["SKU", "listing", "place", "no location"],
)
async def test_a_line_that_the_mapping_lacks_is_a_letter_and_comes_back_when_it_is_mended(
    line: SoldLine,
) -> None:
    """The others of the order go on; the letter holds that line alone, and sent again it is taken."""
    world = World()
    world.stock(A=5)
    await world.take(order(SoldLine("1", 2, sku="A"), line))
    assert world.units("A") == (5, 0, 2, 0)
    [letter] = world.letters.kept.values()
    assert (letter.topic, letter.offset, letter.key) == ("channel-inbound", 1, b"k")
    left = decode_inbound(letter.value or b"")
    assert left.events == (order(line),)
    world.mapping.rows = [
        *world.mapping.rows[:-1],
        *(row._replace(locations=("DC1",)) for row in world.mapping.rows[-1:]),
        world.mapping.rows[0]._replace(listing="99/1"),
        world.mapping.rows[0]._replace(listing="98/1", sku="nobody's"),
    ]
    world.mapping.places["p9"] = "DC1"
    world.mapping.version += 1
    await world.take(*left.events)
    assert len(world.letters.kept) == 1
    assert len(world.sink.sent) == 2


async def test_a_till_sale_lowers_the_stock_of_its_place() -> None:
    """R10: a fact, under an id of its own."""
    world = World()
    world.stock(A=5)
    await world.take(TillSold("S1", PLACED_MS, (SoldLine("1", 2, sku="A", location="p1"),)))
    [sale] = world.sink.sent
    assert isinstance(sale, TillSale)
    assert world.units("A") == (3, 0, 0, 0)


async def test_a_return_says_how_many() -> None:
    """Without units it is a letter: nobody can say what came back."""
    world = World()
    await world.take(LinesReturned("O", "r", PLACED_MS, (ChangedLine("1", sku="A"),)))
    assert world.sink.sent == []
    assert len(world.letters.kept) == 1


@pytest.mark.parametrize("is_authority", [False, True])
async def test_what_a_channel_shows_is_a_hint_unless_it_is_the_authority(*, is_authority: bool) -> None:
    """R14: the account hears of it; the ledger only from the one whose count it is."""
    world = World(is_count_authority=is_authority)
    await world.take(StockSeen("10", 4, PLACED_MS))
    assert world.account.seen == [("10/1", 4, PLACED_MS)]
    if not is_authority:
        assert world.sink.sent == []
        return
    [sync] = world.sink.sent
    assert isinstance(sync, Sync)
    assert (sync.source, sync.nets_orders, sync.on_hand) == ("shop-nl", True, 4)
    assert world.units("A") == (4, 0, 0, 0)


async def test_a_count_of_an_item_of_several_skus_is_a_letter() -> None:
    """Nobody can say whose count it is: neither SKU takes it."""
    world = World(is_count_authority=True)
    world.mapping.rows.append(world.mapping.rows[0]._replace(listing="10/2", sku="A2"))
    world.stock(A=5, A2=35)
    await world.take(StockSeen("10", 40, PLACED_MS))
    assert world.sink.sent == []
    assert len(world.letters.kept) == 1
    assert (world.units("A"), world.units("A2")) == ((5, 0, 0, 0), (35, 0, 0, 0))


async def test_orders_have_not_come_through_a_time_that_is_yet_to_come() -> None:
    """A channel's clock that runs ahead would end the wait of raises for its orders for good."""
    world = World()
    await world.take(OrderTaken("O", START_MS + 1_000_000, (SoldLine("1", 1, sku="A"),)))
    assert world.account.through_ms == START_MS


async def test_an_order_that_is_only_named_is_asked_for() -> None:
    """What the channel answers is taken as if it had come."""
    world = World()
    world.stock(A=5)
    world.account.answers["O:1"] = [order(SoldLine("1", 1, sku="A"))]
    await world.take(OrderNamed("O:1", PLACED_MS))
    assert world.units("A") == (5, 0, 1, 0)
    assert world.account.through_ms == PLACED_MS


async def test_a_channel_that_does_not_answer_now_is_asked_again() -> None:
    """The delivery is not passed over, and nothing of it is a letter."""
    world = World()
    world.account.answers["O:1"] = ChannelError(Result.THROTTLED, "429")
    with pytest.raises(NotToldError):
        await world.take(OrderNamed("O:1", PLACED_MS))
    assert world.letters.kept == {}


@pytest.mark.parametrize(
    "error", [ChannelError(Result.PERMANENT, "unknown-order"), ChannelError(Result.AMBIGUOUS, MISFIT)]
)
async def test_an_order_that_the_channel_will_not_tell_is_a_letter(error: ChannelError) -> None:
    """The rest of the delivery goes on; somebody has to look. Nothing is asked for ever that stays unread."""
    world = World()
    world.stock(A=5)
    world.account.answers["X"] = error
    await world.take(OrderNamed("X", PLACED_MS), order(SoldLine("1", 1, sku="A")))
    assert world.units("A") == (5, 0, 1, 0)
    [letter] = world.letters.kept.values()
    assert decode_inbound(letter.value or b"").events == (OrderNamed("X", PLACED_MS),)
    assert error.code in letter.reason


async def test_trouble_is_for_the_account_and_acts_are_for_nobody_here() -> None:
    """Neither moves a unit."""
    world = World()
    trouble = AccountTroubled("revoked", PLACED_MS)
    await world.take(trouble, Act("1", "pause", "ann", PLACED_MS))
    assert world.account.troubles == [trouble]
    assert world.sink.sent == []
    assert world.letters.kept == {}


async def test_a_delivery_of_an_account_that_is_gone_is_a_letter() -> None:
    """The registry was changed while it waited: it comes back when the account does."""
    world = World()
    await world.take(order(SoldLine("1", 1, sku="A")), account="gone")
    assert world.sink.sent == []
    assert len(world.letters.kept) == 1


async def test_all_that_is_left_may_be_told_of_again_at_another_time() -> None:
    """A channel that tells an order anew with each change cancels it twice: nothing more moves."""
    world = World()
    world.stock(A=5)
    await world.take(order(SoldLine("1", 2, sku="A")))
    for at_ms in (PLACED_MS + 1, PLACED_MS + 2):
        await world.take(LinesCancelled("O:1", "cancelled", at_ms, (ChangedLine("1", sku="A"),)))
    first, second = world.sink.sent[1:]
    assert first.id != second.id
    assert world.units("A") == (5, 0, 0, 0)
