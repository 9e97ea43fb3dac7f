"""Mass changes, daily budgets, stops, zeros for all, and what a successor does."""

from inventory_stream.flows.channels.board.days import DAY_MS
from inventory_stream.ports.channel import Result
from models.channels import ListingRow
from tests.unit.flows.channels.board.told import HOLD_MS, NOW_MS, REQUEST_MS, SETTLE_MS, Told, told

MANY = [f"l{number}" for number in range(100)]


def sent_all(account: Told, at: int = 0) -> set[str]:
    """Send and acknowledge until nothing is left; say which listings it were."""
    found: set[str] = set()
    while (batch := account.take(at)) is not None:
        found |= {push.listing for push in batch.pushes}
        account.batch = batch
        account.end(at=at)
    return found


def test_more_than_a_share_to_zero_within_a_minute_waits_for_approval() -> None:
    """Those before it have gone; nothing of the rest is taken until an operator approves."""
    account = told(dict.fromkeys(MANY, 5))
    for listing in MANY[:50]:
        account.want(listing, 0)
    change = account.board.mass_change
    assert change is not None
    assert (change.zeros, change.jumps, change.acknowledged) == (50, 0, 100)
    account.want(MANY[99], 3)
    assert sent_all(account) == {MANY[99]}
    account.board.approve(NOW_MS)
    assert account.board.mass_change is None
    assert sent_all(account) == set(MANY[:50])


def refused(account: Told) -> dict[str, ListingRow]:
    """Refuse the mass change; give the rows that are to be kept."""
    kept: dict[str, ListingRow] = {}
    while rows := account.board.refuse(NOW_MS):
        kept |= dict(rows)
    assert account.board.end_mass_change()
    return kept


def successor(rows: dict[str, ListingRow], *, is_mass_change: bool = False) -> Told:
    """Take a shop over an hour later, from what was kept."""
    account = Told(list(rows))
    for listing, row in rows.items():
        account.board.known(listing, row, NOW_MS + 3_600_000)
    account.board.begin(NOW_MS + 3_600_000, is_mass_change=is_mass_change)
    return account


def test_a_refused_mass_change_waits_for_the_next_change_of_each() -> None:
    """Refused is this wish, not the listing; a replay lets it go, too."""
    account = told(dict.fromkeys(MANY, 5))
    for listing in MANY[:50]:
        account.want(listing, 0)
    assert not account.board.end_mass_change()
    assert refused(account).keys() == set(MANY[:50])
    assert account.board.mass_change is None
    assert sent_all(account) == set()
    account.want(MANY[0], 4)
    assert sent_all(account) == {MANY[0]}
    account.board.replay(None, NOW_MS)
    assert sent_all(account) == set(MANY[1:50])


def test_a_refused_mass_change_is_refused_for_a_successor() -> None:
    """Neither told nor counted as a change again; what changed since, or shows another number now, goes."""
    account = told(dict.fromkeys(MANY, 5))
    for listing in MANY[:50]:
        account.want(listing, 0)
    rows = {listing: account.board.row(listing, NOW_MS) for listing in MANY} | refused(account)
    again = successor({listing: row for listing, row in rows.items() if row is not None})
    for number, listing in enumerate(MANY[:48]):
        again.want(listing, 0, 3_600_000, offset=101 + number)
    again.want(MANY[48], 0, 3_600_000, offset=200)
    again.want(MANY[49], 2, 3_600_000, offset=150)
    assert again.board.mass_change is None
    assert sent_all(again, 3_600_000) == {MANY[48], MANY[49]}
    assert again.board.dead == 48


def test_what_was_in_flight_when_its_successor_was_refused_does_not_revive_it() -> None:
    """The end of the request before says nothing of the refused wish."""
    account = told(dict.fromkeys(MANY, 5))
    account.want(MANY[0], 4)
    account.sent()
    for listing in MANY[:50]:
        account.want(listing, 0)
    refused(account)
    assert account.end()[MANY[0]].units == 4
    assert sent_all(account) == set()


def test_a_mass_change_awaits_approval_at_a_successor_too() -> None:
    """However few of it are left; a cut goes."""
    account = successor({listing: ListingRow(1, 1, 5, NOW_MS, sku=listing.upper()) for listing in MANY},
                        is_mass_change=True)  # fmt: skip
    for listing in MANY[:15]:
        account.want(listing, 0, 3_600_000, offset=2)
    account.want(MANY[99], 3, 3_600_000, offset=2)
    assert sent_all(account, 3_600_000) == {MANY[99]}
    change = account.board.mass_change
    assert change is not None
    assert (change.zeros, change.acknowledged) == (15, 100)
    account.board.approve(NOW_MS + 3_600_000)
    assert sent_all(account, 3_600_000) == set(MANY[:15])


