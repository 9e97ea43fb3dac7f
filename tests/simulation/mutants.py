"""Bugs planted on purpose: each must be found, or the simulation proves nothing.

A mutant changes one thing of the product for as long as its context is open. `rules` are those, one at
least, that the judges must find broken.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from random import Random
from types import MappingProxyType
from typing import Any, Final

import pytest

from inventory_stream.adapters.kafka import claim_scan, claiming, held_clock, ledger_log, live_rows
from inventory_stream.errors import LedgerLogError
from inventory_stream.flows import own_partition
from inventory_stream.flows.own_partition import OwnPartition
from inventory_stream.ledger import (
    cover,
    expiry,
    identity,
    known,
    movements,
    orders,
    paths,
    position,
    recorded,
    reserve,
    shipping,
    state,
    stock,
)
from inventory_stream.ledger.decide import decide_batch
from inventory_stream.ports.ledger_log import Claim, RowRecord
from models.rows import PROGRESS_KEY, ClaimRow, claim_key, encode_row
from tests.simulation import stand_ins
from tests.simulation.owner import Owner
from tests.simulation.plan import STORM, Plan, plan_of

Patch = pytest.MonkeyPatch
Plant = Callable[[Patch], None]


@dataclass(frozen=True)
class Mutant:
    """A planted bug: `plant` makes it, `rules` may tell it.

    `focus` changes what a seed draws, where the bug needs a rare fault: CI has seconds for each.
    """

    what: str
    plant: Plant
    rules: frozenset[str]
    focus: Mapping[str, object]

    def plan_of(self, seed: int) -> Plan:
        """Draw a seed's plan, as far as the mutant leaves it open."""
        return replace(plan_of(Random(f"plan {seed}")), **dict(self.focus))  # type: ignore[arg-type]

    @contextmanager
    def planted(self) -> Iterator[None]:
        """Have the bug for a while."""
        with pytest.MonkeyPatch.context() as patch:
            self.plant(patch)
            yield


def _acknowledge_early(patch: Patch) -> None:
    original = OwnPartition._acknowledge

    async def acknowledge(self: OwnPartition) -> None:
        if self._under_way is not None:
            for done in self._under_way[2]:
                await done()
            self._under_way[2].clear()
        await original(self)

    patch.setattr(OwnPartition, "_acknowledge", acknowledge)


def _read_to_the_claim(patch: Patch) -> None:
    original = stand_ins.SimulatedReader.records

    def records(self: stand_ins.SimulatedReader, first: int, last: int) -> Any:  # noqa: ANN401
        rows = self._broker.rows
        while not (rows[last].key.startswith(b"@claim") and not _claim(rows[last].value).fenced):
            last -= 1
        return original(self, first, last)

    patch.setattr(stand_ins.SimulatedReader, "records", records)


def _claim(value: bytes | None) -> ClaimRow:
    return live_rows.decode_claim(0, value or b"")


def _skip_the_fence(patch: Patch) -> None:
    patch.setattr(claim_scan.ClaimScan, "unfenced_others", lambda _self, _id: [])


def _trust_any_ack(patch: Patch) -> None:
    async def write(self: claiming.Claiming, reader: Any, producer: Any, *, fenced: bool) -> int:  # noqa: ANN401
        del reader
        row = ClaimRow(0, producer.producer_id, producer.epoch, "", fenced, self._scan.generation_ms)
        key = claim_key(row.producer_id)
        offset: int = await (await producer.queue([(key, encode_row(row))], tombstone_term=0))
        return offset

    patch.setattr(claiming.Claiming, "_write", write)


def _count_fenced_rows(patch: Patch) -> None:
    def counts(self: live_rows.LiveRows, record: Any) -> bool:  # noqa: ANN401
        if record.key.startswith(b"@claim"):
            self._take_claim(record)
            return False
        return bool(record.key != b"@alive")

    patch.setattr(live_rows.LiveRows, "_counts", counts)


def _ignore_gaps(patch: Patch) -> None:
    def check(self: ledger_log.KafkaLedgerLog, base_offset: int, rows: int, sent_at: float) -> int:
        self._next_offset = base_offset + rows
        self._lease.renew(sent_at)
        return base_offset

    patch.setattr(ledger_log.KafkaLedgerLog, "_check_ack", check)


def _never_repair(patch: Patch) -> None:
    patch.setattr(ledger_log.KafkaLedgerLog, "voided", frozenset())


def _lose_a_batch(patch: Patch) -> None:
    original = ledger_log.KafkaLedgerLog.append
    counts: dict[int, int] = {}

    async def append(self: ledger_log.KafkaLedgerLog, rows: list[RowRecord]) -> Any:  # noqa: ANN401
        number = counts[id(self)] = counts.get(id(self), 0) + 1
        if number % 5 == 0:
            lost: asyncio.Future[int] = asyncio.get_running_loop().create_future()
            lost.set_result(self._next_offset)
            return lost
        return await original(self, rows)

    patch.setattr(ledger_log.KafkaLedgerLog, "append", append)


