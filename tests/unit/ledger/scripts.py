"""Random input for the ledger: batches of stock and order records, as hypothesis draws them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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

PLACES: Final = ("L1", "L2")
NAMES: Final = ("R1", "R2", "R3", "R4", "R5")

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


def _field(kind: type[c.Command], name: str, now_ms: int) -> st.SearchStrategy[Any] | None:
    units = st.integers(1, 6)
    by_name: dict[str, st.SearchStrategy[Any]] = {
        "reservation_id": st.sampled_from(NAMES),
        "sku": st.just(SKU),
        "location": st.sampled_from((*PLACES, *(() if "location" in _required(kind) else (None,)))),
        "from_location": st.sampled_from((*PLACES, *(() if "from_location" in _required(kind) else (None,)))),
        "transfer_id": st.sampled_from(("T1", "T2")),
        "incoming_id": st.sampled_from(("I1", "I2")),
        "expected_at": st.sampled_from((now_ms - 90_000_000, now_ms, now_ms + 90_000_000)),
        "final": st.booleans(),
        "nets_orders": st.booleans(),
        "ordered_at": st.sampled_from((None, now_ms - 1_000, now_ms - 40_000, now_ms - 90_000)),
        "use_safety_stock": st.booleans(),
        "source": st.sampled_from((None, None, "wms")),
        "time_zone": st.sampled_from(("UTC", "Europe/Berlin")),
        "group": st.none(),
        "units": st.one_of(st.none(), units),
        "ttl_seconds": st.sampled_from((1, 30, 60)),
        "delta": st.integers(-4, 6).filter(bool),
        "on_hand": st.integers(0, 12),
        "unavailable": st.integers(0, 3),
        "safety_stock": st.integers(0, 3),
        "effective_at": st.sampled_from((0, 1, 1_000, 40_000, 90_000, -9_000)).map(lambda lag: now_ms - lag),
        "allow_partial": st.booleans(),
        "sellable": st.booleans(),
        "answer_by": st.sampled_from((None, None, None, now_ms - 1, now_ms)),
        "order_id": st.sampled_from((None, "O1", "O2")),
        "locations": st.sampled_from((PLACES, PLACES[::-1])),
    }
    if name == "units" and name in _required(kind):
        return units
    return by_name.get(name)


def _required(kind: type[c.Command]) -> set[str]:
    return {field.name for field in msgspec.structs.fields(kind) if field.required}


@st.composite
def command(draw: st.DrawFn, kind: type[c.Command], command_id: str, now_ms: int) -> c.Command:
    """Draw one command of a kind."""
    fields: dict[str, Any] = {"id": command_id}
    for name in kind.__struct_fields__:
        strategy = _field(kind, name, now_ms)
        if strategy is not None:
            fields[name] = draw(strategy)
    if kind in {c.Reserve, c.RecordOrder} and fields["location"] is None:
        fields["group"] = "G"
        if kind is c.Reserve:
            fields["strategy"] = draw(st.sampled_from(("first_fit", "split")))
    if kind is c.SetLocationGroup:
        fields["group"] = "G"
    if "from_location" in fields:  # never to itself, which is impossible
        others = [place for place in PLACES if place != fields["from_location"]]
        fields["to_location"] = draw(
            st.sampled_from((*others, *(() if "to_location" in _required(kind) else (None,))))
        )
    if fields.get("nets_orders"):
        fields["orders_through"] = draw(st.sampled_from((None, now_ms - 1_000, now_ms - 40_000)))
    if fields.get("final"):
        fields["units"] = draw(st.integers(0, 6))
    return kind(**fields)


_STOCK_KINDS: Final[tuple[type[c.Command], ...]] = (*c.STOCK_COMMANDS, c.Adjust, c.Sync)
_ORDER_KINDS: Final[tuple[type[c.Command], ...]] = (
    *c.ORDER_COMMANDS,
    *(c.Reserve,) * 6,
    c.Confirm,
    c.Confirm,
    c.Fulfil,
)


@st.composite
def scripts(draw: st.DrawFn, max_calls: int = 12) -> list[Call]:
    """Draw calls: clocks that stand or jump, packs, repeats, ids used again, idle sweeps."""
    now_ms = arrival_ms = NOON
    calls = []
    sent: dict[bool, list[c.Command]] = {True: [], False: []}
    first = Call([DecodedRecord(0, NOON, [c.SetLocationGroup("g", "G", PLACES)])], [], NOON)
    calls.append(first)
    next_offset = {True: 1, False: 0}
    serial = 0
    for _ in range(draw(st.integers(1, max_calls))):
        passed_ms = draw(st.sampled_from((0, 0, 1, 1_000, 30_000, 61_000)))
        now_ms += passed_ms
        arrival_ms = max(arrival_ms, now_ms - draw(st.sampled_from((0, 0, 500, 20_000))))
        records: dict[bool, list[DecodedRecord]] = {True: [], False: []}
        for is_stock in (True, False):
            for _ in range(draw(st.integers(0, 3))):
                pack: list[c.Command | None] = []
                for _ in range(draw(st.integers(1, 4))):
                    serial += 1
                    before = sent[is_stock]
                    how = draw(st.sampled_from(("new",) * 8 + ("repeat", "reuse"))) if before else "new"
                    if how == "repeat":
                        pack.append(draw(st.sampled_from(before)))
                        continue
                    kind = draw(st.sampled_from(_STOCK_KINDS if is_stock else _ORDER_KINDS))
                    name = draw(st.sampled_from(before)).id if how == "reuse" else f"c{serial}"
                    pack.append(draw(command(kind, name, now_ms)))
                    before.append(cast("c.Command", pack[-1]))
                records[is_stock].append(DecodedRecord(next_offset[is_stock], arrival_ms, pack))
                next_offset[is_stock] += draw(st.sampled_from((1, 1, 1, 2)))
        sweep_before_ms = draw(st.sampled_from((0, 0, now_ms - 2_000, now_ms)))
        calls.append(Call(records[True], records[False], now_ms, sweep_before_ms))
    return calls
