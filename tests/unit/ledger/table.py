"""The ledger as a table: one row per step, the result last, time moved by a row.

    given on_hand=10 safety_stock=2
    reserve R1 units=8 ttl=60s   -> GRANTED atp=0
    reserve R2 units=1 ttl=60s   -> ALL_RESERVED atp=0 breakdown.reserved=8
    tick 61s, sweep              -> atp=8 R1.expired=8
    confirm R1                   -> CONFIRMED_LATE atp=0

A step is a command as the wire has it (encoded, decoded), `tick`, `sweep`, or `given`. After `->`
come the outcome as its row gives it, figures of the position (`at=` names another location than L1),
`R1.x` the sum of a counter over R1's lines, `T1.x` and `PO1.x` a field of a transfer or incoming,
`SALE.x` and `web.x` one of a sale pool or of a channel's fence there, `breakdown.x` of the answer, `units`
that it moved. Every step checks all invariants, and every sealed batch by its rows alone.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

import msgspec

from inventory_stream.ledger.batch import Sealed
from inventory_stream.ledger.decide import DecodedRecord, decide_batch
from inventory_stream.ledger.invariants import assert_sound, grant_violations, version_violations
from inventory_stream.ledger.rules import Rules
from inventory_stream.ledger.state import PartitionState, StateLoader
from models import commands as c
from models.codec import ORDER_DECODER, STOCK_DECODER, encode_pack, to_positional
from models.outcomes import Outcome
from models.rows import (
    ID_REUSED_ANSWER,
    Answer,
    PositionRow,
    ReceiptRow,
    ReservationRow,
    decode_held,
    decode_row,
)

NOON: Final = 1_767_268_800_000
"""Where the clock of every test starts: 2026-01-01T12:00:00Z, in ms since the Unix epoch."""
SKU: Final = "SKU1"
TERM: Final = 7

_VERBS: Final[dict[str, type[c.Command]]] = {
    c.type_name(kind): kind for kind in (*c.STOCK_COMMANDS, *c.ORDER_COMMANDS)
} | {"record": c.RecordOrder, "group": c.SetLocationGroup}
_FIRST: Final = {
    "adjust": "delta",
    "sync": "on_hand",
    "till_sale": "units",
    "unavailable": "unavailable",
    "safety_stock": "safety_stock",
    "group": "group",
    "count_authority": "location",
    "time_zone": "location",
    "expect": "incoming_id",
    "receive": "incoming_id",
    "cancel_incoming": "incoming_id",
    "plan_transfer": "transfer_id",
    "ship_transfer": "transfer_id",
    "receive_transfer": "transfer_id",
    "cancel_transfer": "transfer_id",
    "place": "location",
    "open_pool": "sale_id",
    "close_pool": "sale_id",
    "channel_fence": "channel",
    "purchase_limit": "limit_id",
    "backorder": "units",
    "channel_policy": "channel",
}
_NAMES: Final = {
    "at": "location",
    "ttl": "ttl_seconds",
    "eff": "effective_at",
    "order": "order_id",
    "partial": "allow_partial",
    "from": "from_location",
    "to": "to_location",
    "exp": "expected_at",
    "nets": "nets_orders",
    "through": "orders_through",
    "ordered": "ordered_at",
    "asof": "as_of",
    "start": "starts_at",
    "end": "ends_at",
    "fence": "fence_from",
    "grace": "checkout_grace_seconds",
    "late": "late_from_common",
    "spill": "spill_over",
    "sale": "sale_id",
    "by": "customer",
    "wait": "allow_backorder",
    "tied": "incoming_id",
}
_TIMES: Final = {
    "effective_at",
    "answer_by",
    "ordered_at",
    "as_of",
    "orders_through",
    "expected_at",
    "at",
    "starts_at",
    "ends_at",
    "fence_from",
}
_GRANTS: Final = {
    Outcome.GRANTED,
    Outcome.PARTIALLY_GRANTED,
    Outcome.CONFIRMED_LATE,
    Outcome.BACKORDERED,
}

type_of_rows = list[tuple[bytes, bytes | None]]


class Ledger:
    """One partition with a clock, its input offsets, and the log it wrote."""

    def __init__(self, rules: Rules | None = None, *, positional: bool = False) -> None:
        self.state = PartitionState(rules=rules)
        self.state.term = TERM
        self.now_ms = NOON
        self.log: type_of_rows = []
        self.sealed: list[Sealed] = []
        self.answers: dict[str, Answer | ReceiptRow] = {}
        self._positional = positional
        self._ids = 0
        self._last = ""
        self._orders = self._stock = 0
        self._versions: dict[bytes, PositionRow] = {}
        self._sent: dict[str, c.Command] = {}

    # --- what a table calls ----------------------------------------------------------------------

    def run(self, table: str) -> "Ledger":
        """Run every row of a table."""
        for line in table.strip().splitlines():
            if text := line.split("#")[0].strip():
                steps, _, wanted = text.partition("->")
                outcome: Outcome | None = None
                for step in steps.split(","):
                    outcome = self._step(step.split())
                self._expect(text, outcome, wanted.split())
        return self

    def decide(
        self,
        stock: Sequence[Sequence[c.Command | None]] = (),
        orders: Sequence[Sequence[c.Command | None]] = (),
        *,
        arrival_ms: int | None = None,
        sweep_before_ms: int = 0,
    ) -> list[Sealed]:
        """Decide records (each a pack of commands) as one batch; check what it sealed."""
        arrived = self.now_ms if arrival_ms is None else arrival_ms
        first_stock, first_orders = self._stock, self._orders
        self._stock += len(stock)
        self._orders += len(orders)
        new = []
        for sealed in decide_batch(
            self.state,
            [DecodedRecord(first_stock + at, self.now_ms, pack) for at, pack in enumerate(stock)],
            [DecodedRecord(first_orders + at, arrived, pack) for at, pack in enumerate(orders)],
            self.now_ms,
            sweep_before_ms,
        ):
            new.append(sealed)
            self._append(sealed)
        assert_sound(self.state)
        return new

    def send(self, *commands: c.Command, arrival_ms: int | None = None) -> Outcome:
        """Send commands as one record over the wire; gives the last one's outcome."""
        is_stock = isinstance(commands[0], c.STOCK_COMMANDS)
        forms = [to_positional(command) for command in commands] if self._positional else commands
        decoded, poison = (STOCK_DECODER if is_stock else ORDER_DECODER).decode(encode_pack(forms))
        assert not poison, poison
        if is_stock:
            self.decide(stock=[decoded])
        else:
            self.decide(orders=[decoded], arrival_ms=arrival_ms)
        return self.heard(commands[-1])

    def heard(self, command: c.Command) -> Outcome:
        """Give the outcome that the newest rows of the log hold for a command, as a caller hears it."""
        reservation_id = getattr(command, "reservation_id", None)
        for key, value in reversed(self.log):
            if value is None or key[:2] not in {b"r/", b"c/"}:
                continue
            row = cast("ReservationRow | ReceiptRow", decode_row(key, value))
            if row.reservation_id != reservation_id:
                continue
            said: Answer | ReceiptRow | None = row if isinstance(row, ReceiptRow) else None
            if isinstance(row, ReservationRow) and row.answered >= 0:
                said = row.answers[row.answered]
            if said is not None and said.command_id == command.id:
                self.answers[command.id] = said
                return Outcome.COMMAND_ID_REUSED if row.repeat == ID_REUSED_ANSWER else Outcome(said.outcome)
        raise AssertionError(f"no row answers {command}")

    def recovered(self, *, compacted: bool = False) -> PartitionState:
        """Rebuild the state from the rows of the log so far."""
        return recover(self.log, self.state.rules, compacted=compacted)

    # --- steps -----------------------------------------------------------------------------------

    def _step(self, words: list[str]) -> Outcome | None:
        verb, rest = words[0], words[1:]
        if verb == "tick":
            self.now_ms += _ms(rest[0])
            return None
        if verb == "sweep":
            self.decide(sweep_before_ms=self.now_ms)
            return None
        if verb == "show":
            return None
        if verb == "given":
            where = [word for word in rest if word.startswith("at=")]
            for word in rest:
                name, _, value = word.partition("=")
                if name != "at":
                    self._step([{"on_hand": "sync"}.get(name, name), value, "eff=-1h", *where])
            return None
        if verb == "again":
            self._last = rest[0]
            return self.send(self._sent[rest[0]])
        return self._command(verb, rest)

    def _command(self, verb: str, words: list[str]) -> Outcome:
        kind = _VERBS[verb]
        is_stock = kind in c.STOCK_COMMANDS
        self._ids += 1
        fields: dict[str, Any] = {"id": f"c{self._ids}", _FIRST.get(verb, "reservation_id"): words[0]}
        names = kind.__struct_fields__
        if "sku" in names:
            fields["sku"] = SKU
        fields |= dict(word.split("=", 1) for word in words[1:])
        arrival = fields.pop("arrival", None)
        fields = {_NAMES.get(name, name): value for name, value in fields.items()}
        required = {field.name for field in msgspec.structs.fields(kind) if field.required}
        if "location" in required:
            fields.setdefault("location", "L1")
        if kind in {c.Reserve, c.RecordOrder} and "group" not in fields:
            fields.setdefault("location", "L1")
        if kind is c.Reserve:
            fields.setdefault("ttl_seconds", "60s")
        if kind is c.OpenPool:
            fields = {"starts_at": "+0s", "ends_at": "+10m"} | fields
        if kind is c.SetPurchaseLimit:
            fields.setdefault("ends_at", "+10m")
        if "effective_at" in names and is_stock:
            fields.setdefault("effective_at", "+0s")
        command = kind(**{name: self._value(name, value) for name, value in fields.items()})
        self._sent[command.id] = command
        self._last = command.id
        outcome = self.send(command, arrival_ms=self._value("at", arrival) if arrival else None)
        if outcome in _GRANTS:
            assert not list(grant_violations(self.state, command.reservation_id))  # type: ignore[attr-defined]
        return outcome

    def _value(self, name: str, text: str) -> Any:  # noqa: ANN401  # a field of any type
        if name in _TIMES:
            if ":" in text:
                hours, minutes = text.split(":")
                return NOON + (int(hours) - 12) * 3_600_000 + int(minutes) * 60_000
            return self.now_ms + _ms(text)
        if name in {"ttl_seconds", "checkout_grace_seconds"}:
            return _ms(text) // 1_000
        if name == "locations":
            return tuple(text.split("+"))
        if text in {"yes", "no"}:
            return text == "yes"
        return int(text) if text.lstrip("+-").isdigit() else text

    def _expect(self, text: str, outcome: Outcome | None, wanted: list[str]) -> None:
        said: dict[str, Any] = {}
        location = "L1"
        for word in wanted:
            name, equals, value = word.partition("=")
            if not equals:
                assert outcome is not None, text
                assert outcome.name == word, f"{text!r} answered {outcome.name}"
            elif name == "at":
                location = value
            else:
                said[name] = value
        for name, value in said.items():
            assert str(self._figure(name, location)) == value, (
                f"{text!r}: {name} is {self._figure(name, location)}"
            )

    def _figure(self, name: str, location: str) -> object:
        owner, _, field = name.rpartition(".")
        last = self.answers.get(self._last)
        if owner == "breakdown":
            assert last is not None
            return getattr(last.breakdown, field)
        if owner == "move":
            assert last is not None
            said = getattr(last.movements[-1], field)
            return "+".join(said) if isinstance(said, tuple) else said
        if owner == "said":
            return getattr(last, field)
        if owner:
            return self._figure_of_row(owner, field, location)
        position = self.state.skus[SKU][location]
        short = {"atp": "available_to_promise"}
        if name == "short":
            return max(0, -position.uncommitted)
        return getattr(position, short.get(name, name))

    def _figure_of_row(self, name: str, field: str, location: str) -> object:
        state = self.state
        position = state.skus.get(SKU, {}).get(location)
        claims = position.claims if position is not None else None
        row: object = state.transfers.get(name) or state.incoming.get(name)
        row = row or (claims and (claims.pools.get(name) or claims.fences.get(name)))
        row = row or (claims and name == "backorder" and claims.backorder)
        row = row or state.reservations[name]
        if isinstance(row, ReservationRow) and hasattr(row.lines[0], field):
            return sum(getattr(line, field) for line in row.lines)
        return getattr(row, field)

    def _append(self, sealed: Sealed) -> None:
        self.sealed.append(sealed)
        self.log.extend(sealed.rows)
        for key, value in sealed.rows:
            if key.startswith(b"p/") and value is not None:
                row = cast("PositionRow", decode_row(key, value))
                assert not list(version_violations(self._versions.get(key), row))
                self._versions[key] = row
        assert_sound(self.recovered(compacted=True))


def recover(
    rows: type_of_rows,
    rules: Rules | None = None,
    *,
    compacted: bool = False,
    products: Mapping[str, str] | None = None,
) -> PartitionState:
    """Rebuild a state from rows; `compacted` feeds only the newest of each key, tombstones included."""
    state = PartitionState(rules=rules, products=products)
    loader = StateLoader(state)
    newest = {key: at for at, (key, _) in enumerate(rows)}
    for at, (key, value) in enumerate(rows):
        if not compacted or newest[key] == at:
            loader.load(key, None if value is None else decode_held(key, value), value)
    loader.finish(TERM)
    return state


def _ms(text: str) -> int:
    unit = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
    digits = text.rstrip("smhd")
    return int(digits) * unit[text[len(digits) :]]