def test_zeros_for_all_reach_what_a_mass_change_keeps_back() -> None:
    """Refusing meanwhile buries nothing: a dead listing would not be told its zero."""
    account = told(dict.fromkeys(MANY, 5))
    for listing in MANY[:50]:
        account.want(listing, 99)
    account.board.zeros_for_all(NOW_MS)
    assert refused(account) == {}
    assert sent_all(account) == set(MANY)


def test_what_is_kept_back_is_not_late() -> None:
    """Held for orders, stopped, or waiting for approval: its age begins when it may go."""
    account = told({"a": 5, "b": 5}, takes_orders=True)
    account.want("a", 9)
    account.board.stop(["b"], NOW_MS)
    account.want("b", 3)
    assert (account.board.held, account.board.stopped) == (1, 1)
    assert account.board.oldest_waiting_ms(NOW_MS + 1_900) == 0
    assert account.board.released_ms("a") == 0
    assert account.board.next_due_ms(NOW_MS + HOLD_MS) is None
    assert account.board.oldest_waiting_ms(NOW_MS + HOLD_MS + 7) == 7
    assert account.sent(HOLD_MS + 7) == {"a": 9}
    assert account.board.released_ms("a") == NOW_MS + HOLD_MS
    account.end(at=HOLD_MS + 9)
    assert account.board.released_ms("a") == 0
    account.board.resume(["b"], NOW_MS + 9_000)
    assert account.board.oldest_waiting_ms(NOW_MS + 9_001) == 1
    assert account.board.released_ms("b") == NOW_MS + 9_000


def test_listings_of_a_sku_that_the_ledger_does_not_know_are_counted() -> None:
    """They show units that nobody has; those that show none, or are gone, do not count."""
    account = told({"a": 50, "b": 0, "c": 7, "d": 5})
    assert account.board.unbacked == 0
    account.board.set_listings({"a": "NEW", "b": "NEW", "c": "NEW", "d": "D"}, NOW_MS)
    assert account.board.unbacked == 2
    account.want("a", 3)
    assert account.board.unbacked == 1
    account.board.set_listings({"a": "NEW", "d": "D"}, NOW_MS)
    assert account.board.unbacked == 0
    taken = Told("a")
    taken.board.known("a", ListingRow(1, 1, 5, NOW_MS, sku="A"), NOW_MS)
    assert taken.board.unbacked == 1
    taken.want("a", 5)
    assert taken.board.unbacked == 0


def test_changes_of_one_listing_while_a_mass_change_waits_are_no_load() -> None:
    """Hours may go by before somebody approves."""
    account = told(dict.fromkeys(MANY, 5))
    for listing in MANY[:50]:
        account.want(listing, 0)
    noted = len(account.board._state.guard._order)
    for _ in range(1_000):
        account.want(MANY[0], 0)
    assert len(account.board._state.guard._order) == noted


def test_a_jump_counts_and_a_slow_change_does_not() -> None:
    """More than tenfold up is a jump; the same over some minutes, or the first sync, is none."""
    jumped = told(dict.fromkeys(MANY, 5))
    for listing in MANY[:40]:
        jumped.want(listing, 51)
    assert jumped.board.mass_change is not None
    grown = told(dict.fromkeys(MANY, 5))
    for listing in MANY:
        grown.want(listing, 50)
    assert grown.board.mass_change is None
    slow = told(dict.fromkeys(MANY, 5))
    for number, listing in enumerate(MANY):
        slow.want(listing, 0, number * 3_000)
    assert slow.board.mass_change is None
    new = Told(MANY)
    for listing in MANY:
        new.want(listing, 0)
    assert new.board.mass_change is None


def test_a_small_shop_may_sell_out() -> None:
    """Fewer than twenty are no mass."""
    account = told(dict.fromkeys(MANY[:19], 5))
    for listing in MANY[:19]:
        account.want(listing, 0)
    assert account.board.mass_change is None
    assert len(sent_all(account)) == 19


