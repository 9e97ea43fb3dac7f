"""Random input for the ledger: batches of stock and order records.

Drawn by a seeded `Random`, which is a hundred times faster than field by field with hypothesis: a search
over thousands of long scripts finds more than one over fifty that could be made smaller. `smaller`
makes those that fail smaller.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from random import Random
from typing import Any, Final, cast

import msgspec
from hypothesis import strategies as st

from inventory_stream.ledger.batch import Sealed
from inventory_stream.ledger.decide import DecodedRecord, decide_batch
from inventory_stream.ledger.rules import Rules
from inventory_stream.ledger.state import PartitionState, StateLoader
from models import commands as c
from models.outcomes import Outcome
from models.rows import ID_REUSED_ANSWER, ReceiptRow, ReservationRow, decode_row
from tests.unit.ledger.table import NOON, SKU, TERM

PLACES: Final = ("L1", "L2", "L3")
NAMES: Final = ("R1", "R2", "R3", "R4", "R5", "R6", "R7")

Rows = list[tuple[bytes, bytes | None]]


@dataclass(frozen=True)
class Call:
    """One call of `decide_batch`."""

    stock: Sequence[DecodedRecord]
    orders: Sequence[DecodedRecord]
    now_ms: int
    sweep_before_ms: int = 0

    @property
    def commands(self) -> list[c.Command]:
        """All commands in the order in which they are decided."""
        records = (*self.stock, *self.orders)
        return [command for record in records for command in record.commands if command]


def decide(state: PartitionState, call: Call) -> Iterator[Sealed]:
    """Decide a call."""
    return decide_batch(state, call.stock, call.orders, call.now_ms, call.sweep_before_ms)


def fresh_state(rules: Rules | None = None) -> PartitionState:
    """Give a state as an owner has it after its first claim."""
    state = PartitionState(rules=rules)
    StateLoader(state).finish(TERM)
    return state


def answers_in(rows: Rows) -> list[tuple[str, Outcome]]:
    """Read what callers hear: (command id, outcome) of each row that answers one, in order."""
    heard = []
    for key, value in rows:
        if value is None or key[:2] not in {b"r/", b"c/"}:
            continue
        row = cast("ReservationRow | ReceiptRow", decode_row(key, value))
        if isinstance(row, ReservationRow):
            if row.answered < 0:
                continue
            said = row.answers[row.answered]
            command_id, outcome = said.command_id, said.outcome
        else:
            command_id, outcome = row.command_id, row.outcome
        reused = row.repeat == ID_REUSED_ANSWER
        heard.append((command_id, Outcome.COMMAND_ID_REUSED if reused else Outcome(outcome)))
    return heard


@cache
def _required(kind: type[c.Command]) -> frozenset[str]:
    return frozenset(field.name for field in msgspec.structs.fields(kind) if field.required)


def command(
    random: Random, kind: type[c.Command], command_id: str, now_ms: int, skus: Sequence[str] = (SKU,)
) -> c.Command:
    """Draw one command of a kind: possible, but as often as not against what there is."""
    fields: dict[str, Any] = {"id": command_id}
    for name in kind.__struct_fields__:
        if name in _FIELDS:
            choices = _FIELDS[name]
            if name not in _required(kind):
                choices = (*choices, *_LEFT_OUT.get(name, ()))
            value = random.choice(choices)
            fields[name] = now_ms + value if name in _TIMES and value is not None else value
    if "sku" in kind.__struct_fields__:
        # Mostly that of the others with this id, so that they meet; now and then not.
        about: str = (
            fields.get("reservation_id") or fields.get("transfer_id") or fields.get("incoming_id", "")
        )
        is_theirs = about and random.randint(0, 9)
        fields["sku"] = skus[ord(about[-1]) % len(skus)] if is_theirs else random.choice(skus)
    _make_possible(random, kind, fields)
    return kind(**fields)


def _make_possible(random: Random, kind: type[c.Command], fields: dict[str, Any]) -> None:
    """Agree those fields that would else say nothing together: such commands are for the fuzzer."""
    if kind is c.Reserve:
        fields["group"] = None if fields["location"] else random.choice(("G", "G", "G", "G", "G9"))
    if kind is c.RecordOrder:
        fields["group"] = None if fields["location"] else "G"
    if kind is c.SetLocationGroup:
        fields["locations"] = tuple(random.sample(PLACES, random.randint(2, len(PLACES))))
    if "from_location" in fields:
        others = [place for place in PLACES if place != fields["from_location"]]
        no_target = [] if "to_location" in _required(kind) else [None]
        fields["to_location"] = random.choice([*others, *no_target])
    if kind is c.OpenPool:
        fields["ends_at"] = max(fields["ends_at"], fields["starts_at"] + 1)
        fields["fence_from"] = fields["fence_from"] and min(fields["fence_from"], fields["starts_at"])
    if not fields.get("nets_orders"):
        fields.pop("orders_through", None)
    if fields.get("final") and not random.randint(0, 3):
        fields["units"] = 0


_UNITS: Final = (1, 2, 3, 4, 5, 6, 12)
_FIELDS: Final[dict[str, tuple[Any, ...]]] = {
    "reservation_id": NAMES,
    "location": PLACES,
    "from_location": PLACES,
    "group": ("G",),
    "strategy": ("first_fit", "split"),
    "transfer_id": ("T1", "T2"),
    "incoming_id": ("I1", "I2"),
    "units": _UNITS,
    "ttl_seconds": (1, 30, 60, 120),
    "delta": (-4, -3, -2, -1, 1, 2, 3, 4, 5, 6),
    "on_hand": tuple(range(0, 26, 2)),
    "unavailable": (0, 1, 2, 3),
    "safety_stock": (0, 1, 2, 3),
    "source": (None, None, "wms"),
    "time_zone": ("UTC", "Europe/Berlin"),
    "order_id": (None, "O1", "O2"),
    "allow_partial": (False, True),
    "sellable": (False, True),
    "sale_id": ("S1", "S1", "S2"),
    "channel": ("web", "web", "shop"),
    "limit_id": ("M1", "M2"),
    "customer": ("ann", "ann", "bob", None),
    "path": (*("common",) * 5, "sale:S1", "sale:S1", "sale:S1", "sale:S2", "channel:web", "channel:shop"),
    "spill_over": (True, True, False),
    "late_from_common": (True, False),
    "checkout_grace_seconds": (0, 20),
    "latitude": (48.1,),
    "longitude": (11.5,),
    "percent": (0, 50, 100),
    "final": (False, True),
    "nets_orders": (False, True),
    "excludes_unavailable": (False, False, True),
    "use_safety_stock": (False, True),
    # Times, after now: a clock ahead of the ledger's is in it, too.
    "effective_at": (0, -1, -1_000, -40_000, -90_000, 9_000),
    "expected_at": (-90_000_000, 0, 90_000_000),
    "ordered_at": (None, -1_000, -40_000, -90_000),
    "orders_through": (None, -1_000, -40_000),
    "answer_by": (None, None, None, -1, 0),
    "starts_at": (-30_000, -1, 0, 0, 0, 1, 20_000),
    "ends_at": (0, 1_000, 31_000, 90_000, 300_000),
    "fence_from": (-1, 0, 1_000, 10_000),
}
_TIMES: Final = frozenset(
    {
        "effective_at",
        "expected_at",
        "ordered_at",
        "orders_through",
        "answer_by",
        "starts_at",
        "ends_at",
        "fence_from",
    }
)
_LEFT_OUT: Final[dict[str, tuple[None, ...]]] = {
    "location": (None, None, None),
    "from_location": (None,),
    "units": (None, None, None),
    "effective_at": (None,),
    "expected_at": (None,),
    "fence_from": (None,),
    "channel": (None, None),
    "sale_id": (None, None, None),
}
"""Where a field may be left out, how often it is."""

_STOCK_KINDS: Final[tuple[type[c.Command], ...]] = (
    *(kind for kind in c.STOCK_COMMANDS if kind is not c.SetBackorder),
    c.Adjust,
    c.Sync,
    c.OpenPool,
    c.OpenPool,
    c.SetChannelFence,
)
_ORDER_KINDS: Final[tuple[type[c.Command], ...]] = (
    *c.ORDER_COMMANDS,
    *(c.Reserve,) * 12,
    *(c.Confirm,) * 3,
    c.Fulfil,
    c.Reroute,
    c.SetUnits,
)


def script(
    random: Random, max_calls: int = 12, skus: Sequence[str] = (SKU,), *, has_backorders: bool = False
) -> list[Call]:
    """Draw calls: clocks that stand or jump, packs, repeats, the same asked anew, ids used again, sweeps.

    Half of them are a sale's. With `has_backorders` units may be promised before they are there, which
    the model does not know (R24).
    """
    stock_kinds: tuple[type[c.Command], ...] = _STOCK_KINDS
    if has_backorders:
        stock_kinds = (*stock_kinds, c.SetBackorder, c.SetBackorder, c.SetBackorder)
    now_ms = arrival_ms = NOON
    opening: list[c.Command] = [c.SetLocationGroup("g", "G", PLACES)]
    opening += [c.Adjust(f"open{place}", skus[0], place, 10, NOON - 100_000) for place in PLACES[:2]]
    is_sale = bool(random.randint(0, 1))
    if is_sale:
        opening += [
            c.OpenPool("openS1", "S1", skus[0], "L1", 6, NOON, NOON + random.choice((60_000, 200_000))),
            c.SetChannelFence("openweb", "web", skus[0], "L1", 3, bool(random.randint(0, 2))),
            c.SetPurchaseLimit("openM1", "M1", skus[0], random.choice((4, 9)), NOON + 150_000),
        ]
    calls = [Call([DecodedRecord(0, NOON, opening)], [], NOON)]
    sent: dict[bool, list[c.Command]] = {True: [], False: []}
    next_offset = {True: 1, False: 0}
    serial = 0
    for _ in range(random.randint(1, max_calls)):
        now_ms += random.choice((0, 0, 1, 1_000, 30_000, 61_000))
        arrival_ms = max(arrival_ms, now_ms - random.choice((0, 0, 500, 20_000)))
        records: dict[bool, list[DecodedRecord]] = {True: [], False: []}
        for is_stock in (True, False):
            for _ in range(random.randint(0, 3)):
                pack: list[c.Command | None] = []
                for _ in range(random.randint(1, 4)):
                    serial += 1
                    before = sent[is_stock]
                    how = random.choice(_HOW) if before else "new"
                    if how == "repeat":
                        pack.append(random.choice(before))
                        continue
                    if how == "anew":
                        before.append(msgspec.structs.replace(random.choice(before), id=f"c{serial}"))
                        pack.append(before[-1])
                        continue
                    kind = random.choice(stock_kinds if is_stock else _ORDER_KINDS)
                    name = random.choice(before).id if how == "reuse" else f"c{serial}"
                    drawn = command(random, kind, name, now_ms, skus)
                    if has_backorders and isinstance(drawn, c.Reserve):
                        drawn = msgspec.structs.replace(drawn, allow_backorder=bool(random.randint(0, 2)))
                    before.append(_to_sale(random, drawn) if is_sale else drawn)
                    pack.append(before[-1])
                records[is_stock].append(DecodedRecord(next_offset[is_stock], arrival_ms, pack))
                next_offset[is_stock] += random.choice((1, 1, 1, 2))
        sweep_before_ms = random.choice((0, 0, now_ms - 2_000, now_ms))
        calls.append(Call(records[True], records[False], now_ms, sweep_before_ms))
    return calls


def _to_sale(random: Random, drawn: c.Command) -> c.Command:
    """Have most reserves ask where the pool and the fence of the opening are."""
    if not isinstance(drawn, c.Reserve) or not random.randint(0, 3):
        return drawn
    return msgspec.structs.replace(
        drawn,
        location="L1",
        group=None,
        path=random.choice(("sale:S1", "sale:S1", "channel:web", "common")),
        customer=random.choice(("ann", "bob")),
        answer_by=None,
    )


_HOW: Final = (*("new",) * 16, "repeat", "repeat", "anew", "reuse")


def scripts(max_calls: int = 12) -> st.SearchStrategy[list[Call]]:
    """Have hypothesis draw the seed of a script."""
    return st.integers(0, 2**32).map(lambda seed: script(Random(seed), max_calls, has_backorders=True))


def smaller(calls: list[Call], fails: Callable[[list[Call]], bool]) -> list[Call]:
    """Leave out calls and then commands for as long as the script fails all the same."""
    shrinks = True
    while shrinks:
        shrinks = False
        for without in _each_without_one(calls):
            if fails(without):
                calls, shrinks = without, True
                break
    return calls


def _each_without_one(calls: list[Call]) -> Iterator[list[Call]]:
    for at in range(len(calls) - 1, 0, -1):
        yield [*calls[:at], *calls[at + 1 :]]
    for at, call in enumerate(calls[1:], 1):
        for stock in _records_without_one(call.stock):
            yield [*calls[:at], replace(call, stock=stock), *calls[at + 1 :]]
        for orders in _records_without_one(call.orders):
            yield [*calls[:at], replace(call, orders=orders), *calls[at + 1 :]]


def _records_without_one(records: Sequence[DecodedRecord]) -> Iterator[list[DecodedRecord]]:
    for at, record in enumerate(records):
        for index in range(len(record.commands)):
            pack = [*record.commands[:index], *record.commands[index + 1 :]]
            yield [*records[:at], record._replace(commands=pack), *records[at + 1 :]]