def _split_commands(patch: Patch) -> None:
    original = OwnPartition._append

    async def append(self: OwnPartition, sealed: Any) -> None:  # noqa: ANN401
        if len(sealed.rows) > 3:
            middle = len(sealed.rows) // 2
            await original(self, sealed._replace(rows=sealed.rows[:middle]))
            sealed = sealed._replace(rows=sealed.rows[middle:])
        await original(self, sealed)

    patch.setattr(OwnPartition, "_append", append)


def _go_on_after_an_error(patch: Patch) -> None:
    original = OwnPartition._acknowledge

    async def acknowledge(self: OwnPartition) -> None:
        try:
            await original(self)
        except LedgerLogError:
            assert self._under_way is not None
            _, self._durable, dones = self._under_way
            self._under_way = None
            for done in dones:
                await done()

    def fail(self: ledger_log.KafkaLedgerLog, error: LedgerLogError) -> None:
        del self
        raise error

    patch.setattr(OwnPartition, "_acknowledge", acknowledge)
    patch.setattr(ledger_log.KafkaLedgerLog, "_fail", fail)


def _bury_late(patch: Patch) -> None:
    async def bury(self: OwnPartition, letters: Any) -> None:  # noqa: ANN401
        loop = asyncio.get_running_loop()
        loop.call_later(1.0, lambda: loop.create_task(self._dead_letters.write(letters)))

    patch.setattr(OwnPartition, "_bury", bury)


def _let_time_go_back(patch: Patch) -> None:
    original = decide_batch

    def decide(known_state: Any, *rest: Any) -> Any:  # noqa: ANN401
        known_state.now_ms = 0
        return original(known_state, *rest)

    patch.setattr(own_partition, "decide_batch", decide)


def _progress(**changes: int) -> Plant:
    def plant(patch: Patch) -> None:
        original = state.PartitionState.progress_row

        def progress_row(self: state.PartitionState) -> Any:  # noqa: ANN401
            row = original(self)
            for name, change in changes.items():
                setattr(row, name, max(0, getattr(row, name) + change))
            return row

        patch.setattr(state.PartitionState, "progress_row", progress_row)

    return plant


def _forget_repeats(patch: Patch) -> None:
    for module in (identity, known, recorded, reserve):
        if hasattr(module, "repeated_answer"):
            patch.setattr(module, "repeated_answer", lambda *_: None)
    for module in (identity, known, shipping, stock):
        if hasattr(module, "repeated_receipt"):
            patch.setattr(module, "repeated_receipt", lambda *_: None)


def _expire_by_the_wall_clock(patch: Patch) -> None:
    def before(self: OwnPartition) -> int:
        now_ms = self._wall_clock_ms()
        return now_ms if self._state.deadlines and self._state.deadlines[0] < now_ms else 0

    patch.setattr(OwnPartition, "_sweep_before_ms", before)


def _believe_any_clock(patch: Patch) -> None:
    patch.setattr(held_clock.HeldClock, "now_ms", lambda self: self._wall_clock_ms())


def _ask_no_end(patch: Patch) -> None:
    async def watch(self: OwnPartition) -> None:
        while True:
            await asyncio.sleep(stand_ins.LOOK_SECONDS)
            self._end_seen = self._state.orders_next, self._wall_clock_ms()
            self._wake.set()

    patch.setattr(OwnPartition, "_watch_deadlines", watch)


def _one_too_many(patch: Patch) -> None:
    original: Any = vars(position.Position)["available_to_promise"]
    patch.setattr(position.Position, "available_to_promise", property(lambda self: original.fget(self) + 1))


def _revoke_nothing(patch: Patch) -> None:
    patch.setattr(movements, "revoke", lambda *_: None)


def _never_shrink(patch: Patch) -> None:
    patch.setattr(cover, "shrink", lambda *_: None)


def _sell_twice(patch: Patch) -> None:
    original = paths.draw

    def draw(batch: Any, position: Any, reservation: Any, line: Any, units: int, own: int) -> None:  # noqa: ANN401  # as patched
        original(batch, position, reservation, line, units, own)
        position.fenced += min(units, own)

    patch.setattr(reserve, "draw", draw)


def _late_is_in_time(patch: Patch) -> None:
    patch.setattr(expiry, "sweep", lambda *_: True)
    patch.setattr("inventory_stream.ledger.decide.sweep", lambda *_: True)
    patch.setattr(orders, "expire", lambda *_: None)


