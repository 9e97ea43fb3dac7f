"""Plain reserves: decided many at once as `reserve` would one by one, kept as short as they are written."""

from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory_stream.adapters.compiled import is_ledger_compiled
from inventory_stream.ledger import decide as decide_module
from inventory_stream.ledger import reservations as reservations_module
from inventory_stream.ledger.decide import DecodedRecord, decide_batch
from inventory_stream.ledger.invariants import violations
from inventory_stream.ledger.position import Position
from inventory_stream.ledger.reservations import each
from inventory_stream.ledger.rules import BATCH_BYTES, Rules
from inventory_stream.ledger.state import PartitionState
from models import commands as c
from models.outcomes import Outcome
from models.rows import Fresh, ReservationRow, decode_row, encode_row, reservation_key
from tests.unit.ledger.scripts import Call, Rows, decide, fresh_state, script
from tests.unit.ledger.table import NOON, SKU, recover
from tests.unit.ledger.test_properties import RULES, assert_recovers, everything, sealed_at

OTHER: Final = "B"
PLACES: Final = ("L1", "L2", "L9")
"""Where plain reserves ask: the two with stock, and one that no count ever named."""


def rush(seed: int) -> list[Call]:
    """Draw a script in which runs of plain reserves come between all else, of a sale or not."""
    random = Random(seed)
    drawn = script(random, 10, (SKU, OTHER), has_backorders=bool(random.randint(0, 1)))
    calls = []
    serial = 0
    for number, call in enumerate(drawn):
        orders = []
        for record in call.orders:
            pack = list(record.commands)
            for _ in range(random.choice((0, 3, 8))):
                serial += 1
                name = random.choice((f"P{serial}", f"R{serial % 7 + 1}", f"P{serial % 9}", f"é/{serial}"))
                sku, place = random.choice((SKU, SKU, SKU, OTHER)), random.choice(PLACES)
                ttl_seconds = random.choice((1, 30, 30, 60))
                asked = _reserve(f"p{serial}", name, sku, place, ttl_seconds)
                at = random.randint(0, len(pack))
                pack.insert(at, asked)
                if random.randint(0, 1):
                    pack.insert(random.randint(at + 1, len(pack)), _ended(random, asked))
            orders.append(record._replace(commands=pack))
        stock = list(call.stock)
        if not number:
            stock[0] = stock[0]._replace(
                commands=[*stock[0].commands, c.Adjust("openB", OTHER, "L1", 4, NOON - 100_000)]
            )
        calls.append(Call(stock, orders, call.now_ms, call.sweep_before_ms))
    return calls


def _ended(random: Random, asked: c.Reserve) -> c.Command:
    """Draw what becomes of a reservation, mostly as one would expect it."""
    command_id = random.choice((f"e{asked.id}",) * 9 + (asked.id,))
    sku = random.choice((asked.sku,) * 9 + (SKU,))
    if random.randint(0, 1):
        return c.Release(command_id, asked.reservation_id, sku)
    return c.Confirm(command_id, asked.reservation_id, sku, order_id=random.choice((None, "O1")))


def _reserve(
    command_id: str, name: str, sku: str = SKU, place: str = "L1", ttl_seconds: int = 60
) -> c.Reserve:
    """Ask for one unit, or for two where the name has an odd number of characters."""
    return c.Reserve(command_id, name, sku, 1 + len(name) % 2, ttl_seconds, place, channel="web")


@pytest.fixture(autouse=True, scope="module")
def short_runs_together() -> Iterator[None]:
    """List two grants of a run as a thousand would be (compiled code has the real number built in)."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reservations_module, "_TOGETHER_MIN", 2)
        patch.setattr(reservations_module, "_TOGETHER_MAX", 3)
        yield


RUSHES: Final = st.integers(0, 2**32).map(rush)


@contextmanager
def one_by_one() -> Iterator[None]:
    """Decide every reserve as any other command."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decide_module, "decide_plain", lambda _state, _batch, _commands, at: at)
        yield


def decoded(rows: Rows) -> list[object]:
    """Give rows as any reader sees them."""
    return [(key, None if value is None else decode_row(key, value)) for key, value in rows]


