"""I8 across recoveries, case by case: what rows do not tell must not decide what comes next."""

import pytest

from inventory_stream.ledger.decide import DecodedRecord
from inventory_stream.ledger.rules import BATCH_BYTES, Rules
from models import commands as c
from tests.unit.ledger.scripts import Call
from tests.unit.ledger.table import NOON, SKU
from tests.unit.ledger.test_properties import assert_recovers

STOCKED = c.Adjust("stock", SKU, "L1", 40, NOON - 1_000)
NAMES = [f"R{number}" for number in range(12)]
SHUFFLED = [NAMES[number * 7 % 12] for number in range(12)]
EACH_WAY = pytest.mark.parametrize("compacted", [False, True], ids=["all rows", "compacted"])
EACH_SIZE = pytest.mark.parametrize("size", [1, 700, BATCH_BYTES], ids=["each command", "a few", "a call"])


class Script:
    """Calls written down one after the other."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self._offsets = {"stock": 0, "orders": 0}
        self._now_ms = NOON
        self._commands = 0

    def stock(self, *commands: c.Command) -> "Script":
        """Add a call with one stock record."""
        self.calls.append(Call([self._record("stock", commands)], [], self._now_ms))
        return self

    def orders(self, *commands: c.Command, sweep_before_ms: int = 0) -> "Script":
        """Add a call with one order record, or none."""
        records = [self._record("orders", commands)] if commands else []
        self.calls.append(Call([], records, self._now_ms, sweep_before_ms))
        return self

    def tick(self, ms: int) -> "Script":
        """Let time pass."""
        self._now_ms += ms
        return self

    def reserve(self, names: list[str], *, units: int = 1, ttl: int = 60) -> "Script":
        """Add a call that reserves for each name."""
        return self.orders(*(self.new(c.Reserve, name, units, ttl, location="L1") for name in names))

    def rewrite(self, names: list[str]) -> "Script":
        """Give each reservation a younger row, so that compaction leaves them in this order."""
        return self.orders(*(self.new(c.Reserve, name, 1, 60, location="L1") for name in names))

    def new(self, kind: type[c.Command], name: str, *rest: object, **fields: object) -> c.Command:
        """Give an order command with an id of its own."""
        self._commands += 1
        return kind(f"c{self._commands}", name, SKU, *rest, **fields)  # type: ignore[call-arg]

    def _record(self, topic: str, commands: tuple[c.Command, ...]) -> DecodedRecord:
        self._offsets[topic] += 1
        return DecodedRecord(self._offsets[topic] - 1, self._now_ms, commands)


@EACH_WAY
@EACH_SIZE
def test_reservations_of_one_deadline_expire_in_one_order(size: int, compacted: bool) -> None:  # noqa: FBT001
    """R18, I8: by id, whichever was made, or written, first."""
    script = Script().stock(STOCKED).reserve(NAMES).rewrite(SHUFFLED).tick(61_000)
    assert_recovers(script.reserve(["last"]).calls, size, compacted=compacted)


@EACH_WAY
@EACH_SIZE
def test_idle_sweep_is_resumed_when_a_crash_cut_it_short(size: int, compacted: bool) -> None:  # noqa: FBT001
    """R18, I8: the time swept to is progress only when all of it is swept."""
    script = Script().stock(STOCKED).reserve(NAMES).tick(63_000)
    assert_recovers(script.orders(sweep_before_ms=NOON + 61_000).calls, size, compacted=compacted)


@EACH_WAY
@EACH_SIZE
def test_stale_deadlines_do_not_decide_where_a_batch_is_sealed(size: int, compacted: bool) -> None:  # noqa: FBT001
    """I8: a recovered owner never had the entries of what was released or extended."""
    script = Script().stock(STOCKED).reserve(NAMES)
    script.orders(*(script.new(c.Release, name) for name in NAMES[::2]))
    script.orders(*(script.new(c.Extend, name, 90) for name in NAMES[1::4]))
    script.tick(61_000).reserve(["later"]).tick(61_000)
    assert_recovers(script.reserve(["last"]).calls, size, compacted=compacted)


@EACH_WAY
@EACH_SIZE
def test_reservations_of_one_moment_are_revoked_in_one_order(size: int, compacted: bool) -> None:  # noqa: FBT001
    """R11, I8: youngest first, and by id within a moment."""
    script = Script().stock(STOCKED).reserve(NAMES).rewrite(SHUFFLED)
    for number in range(6):
        script.stock(c.TillSale(f"t{number}", SKU, "L1", 6, NOON + 1))
    assert_recovers(script.calls, size, compacted=compacted)


@EACH_WAY
@EACH_SIZE
def test_revoking_goes_on_before_the_next_command_when_it_fills_a_batch(size: int, compacted: bool) -> None:  # noqa: FBT001
    """R11, I8: also with commands for the same units in the same call, and two positions at once."""
    script = Script().stock(STOCKED, c.Adjust("other", SKU, "L2", 40, NOON - 1_000)).reserve(NAMES)
    script.orders(*(script.new(c.Reserve, f"S{name}", 1, 60, location="L2") for name in SHUFFLED))
    script.stock(
        c.Sync("a", SKU, "L2", 0, NOON),
        c.Sync("b", SKU, "L1", 0, NOON),
        c.Adjust("d", SKU, "L1", 3, NOON + 1),
    )
    script.orders(script.new(c.Confirm, "R3"), script.new(c.Confirm, "SR3"))
    assert_recovers(script.calls, size, compacted=compacted)


@EACH_WAY
@EACH_SIZE
def test_shortfall_names_the_same_orders(size: int, compacted: bool) -> None:  # noqa: FBT001
    """R11, I8: 20 of many, youngest first, also those that were confirmed late."""
    many = [f"M{number * 11 % 30}" for number in range(30)]
    script = Script().stock(STOCKED).reserve(many).rewrite(sorted(many)).tick(61_000)
    script.orders(*(script.new(c.Confirm, name) for name in many[:25]))
    script.orders(script.new(c.RecordOrder, many[28], 1, location="L1"))
    script.stock(c.TillSale("short", SKU, "L1", 30, NOON + 1))
    assert_recovers(script.calls, size, compacted=compacted)


@EACH_WAY
@EACH_SIZE
@pytest.mark.parametrize("bound", ["time", "count"])
def test_windows_fold_in_one_order(size: int, compacted: bool, bound: str) -> None:  # noqa: FBT001
    """R29, I8: by age and then by key, whatever was decided anew in between."""
    by_time = Rules(receipt_window_ms=5_000, return_window_ms=6_000)
    rules = by_time if bound == "time" else Rules(receipts_max=3, ended_reservations_max=2)
    script = Script().stock(STOCKED).reserve(NAMES[:6])
    script.reserve(SHUFFLED, units=99)
    script.orders(*(script.new(c.Cancel, name) for name in ("X", "W", "Y")))
    script.orders(*(script.new(c.Release, name) for name in SHUFFLED))
    script.tick(1_000).reserve(SHUFFLED[::2], units=99)
    script.orders(script.new(c.RecordOrder, SHUFFLED[1], 1, location="L1"))
    for _ in range(4):
        script.tick(2_000).orders(script.new(c.Fulfil, SHUFFLED[1])).stock()
    assert_recovers(script.calls, size, compacted=compacted, rules=rules)


@EACH_WAY
def test_movements_are_trimmed_alike(compacted: bool) -> None:  # noqa: FBT001
    """R8, I8: by number and by age, whatever the order of arrival was."""
    script = Script().stock(STOCKED)
    for number, lag_ms in enumerate((0, 900, 300, 5_000, 100, 2_000, 50, 0, 700, 20)):
        script.tick(400).stock(c.Adjust(f"a{number}", SKU, "L1", 1, script.calls[-1].now_ms - lag_ms))
        script.stock(c.Sync(f"s{number}", SKU, "L1", 5, script.calls[-1].now_ms - 1_500))
    rules = Rules(movements_max=3, movement_window_ms=1_000)
    assert_recovers(script.calls, 1, compacted=compacted, rules=rules)


@EACH_WAY
def test_pack_goes_on_where_it_was_sealed(compacted: bool) -> None:  # noqa: FBT001
    """I8: a record cut by a full batch is resumed inside, and not swept again there."""
    script = Script().stock(STOCKED)
    # The owner's clock stands behind the broker's: what the pack grants is due on arrival already.
    pack = [script.new(c.Reserve, name, 1, 1, location="L1") for name in NAMES]
    pack += [script.new(c.Confirm, name) for name in NAMES]
    script.calls.append(Call([], [DecodedRecord(0, NOON + 5_000, pack)], NOON))
    assert_recovers(script.calls, 1, compacted=compacted)


@EACH_WAY
@EACH_SIZE
@pytest.mark.parametrize("bound", ["time", "count"])
def test_ended_documents_fold_in_one_order(size: int, compacted: bool, bound: str) -> None:  # noqa: FBT001
    """R12, R13, R29, I8: those of one moment by key, whichever was made, ended or opened again first."""
    rules = Rules(receipt_window_ms=5_000) if bound == "time" else Rules(ended_documents_max=3)
    script = Script().stock(STOCKED)
    at_ms = NOON + 60_000
    script.stock(*(c.PlanTransfer(f"p{name}", name, SKU, "L1", "L2", 1) for name in NAMES))
    script.stock(*(c.Expect(f"e{name}", name, SKU, "L1", 1, at_ms) for name in NAMES))
    script.tick(1_000).stock(*(c.CancelTransfer(f"x{name}", name, SKU) for name in SHUFFLED))
    script.stock(*(c.CancelIncoming(f"y{name}", name, SKU) for name in reversed(SHUFFLED)))
    script.tick(1_000).stock(*(c.Expect(f"f{name}", name, SKU, "L1", 2, at_ms) for name in NAMES[::2]))
    script.tick(4_500).stock().tick(1_000).stock()
    assert_recovers(script.calls, size, compacted=compacted, rules=rules)