def _read_on_where_the_group_was(patch: Patch) -> None:
    original = Owner._from

    def ahead(self: Owner, source: Any, offset: int) -> int:  # noqa: ANN401
        return original(self, source, offset) + 6

    patch.setattr(Owner, "_from", ahead)


def _keep_the_old_term(patch: Patch) -> None:
    original = ledger_log.KafkaLedgerLog.claim

    async def claim(self: ledger_log.KafkaLedgerLog) -> Claim:
        known_claim = self._claim
        won = await original(self)
        return won if known_claim is None else known_claim

    patch.setattr(ledger_log.KafkaLedgerLog, "claim", claim)


def _write_before_deciding_ends(patch: Patch) -> None:
    original = OwnPartition._append

    async def append(self: OwnPartition, sealed: Any) -> None:  # noqa: ANN401
        rows = sorted(sealed.rows, key=lambda row: row[0] != PROGRESS_KEY)
        await original(self, sealed._replace(rows=rows))

    patch.setattr(OwnPartition, "_append", append)


def _mutant(what: str, plant: Plant, *rules: str, **focus: object) -> Mutant:
    return Mutant(what, plant, frozenset(rules), focus)


_RIVALS: Final[dict[str, Any]] = {
    "faults": ("race", "overlap", "wake unknown"),
    "fault_count": 8,
    "records": 60,
    "span_seconds": 60.0,
    "weather": STORM,
    "rotate_share": 0.5,
    "twin_share": 0.8,
}
"""Several owners at once, under new ids and old ones, on a slow network."""
_WRONG_CLOCKS: Final[dict[str, Any]] = {"faults": ("clock",), "fault_count": 6}


MUTANTS: Final[Mapping[str, Mutant]] = MappingProxyType(
    {
        "early-ack": _mutant("input is let go before its rows are durable", _acknowledge_early, "step 6"),
        "read-to-claim": _mutant(
            "the state ends at the claim, not at the last fence", _read_to_the_claim, "P4", **_RIVALS
        ),
        "no-fence": _mutant("other ids are not fenced", _skip_the_fence, "P1", **_RIVALS),
        "any-ack": _mutant(
            "a claim's ack is believed without its nonce", _trust_any_ack, "I3", "step 6", "P4", **_RIVALS
        ),
        "all-rows": _mutant("rows of fenced owners count", _count_fenced_rows, "P4", "I3", "I8", **_RIVALS),
        "gaps": _mutant("acks need not follow on each other", _ignore_gaps, "step 6", "I3", **_RIVALS),
        "no-repair": _mutant("what a fenced owner wrote is not rewritten", _never_repair, "P4", **_RIVALS),
        "lost-batch": _mutant("one batch is lost between two that are appended", _lose_a_batch, "I3"),
        "split": _mutant("rows of one decision go in two appends", _split_commands, "P6"),
        "progress-first": _mutant("progress is not the last row", _write_before_deciding_ends, "P6"),
        "go-on": _mutant("deciding goes on after an append error", _go_on_after_an_error, "step 6", "I3"),
        "late-letters": _mutant("dead letters follow the progress that passes them", _bury_late, "step 3"),
        "time-back": _mutant(
            "the decisions' time follows the clock back", _let_time_go_back, "R26", **_WRONG_CLOCKS
        ),
        "ahead": _mutant("progress is a record ahead of its rows", _progress(orders_next=1), "I3"),
        "behind": _mutant("progress is a record behind its rows", _progress(orders_next=-1), "I3"),
        "swept-ahead": _mutant("swept_ms is an hour ahead", _progress(swept_ms=3_600_000), "R18"),
        "no-repeats": _mutant("who asked before is forgotten", _forget_repeats, "I3"),
        "wall-clock": _mutant("deadlines go by the wall clock alone", _expire_by_the_wall_clock, "R18"),
        "any-clock": _mutant(
            "a machine's clock is believed, however wrong", _believe_any_clock, "R18", **_WRONG_CLOCKS
        ),
        "no-end": _mutant("an idle sweep does not ask the broker for the end", _ask_no_end, "R18"),
        "one-too-many": _mutant("a grant may take one unit more than is free", _one_too_many, "I2", "P7"),
        "no-revoke": _mutant("a shortfall revokes nothing", _revoke_nothing, "R11"),
        "no-cover": _mutant("pools and fences keep what is not there any more", _never_shrink, "R4"),
        "free-pool": _mutant("what a sale grants stays set aside for it", _sell_twice, "R4"),
        "no-expiry": _mutant("nothing expires", _late_is_in_time, "R18", "R17"),
        "group-offset": _mutant("reading goes on ahead of progress", _read_on_where_the_group_was, "I3"),
        "old-term": _mutant(
            "a claim that was renewed keeps its old term",
            _keep_the_old_term,
            "P4",
            "P1",
            "I3",
            reclaim_seconds=7.0,
        ),
    }
)
"""By a short name."""