@given(calls=RUSHES, rules=RULES, size=st.sampled_from((1, 10**9)))
def test_plain_reserves_are_decided_as_any_other(calls: list[Call], rules: Rules, size: int) -> None:
    """A run of plain reserves has the answers, rows, positions and state that one by one have."""
    with sealed_at(size):
        state = fresh_state(rules)
        sealed = [batch for call in calls for batch in decide(state, call)]
        with one_by_one():
            other = fresh_state(rules)
            expected = [batch for call in calls for batch in decide(other, call)]
    assert [decoded(batch.rows) for batch in sealed] == [decoded(batch.rows) for batch in expected]
    assert [batch[1:] for batch in sealed] == [batch[1:] for batch in expected]
    assert everything(state) == everything(other)


@given(calls=RUSHES, size=st.sampled_from((1, 700, 2_500)), compacted=st.booleans())
def test_who_recovers_short_rows_goes_on_as_the_owner_would(
    calls: list[Call], size: int, *, compacted: bool
) -> None:
    """I8: an owner that keeps reservations short and one that recovers them write the same bytes."""
    assert_recovers(calls, size, compacted=compacted)


def _opened(*reserves: c.Reserve) -> tuple[PartitionState, Rows]:
    state = fresh_state()
    stock = [DecodedRecord(0, NOON, [c.Adjust("a1", SKU, "L1", 3, NOON)])]
    orders = [DecodedRecord(0, NOON, reserves)]
    return state, [row for sealed in decide_batch(state, stock, orders, NOON) for row in sealed.rows]


def test_a_new_reservation_is_short_in_the_log_and_in_memory_until_more_happens_to_it() -> None:
    """Granted and refused plain ones, also after a recovery; asked for, each is the row it stands for."""
    state, rows = _opened(_reserve("p1", "R01"), _reserve("p2", "R02"))
    value = dict(rows)[b"r/R01"]
    assert value is not None
    assert len(value) < 64
    for held_by in (state, recover(rows)):
        assert {type(held) for held in held_by.reservations.all_held()} == {Fresh}
        granted, refused = held_by.reservations["R01"], held_by.reservations["R02"]
        assert granted is held_by.reservations["R01"]
        assert (granted.lines[0].reserved, granted.deadline_ms) == (2, NOON + 60_000)
        assert (refused.lines, refused.ended_ms) == ((), NOON)
        assert {type(held) for held in held_by.reservations.all_held()} == {ReservationRow}


def test_a_refused_plain_reserve_tells_the_numbers_behind_it() -> None:
    """R15: a short refusal has the whole breakdown, as any other."""
    state, _ = _opened(_reserve("p1", "R01"), _reserve("p2", "R02"))
    (answer,) = state.reservations["R02"].answers
    assert answer.outcome == Outcome.ALL_RESERVED
    assert answer.breakdown is not None
    assert (answer.breakdown.on_hand, answer.breakdown.reserved) == (3, 2)
    assert answer.breakdown.available_to_promise == 1
    assert answer.breakdown.earliest_deadline_ms == NOON + 60_000


@pytest.mark.parametrize("name", ["a/b", "50%", "{x}", "é", "plain-1_:.@"])
def test_keys_and_sizes_hold_for_any_id(name: str) -> None:
    """A run encodes its keys at once; ids that keys escape are escaped, and counted as long as they are."""
    reserves = [_reserve("p1", "R1"), _reserve("p2", name)]
    _, rows = _opened(*reserves)
    assert [key for key, _ in rows if key.startswith(b"r/")] == [b"r/R1", reservation_key(name)]


@pytest.mark.skipif(is_ledger_compiled(), reason="compiled code has the size that closes a batch in it")
def test_a_full_batch_ends_within_a_run() -> None:
    """P6: a run stops where the batch is full, at the same command as one by one would."""
    reserves = [_reserve(f"p{n}", f"R{n}") for n in range(20)]
    with sealed_at(400):
        state = fresh_state()
        sealed = list(
            decide_batch(state, (), [DecodedRecord(0, NOON, [c.Adjust("a", SKU, "L1", 99, NOON)])], NOON)
        )
        state.orders_next = 1
        sealed += decide_batch(state, (), [DecodedRecord(1, NOON, reserves)], NOON)
    counts = [sum(key.startswith(b"r/") for key, _ in batch.rows) for batch in sealed]
    assert sum(counts) == len(reserves)
    assert max(counts) < 6


