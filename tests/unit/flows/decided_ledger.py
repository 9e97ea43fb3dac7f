"""Ledgers written by the real decider from seeded random commands, and by hand to plant a defect."""

import random
from collections.abc import Callable
from typing import Final

import msgspec

from inventory_stream.ledger.decide import DecodedRecord, decide_batch
from inventory_stream.ledger.rules import Rules
from inventory_stream.ledger.state import PartitionState
from models import commands as c
from models.rows import Row, decode_row, encode_row
from tests.fakes.ledger_reader import FakeLedger, FakeRecord

SKUS: Final = ("S", "T")
PLACES: Final = ("A", "B", "C")


def random_ledger(
    seed: int, batches: int = 120, *, rules: Rules | None = None, revoke: bool = True
) -> FakeLedger:
    """Decide random commands, with repeats, reused ids, late ones, and facts that run short."""
    chance = random.Random(seed)
    ledger = FakeLedger()
    state = PartitionState(rules=rules or Rules(revoke_on_shortfall=revoke, reservation_ms_max=60_000))
    state.term = ledger.claim(0)
    now_ms = ledger.start_ms
    state.groups = {}
    sent: list[c.Command] = []
    stock_offset = orders_offset = 0
    first: list[c.Command | None] = [c.SetLocationGroup("g0", "G", PLACES)]
    for place in PLACES:
        first += [c.Sync(f"open-{sku}-{place}", sku, place, 40, now_ms) for sku in SKUS]
    for number in range(batches):
        now_ms += chance.choice((1, 100, 5_000, 20_000))
        stock: list[c.Command | None] = first if number == 0 else []
        orders: list[c.Command | None] = []
        for _ in range(chance.randrange(1, 12)):
            if sent and chance.random() < 0.15:
                command = chance.choice(sent)
                if chance.random() < 0.2 and isinstance(command, c.Reserve):
                    command = msgspec.structs.replace(command, units=command.units + 1)
            else:
                command = _command(chance, len(sent), now_ms)
                sent.append(command)
            (stock if isinstance(command, c.STOCK_COMMANDS) else orders).append(command)
        batch_stock = [DecodedRecord(stock_offset, now_ms, stock)]
        batch_orders = [DecodedRecord(orders_offset, now_ms, orders)]
        stock_offset, orders_offset = stock_offset + 1, orders_offset + 1
        for sealed in decide_batch(state, batch_stock, batch_orders, now_ms, now_ms - 3_000):
            for key, value in sealed.rows:
                headers = [("term", str(state.term).encode())] if value is None else []
                ledger.append(0, key, value, headers)
    return ledger


def _command(chance: random.Random, number: int, now_ms: int) -> c.Command:
    sku, place = chance.choice(SKUS), chance.choice(PLACES)
    units = chance.choice((1, 1, 2, 3, 8))
    reservation = f"R{chance.randrange(max(1, number // 4), number // 4 + 8)}"
    some_units = chance.choice((None, None, 1, 2))
    some_place = chance.choice((None, None, place))
    when = now_ms - chance.choice((0, 0, 1_000, 30_000))
    name = f"c{number}"
    transfer = f"T{chance.randrange(max(1, number // 6), number // 6 + 5)}"
    elsewhere = chance.choice([other for other in PLACES if other != place])
    ways = ((None, None), (place, elsewhere), (place, None))
    kinds: list[tuple[int, Callable[[], c.Command]]] = [
        (5, lambda: c.Reserve(name, reservation, sku, units, 10, location=place)),
        (
            4,
            lambda: c.Reserve(
                name,
                reservation,
                sku,
                units * 4,
                10,
                group="G",
                strategy=chance.choice(("first_fit", "split")),
                allow_partial=chance.random() < 0.5,
            ),
        ),
        (1, lambda: c.Extend(name, reservation, sku, 30)),
        (5, lambda: c.Confirm(name, reservation, sku, some_units, some_place)),
        (2, lambda: c.Release(name, reservation, sku, some_units, some_place)),
        (2, lambda: c.Cancel(name, reservation, sku, some_units, some_place)),
        (3, lambda: c.Fulfil(name, reservation, sku, some_units, some_place, effective_at=when)),
        (
            2,
            lambda: c.Return(
                name, reservation, sku, units, some_place, sellable=chance.random() < 0.6, effective_at=when
            ),
        ),
        (
            2,
            lambda: c.RecordOrder(
                name, reservation, sku, units * 3, place, ordered_at=chance.choice((None, when))
            ),
        ),
        (3, lambda: c.RecordOrder(name, reservation, sku, units, place, as_of=when)),
        (1, lambda: c.Cancel(name, reservation, sku, as_of=when)),
        (2, lambda: c.Adjust(name, sku, place, chance.choice((-5, -1, 3, 9)), when)),
        (3, lambda: c.TillSale(name, sku, place, units, when)),
        (1, lambda: c.Sync(name, sku, place, chance.randrange(5, 40), when)),
        (1, lambda: c.Sync(name, sku, place, chance.randrange(5, 40), when, nets_orders=True)),
        (
            2,
            lambda: c.Reroute(
                name, reservation, sku, place, elsewhere, some_units, use_safety_stock=units == 1
            ),
        ),
        (2, lambda: c.SetUnits(name, reservation, sku, units, some_place)),
        (1, lambda: c.SetUnavailable(name, sku, place, chance.randrange(4), when)),
        (1, lambda: c.SetSafetyStock(name, sku, place, chance.randrange(3), when)),
        (2, lambda: c.PlanTransfer(name, transfer, sku, place, elsewhere, units)),
        (2, lambda: c.ShipTransfer(name, transfer, sku, units, when, *chance.choice(ways))),
        (2, lambda: c.ReceiveTransfer(name, transfer, sku, units, when, final=chance.random() < 0.3)),
        (1, lambda: c.CancelTransfer(name, transfer, sku)),
        (1, lambda: c.Expect(name, f"I-{transfer}", sku, place, units * 3, now_ms + 86_400_000)),
        (1, lambda: c.Receive(name, f"I-{transfer}", sku, units, when, some_place)),
    ]
    weights = [weight for weight, _ in kinds]
    return chance.choices([make for _, make in kinds], weights)[0]()


def planted(ledger: FakeLedger, change: Callable[[Row], Row | None], prefix: bytes) -> FakeRecord:
    """Change the newest row with a key prefix that `change` accepts; gives the changed record."""
    records = ledger.partitions[0]
    for index in range(len(records) - 1, -1, -1):
        record = records[index]
        if record.key is None or record.value is None or not record.key.startswith(prefix):
            continue
        row = change(decode_row(record.key, record.value))
        if row is not None:
            records[index] = record._replace(value=encode_row(row))
            return records[index]
    raise AssertionError(f"no row of {prefix!r} to plant a defect in")
