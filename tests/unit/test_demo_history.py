from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from inventory_stream.demo.errors import DemoError
from inventory_stream.demo.history import History, LeftOut, Origin
from inventory_stream.demo.journey import JOURNEY_ROWS, Journey
from inventory_stream.demo.online_orders import Fate
from inventory_stream.ledger.decide import DecodedRecord, decide_batch
from inventory_stream.ledger.state import PartitionState
from models.commands import (
    ORDER_COMMANDS,
    Cancel,
    Command,
    Confirm,
    Fulfil,
    Release,
    Reserve,
    Return,
    Sync,
    TillSale,
)
from models.outcomes import Outcome
from models.rows import PositionRow, decode_row

ROWS = 4_000
FUEL = 900


@pytest.fixture(scope="module")
def journey(tmp_path_factory: pytest.TempPathFactory) -> Journey:
    """Make a small file of the package's form: 40 products in 3 stores, some fuel, some rows of zero."""
    folder = tmp_path_factory.mktemp("journey")
    start = datetime(2017, 1, 1, 8, tzinfo=UTC).replace(tzinfo=None)
    numbers = range(ROWS)
    transactions = pa.table(
        {
            "store_id": pa.array([300 + n % 3 for n in numbers], pa.int64()),
            "basket_id": pa.array([10**10 + n // 4 for n in numbers], pa.int64()),
            "product_id": pa.array([FUEL if n % 50 == 7 else n * 7919 % 40 for n in numbers], pa.int64()),
            "quantity": pa.array(
                [8_000 if n % 50 == 7 else 0 if n % 100 == 9 else 1 + n % 3 for n in numbers], pa.int64()
            ),
            "transaction_timestamp": pa.array(
                [start + timedelta(seconds=30 * n) for n in numbers], pa.timestamp("ns")
            ),
        }
    )
    pq.write_table(transactions, folder / "transactions.parquet")
    products = pa.table({"product_id": [1, FUEL], "product_type": [None, "GASOLINE-REG UNLEADED"]})
    pq.write_table(products, folder / "products.parquet")
    return Journey(folder)


def commands_of(journey: Journey, rows: int = ROWS, seed: int = 1) -> list[tuple[Origin, Command]]:
    """Give a whole history."""
    history = History(journey, rows, seed)
    return [*history.openings(), *history.events()]


def encoded(events: Iterable[tuple[Origin, Command]]) -> bytes:
    """Give the bytes of a history."""
    return msgspec.json.encode([(str(origin), command) for origin, command in events])


def test_same_seed_gives_the_same_bytes(journey: Journey) -> None:
    """A history follows from rows and seed alone; another seed is another history."""
    assert encoded(commands_of(journey)) == encoded(commands_of(journey))
    assert encoded(commands_of(journey)) != encoded(commands_of(journey, seed=2))


def test_real_events_are_the_rows_of_the_file(journey: Journey) -> None:
    """Everything labelled real is a till sale of one row, unchanged; all else is labelled generated."""
    real = [command for origin, command in commands_of(journey) if origin is Origin.REAL]
    assert all(isinstance(command, TillSale) for command in real)
    rows = {
        f"till:{row.row}": row
        for row in journey.till_rows(ROWS)
        if row.product_id != FUEL and row.quantity > 0
    }
    assert {command.id for command in real} == set(rows)
    for command in real:
        assert isinstance(command, TillSale)
        row = rows[command.id]
        assert (command.sku, command.location) == (f"product-{row.product_id}", f"store-{row.store_id}")
        assert (command.units, command.effective_at) == (row.quantity, row.at_ms)
    generated = [command for origin, command in commands_of(journey) if origin is Origin.GENERATED]
    assert not any(isinstance(command, TillSale) for command in generated)


def test_rows_without_units_have_a_named_treatment(journey: Journey) -> None:
    """Rows of quantity zero and fuel rows are left out by name, and every row is accounted for."""
    history = History(journey, ROWS)
    assert history.left_out == {LeftOut.FUEL: ROWS // 50, LeftOut.QUANTITY_ZERO: ROWS // 100}
    real = sum(event.origin is Origin.REAL for event in [*history.openings(), *history.events()])
    assert real + history.left_out.total() == ROWS


def test_every_step_of_online_orders_occurs(journey: Journey) -> None:
    """Orders are paid, shipped, returned, cancelled, released and abandoned, in that order of steps."""
    events = commands_of(journey)
    kinds = {type(command) for _, command in events if isinstance(command, ORDER_COMMANDS)}
    assert kinds == {Reserve, Confirm, Release, Cancel, Fulfil, Return}
    assert sum(fate.value for fate in Fate) == 100
    seen: dict[str, list[str]] = {}
    for _, command in events:
        if isinstance(command, ORDER_COMMANDS):
            reservation = command.id.partition(":")[0]
            seen.setdefault(reservation, []).append(command.id.partition(":")[2])
    assert {tuple(steps) for steps in seen.values()} <= {
        ("reserve",),
        ("reserve", "release"),
        ("reserve", "confirm", "cancel"),
        ("reserve", "confirm", "fulfil"),
        ("reserve", "confirm", "fulfil", "return"),
    }


@pytest.mark.parametrize("orders_first", [False, True])
def test_ledger_decides_every_command_as_planned(journey: Journey, orders_first: bool) -> None:  # noqa: FBT001  # a table's column
    """Whichever topic is ahead, no order is refused, nothing is unmatched, and on_hand is as foretold."""
    history = History(journey, ROWS)
    state = PartitionState()
    openings = [event.command for event in history.openings()]
    events = [event.command for event in history.events()]
    orders = [command for command in events if isinstance(command, ORDER_COMMANDS)]
    stock = [command for command in events if not isinstance(command, ORDER_COMMANDS)]
    now_ms = 1_800_000_000_000

    def record(offset: int, commands: list[Command]) -> DecodedRecord:
        return DecodedRecord(offset, now_ms, commands)

    batches: list[tuple[list[DecodedRecord], list[DecodedRecord]]] = [([record(0, openings)], [])]
    if orders_first:
        batches += [([], [record(0, orders)]), ([record(1, stock)], [])]
    else:
        batches += [([record(1, stock)], []), ([], [record(0, orders)])]
    outcomes: Counter[Outcome] = Counter()
    on_hand: dict[tuple[str, str], int] = {}
    for stock_records, order_records in batches:
        for sealed in decide_batch(state, stock_records, order_records, now_ms):
            assert not sealed.refused
            outcomes.update({Outcome(number): count for number, count in enumerate(sealed.outcomes) if count})
            for key, value in sealed.rows:
                if key.startswith(b"p/") and value is not None:
                    row = decode_row(key, value)
                    assert isinstance(row, PositionRow)
                    on_hand[row.sku, row.location] = row.on_hand
    assert outcomes.total() == len(openings) + len(events)
    assert set(outcomes) == {
        Outcome.APPLIED,
        Outcome.GRANTED,
        Outcome.CONFIRMED,
        Outcome.RELEASED,
        Outcome.CANCELLED,
        Outcome.FULFILLED,
        Outcome.RETURNED,
    }
    assert outcomes[Outcome.GRANTED] == sum(isinstance(command, Reserve) for command in events)
    assert on_hand == history.on_hand


def test_tills_sell_what_nobody_counted_in_sometimes(journey: Journey) -> None:
    """A missed delivery leaves a shelf below zero: a shortfall that tills cause, never an oversale."""
    lowest = 0
    for seed in range(5):
        history = History(journey, ROWS, seed)
        assert list(history.openings())
        for _ in history.events():
            lowest = min(lowest, *history.on_hand.values())
    assert lowest < 0


def test_opening_lies_before_every_movement(journey: Journey) -> None:
    """R8: a count swallows what happened at or before it."""
    events = commands_of(journey)
    opened = {command.effective_at for _, command in events if isinstance(command, Sync)}
    (opened_ms,) = opened
    assert isinstance(opened_ms, int)
    moments = [
        getattr(command, "effective_at", None) for _, command in events if not isinstance(command, Sync)
    ]
    assert all(moment > opened_ms for moment in moments if isinstance(moment, int))


def test_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its data the demo says what to install."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(DemoError, match=r"inventory-stream\[demo\]"):
        Journey()


@pytest.mark.slow
def test_package_holds_what_the_documentation_says() -> None:
    """All 1,469,307 rows are accounted for: 8,869 of quantity zero, 14,697 of fuel, the rest sales.

    That what is not left out becomes a sale, row by row, is held by the tests above over the small file.
    """
    history = History(Journey(), JOURNEY_ROWS)
    assert history.left_out == {LeftOut.QUANTITY_ZERO: 8_869, LeftOut.FUEL: 14_697}
    rows = sum(1 for _ in Journey().till_rows(JOURNEY_ROWS + 1))
    assert rows - history.left_out.total() == 1_445_741