def test_a_position_encodes_itself_as_its_row_would_be() -> None:
    """What a seal writes at once is, field by field, the row that readers know."""
    state, _ = _opened(_reserve("p1", "R01"))
    position = state.skus[SKU]["L1"]
    for number, name in enumerate(position.to_row(7).__struct_fields__[3:-1]):
        setattr(position, name, number + 100)
    position.product = "product"
    assert position.encoded(7) == encode_row(position.to_row(7))


def test_a_stored_short_row_is_read_as_it_was_meant() -> None:
    """Its bytes are a promise: the order of the fields is the wire form."""
    value = msgspec.msgpack.encode([1, 300, "i1", 1, "S", "DC1", 2, 600, NOON, "web", "o-1", "c-1", 11, 12])
    row = decode_row(b"r/r%2F1", value)
    assert isinstance(row, ReservationRow)
    assert (row.term, row.reservation_id, row.sku, row.units) == (300, "r/1", "S", 2)
    assert (row.channel, row.order_id, row.customer) == ("web", "o-1", "c-1")
    (line,), (answer,) = row.lines, row.answers
    assert (line.location, line.reserved, line.on_hand, line.version) == ("DC1", 2, 11, 12)
    assert (answer.command_id, answer.outcome, answer.units, answer.at_ms) == ("i1", 1, 2, NOON)
    with pytest.raises(ValueError, match="2"):
        decode_row(b"r/r1", msgspec.msgpack.encode([2, *msgspec.msgpack.decode(value)[1:]]))


def test_a_plain_confirm_that_a_netting_count_knew_moves_on_hand() -> None:
    """R9: a count had taken the order off already, so its units are added back when it becomes known."""
    count = c.Sync("s1", SKU, "L1", 3, NOON, nets_orders=True, orders_through=NOON)
    reserve = _reserve("p1", "R01")
    orders = [DecodedRecord(0, NOON - 9, [reserve, c.Confirm("q1", "R01", SKU)])]
    state = fresh_state()
    for _ in decide_batch(state, [DecodedRecord(0, NOON, [count])], orders, NOON):
        pass
    position = state.skus[SKU]["L1"]
    assert (position.on_hand, position.allocated, position.available_to_promise) == (5, 2, 3)


def test_a_busy_position_knows_its_earliest_deadline_from_many_on() -> None:
    """Deadlines are counted as they come where many are listed, and stay right whatever ends (R15)."""
    state = fresh_state(Rules())
    stock = [DecodedRecord(0, NOON, [c.Adjust("a1", SKU, "L1", 5_000, NOON)])]
    orders: list[DecodedRecord] = []
    for offset in range(30):
        pack: list[c.Command] = [
            _reserve(f"p{offset}-{at}", f"R{offset}-{at}", ttl_seconds=60 + offset % 7) for at in range(50)
        ]
        if offset > 20:
            pack[::9] = [
                c.Confirm(f"e{offset}-{at}", f"R{offset - 20}-{at}", SKU) for at in range(0, len(pack), 9)
            ]
        orders.append(DecodedRecord(offset, NOON + 1 + offset, pack))
    for at in range(0, len(orders), 6):
        list(decide_batch(state, stock, orders[: at + 6], orders[at].arrival_ms))
        stock = []
    position = state.position(SKU, "L1")
    holders = position._holders
    assert holders is not None
    assert holders.holds, "they were not counted before anybody asked"
    assert not list(violations(state))
    list(decide_batch(state, [], [DecodedRecord(30, NOON + 64_000, [])], NOON + 64_000))  # some expire
    assert not list(violations(state))


def test_reservations_are_listed_by_age_however_they_came() -> None:
    """R11: a shortfall takes the youngest first, also where an older one moved here after many of one run."""
    position = Position(SKU, "L1")
    old, young, *run = [Fresh(f"R{at}", b"", at, NOON) for at in (1, 9, 3, 4, 5)]
    position.attach_run([tuple(run)], 3, NOON, NOON)
    position.attach(young)
    assert position.by_age() == [*run, young]
    position.attach(old)
    position.attach_run([(Fresh("R8", b"", 8, NOON), Fresh("R7", b"", 7, NOON))], 2, NOON, NOON)
    assert [held.created_ms for held in position.by_age()] == [1, 3, 4, 5, 7, 8, 9]