def test_past_four_fifths_of_a_day_only_the_ends_of_a_sale_go() -> None:
    """Zero, and the first unit after it; all else waits for the next day of UTC."""
    account = told({"a": 100}, daily_pushes_max=10)
    for units in range(99, 91, -1):
        account.want("a", units)
        assert account.sent() == {"a": units}
        account.end()
    account.want("a", 50)
    assert account.take() is None
    account.want("a", 0)
    assert account.sent() == {"a": 0}
    assert account.end()["a"].sent_on_day == 9
    account.want("a", 7, -60_000)
    assert account.sent() == {"a": 7}
    account.end()
    account.want("a", 5)
    next_day_ms = (NOW_MS // DAY_MS + 1) * DAY_MS
    assert account.take(next_day_ms - NOW_MS - 1) is None
    assert account.sent(next_day_ms - NOW_MS) == {"a": 5}


def test_a_stopped_listing_is_not_told_until_it_is_resumed() -> None:
    """What is in flight ends; a batch that waits to be sent again is taken apart."""
    account = told({"a": 9, "b": 9})
    account.want("a", 5)
    account.want("b", 5)
    account.sent()
    account.end(Result.RETRYABLE)
    account.board.stop(["a"], NOW_MS)
    assert account.sent(600) == {"b": 5}
    assert account.board.stopped == 1
    account.board.resume(["a"], NOW_MS + 600)
    assert account.sent(600) == {"a": 5}


def test_zeros_for_all_reach_every_listing_and_end_as_the_ledger_says() -> None:
    """Stopped, dead and unknown ones too; the way back has keys of its own, and is no mass change."""
    account = told(dict.fromkeys(MANY, 5))
    account.board.stop(MANY[:5], NOW_MS)
    account.board.zeros_for_all(NOW_MS)
    assert account.board.exposure_units == 500
    assert sent_all(account) == set(MANY)
    assert account.board.exposure_units == 0
    account.want(MANY[50], 8)
    assert account.take() is None
    account.board.end_zeros(NOW_MS)
    assert account.board.mass_change is None
    assert sent_all(account, 60_000) == set(MANY[5:])


def test_zeros_for_very_many_are_sorted_by_and_by() -> None:
    """What waited to be sent again as it was does not go any more; every listing is told in the end."""
    listings = [f"l{number}" for number in range(2_500)]
    account = told(dict.fromkeys(listings, 5), batch_max=100)
    account.want(listings[-1], 4)
    account.sent()
    account.end(Result.RETRYABLE)
    account.board.zeros_for_all(NOW_MS)
    told_units: list[int] = []
    while (batch := account.take(1_000, zeros_only=True)) is not None:
        told_units += [push.units for push in batch.pushes]
        account.batch = batch
        account.end(at=1_000)
    assert told_units == [0] * len(listings)
    assert account.board.in_step == len(listings)


def test_after_zeros_for_all_a_raise_is_meant_against_zero() -> None:
    """Also where an earlier request of the same revision may have made the channel show more."""
    account = told({"a": 9})
    account.want("a", 5)
    account.sent()
    account.end(Result.AMBIGUOUS)
    account.board.zeros_for_all(NOW_MS)
    assert account.sent() == {"a": 0}
    account.end()
    account.board.end_zeros(NOW_MS)
    account.want("a", 2)
    assert account.take() is None


def test_a_successor_sends_only_what_differs() -> None:
    """Told before is told; a dead push stays dead; another SKU's version guards nothing."""
    account = Told("abc")
    account.board.known("a", ListingRow(1, 9, 5, NOW_MS - 900_000, sku="A"), NOW_MS)
    account.board.known("b", ListingRow(1, 9, 5, NOW_MS - 900_000, sku="B"), NOW_MS)
    account.board.known("c", ListingRow(1, 900, 5, NOW_MS - 900_000, sku="other"), NOW_MS)
    for listing, units in (("a", 5), ("b", 4), ("c", 3)):
        account.want(listing, units, -900_000, offset=10)
    assert account.sent() == {"b": 4, "c": 3}


def test_of_what_was_kept_of_a_listing_the_newest_counts() -> None:
    """Rows come in the order in which they were written: a push that was dead and then went is not dead."""
    account = told({"a": 9})
    account.want("a", 5)
    account.sent()
    dead = account.end(Result.PERMANENT)["a"]
    after = Told("a")
    for row in (dead, ListingRow(1, 2, 5, NOW_MS, sku="A")):
        after.board.known("a", row, NOW_MS)
    after.want("a", 5, offset=2)
    assert (after.board.dead, after.board.in_step) == (0, 1)


def test_a_successor_looks_again_at_what_the_former_owner_may_have_told() -> None:
    """A request of the former owner may take effect late: after its deadline and the settle time, once."""
    account = Told("abc")
    account.board.begin(NOW_MS)
    account.board.known("a", ListingRow(1, 9, 5, NOW_MS - 900_000, sku="A"), NOW_MS)
    account.board.known("b", ListingRow(1, 9, 5, NOW_MS - 900_000, sku="B"), NOW_MS)
    account.want("a", 5, -900_000, offset=9)
    account.want("b", 5, -1_000, offset=10)
    account.want("c", 1, -900_000, offset=10)
    assert account.sent() == {"c": 1}
    account.end(at=10)
    assert account.board.to_read_back(NOW_MS + REQUEST_MS + SETTLE_MS - 1) == []
    assert sorted(account.board.to_read_back(NOW_MS + REQUEST_MS + SETTLE_MS)) == ["b", "c"]


def test_exposure_is_the_most_that_a_buyer_may_see_beyond_what_is_there() -> None:
    """From the cut on until it is acknowledged, also while it is in flight."""
    account = told({"a": 9, "b": 9})
    account.want("a", 2)
    account.want("b", 20, -60_000)
    assert account.board.exposure_units == 7
    account.sent()
    account.want("b", 1)
    assert account.board.exposure_units == 7 + 19
    account.end()
    assert account.board.exposure_units == 19
    account.sent()
    account.end()
    assert account.board.exposure_units == 0