def test_holders_are_walked_once_many_gave_their_units_up_and_not_before() -> None:
    """A list of a million is not walked for nothing, and does not keep more than twice what lives (R29)."""
    state = fresh_state(Rules())
    list(decide_batch(state, [DecodedRecord(0, NOON, [c.Adjust("a1", SKU, "L1", 5_000, NOON)])], [], NOON))

    def put(offset: int, commands: list[c.Command]) -> None:
        list(decide_batch(state, [], [DecodedRecord(offset, NOON + 1, commands)], NOON + 1))

    for offset in range(20):
        put(offset, [_reserve(f"p{offset}-{at}", f"R{offset}-{at}") for at in range(50)])
    holders = state.position(SKU, "L1")._holders
    assert holders is not None
    listed = holders.reservations
    assert holders.prune_at > holders.count == 1_000
    put(20, [c.Release(f"e{at}", f"R{at // 50}-{at % 50}", SKU) for at in range(200)])
    for offset in range(21, 45):
        put(offset, [_reserve(f"p{offset}-{at}", f"R{offset}-{at}") for at in range(50)])
    assert holders.reservations is listed, "it was walked for a tenth"
    put(45, [c.Release(f"e{at}", f"R{at // 50}-{at % 50}", SKU) for at in range(200, 1_000)])
    for offset in range(46, 90):
        put(offset, [_reserve(f"p{offset}-{at}", f"R{offset}-{at}") for at in range(50)])
    assert holders.count == sum(1 for _ in each(holders.reservations)) < 3_600, (
        "a thousand that ended are still listed"
    )
    assert not list(violations(state))


@pytest.mark.parametrize("units", [1, 0], ids=["a fence that was taken away", "a fence that never was"])
def test_who_recovers_after_a_claim_is_gone_writes_the_same_rows(units: int) -> None:
    """I8: nothing is left of a claim that is gone, so its position has plain reserves again."""
    state, log = _opened()
    fences = [
        c.SetChannelFence(f"f{at}", "web", SKU, "L1", of_units, spill_over=True)
        for at, of_units in enumerate((units, 0))
    ]
    log += [
        row
        for sealed in decide_batch(state, [DecodedRecord(1, NOON, fences)], [], NOON)
        for row in sealed.rows
    ]
    follower = recover(log)
    for owner in (state, follower):
        owner.term = 1
    asked = [DecodedRecord(1, NOON, [_reserve("p1", "R1")])]
    own = [sealed.rows for sealed in decide_batch(state, [], asked, NOON)]
    assert own == [sealed.rows for sealed in decide_batch(follower, [], asked, NOON)]
    assert isinstance(state.reservations.held("R1"), Fresh)


def test_a_refused_reservation_is_no_grant_however_early_it_is_asked_for() -> None:
    """A confirm of what was refused ends in NOT_LIVE, whatever the time of its record."""
    state, _ = _opened(*[_reserve(f"p{at}", f"RR{at}") for at in range(9)])
    confirm = c.Confirm("e1", "RR8", SKU)
    (sealed,) = decide_batch(state, [], [DecodedRecord(1, 0, [confirm])], NOON)
    assert sealed.outcomes[Outcome.NOT_LIVE] == 1


def test_a_fence_leaves_short_reservations_short() -> None:
    """Who looks for what a new fence gets back opens none of the reservations on the common path."""
    state, _ = _opened(_reserve("p1", "R1"))
    fence = [c.SetChannelFence("f1", "web", SKU, "L1", 1)]
    list(decide_batch(state, [DecodedRecord(1, NOON, fence)], [], NOON))
    kept = state.reservations.held("R1")
    assert isinstance(kept, Fresh)
    assert kept.row is None


def test_long_ids_end_a_batch_in_time() -> None:
    """P6: what escaped ids add to their keys is counted every thousand commands of a run."""
    state = fresh_state()
    stock = [DecodedRecord(0, NOON, [c.Adjust("a1", SKU, "L1", 100_000, NOON)])]
    orders = [
        DecodedRecord(at, NOON, [c.Reserve(f"p{at}", "%" * 120 + str(at), SKU, 1, 60, "L1")])
        for at in range(6_000)
    ]
    sizes = [
        sum(len(key) + len(value or b"") for key, value in sealed.rows)
        for sealed in decide_batch(state, stock, orders, NOON)
    ]
    assert max(sizes) < 1.5 * BATCH_BYTES
