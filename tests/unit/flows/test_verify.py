"""`ledger verify`: silent on what the real decider writes, loud on each planted defect."""

from collections.abc import Callable

import msgspec
import pytest

from inventory_stream.adapters.kafka.live_rows import LiveRows
from inventory_stream.flows.project import ProjectionFlow
from inventory_stream.flows.verify import verify_ledger
from inventory_stream.flows.verify_report import FINDINGS_SHOWN_MAX, VerifyReport
from inventory_stream.ledger.rules import Rules
from inventory_stream.ports.projection import LocationUnits, Version
from inventory_stream.settings import ProjectionSettings
from models import commands as c
from models.outcomes import Outcome
from models.rows import (
    BackorderRow,
    ChannelPolicyRow,
    PositionRow,
    ReceiptRow,
    ReservationRow,
    Row,
    TransferRow,
    backorder_key,
    channel_policy_key,
)
from tests.fakes.ledger_reader import FakeLedger
from tests.fakes.projection import FakeAvailabilityView, FakeHash, FakeProjection, FakeServer
from tests.unit.flows.decided_by_hand import DecidedByHand
from tests.unit.flows.decided_ledger import planted, random_ledger

replace = msgspec.structs.replace


async def verify(ledger: FakeLedger) -> VerifyReport:
    """Verify partition 0 without Redis."""
    return await verify_ledger(ledger, LiveRows, [0])


def checks(report: VerifyReport) -> set[str]:
    """Name the invariants found broken."""
    return set(report.findings.counts)


@pytest.mark.parametrize("seed", range(25))
async def test_ledger_of_the_real_decider_is_sound(seed: int) -> None:
    """Whatever random commands are decided, no invariant is reported broken."""
    report = await verify(random_ledger(seed, revoke=seed % 2 == 0))
    assert report.findings.first == []
    (partition,) = report.partitions
    assert partition.whole_from_offset == 0
    assert partition.granted_units > 0
    assert partition.repeats > 0
    assert partition.oversold_units == 0


@pytest.mark.parametrize("seed", range(10))
async def test_folded_windows_are_sound(seed: int) -> None:
    """With windows so short that answers are folded away all the time, the sums still agree."""
    rules = Rules(receipt_window_ms=30_000, return_window_ms=60_000, reservation_ms_max=60_000)
    report = await verify(random_ledger(seed, batches=200, rules=rules))
    assert report.findings.first == []


@pytest.mark.parametrize("seed", range(15))
async def test_compacted_ledger_is_sound_and_says_how_far_back_it_is_whole(seed: int) -> None:
    """Rows that compaction took are no finding; the report names the first offset after the last gap."""
    ledger = random_ledger(seed)
    records = ledger.partitions[0]
    boundary = len(records) // 2
    newest = {record.key: record for record in records[:boundary]}
    tail = records[boundary:]
    ledger.partitions[0] = [*sorted(newest.values()), *tail]
    report = await verify(ledger)
    assert report.findings.first == []
    (partition,) = report.partitions
    assert 0 < partition.whole_from_offset <= boundary
    assert partition.whole_from_ms == ledger.start_ms + partition.whole_from_offset


async def test_fully_compacted_ledger_is_checked_at_its_end() -> None:
    """Where only the newest row of each key is left, I1 and I4 still tell."""
    ledger = random_ledger(3)
    ledger.compact(0)
    assert checks(await verify(ledger)) == set()
    planted(ledger, position(base=lambda units: units + 1), b"p/")
    assert checks(await verify(ledger)) == {"I4"}


async def test_rows_of_a_fenced_owner_are_counted_not_believed() -> None:
    """A zombie's row breaks nothing: readers drop it (P4), and the report counts it."""
    ledger = random_ledger(1)
    ledger.claim(0, producer_id=9)
    ledger.position(0, "S", "A", 12_345, term=0)
    report = await verify(ledger)
    assert report.is_sound
    assert report.partitions[0].fenced_rows == 1


def position(**changes: Callable[[int], int]) -> Callable[[Row], Row | None]:
    """Change fields of a position row."""

    def change(row: Row) -> Row | None:
        assert isinstance(row, PositionRow)
        return replace(row, **{name: made(getattr(row, name)) for name, made in changes.items()})

    return change


def reservation(
    wanted: Callable[[ReservationRow], bool], changed: Callable[[ReservationRow], ReservationRow]
) -> Callable[[Row], Row | None]:
    """Change the newest reservation row that is wanted."""

    def change(row: Row) -> Row | None:
        assert isinstance(row, ReservationRow)
        return changed(row) if wanted(row) else None

    return change


def with_line(row: ReservationRow, **changes: int) -> ReservationRow:
    """Add to counters of a row's first line."""
    first = row.lines[0]
    line = replace(first, **{name: getattr(first, name) + by for name, by in changes.items()})
    return replace(row, lines=(line, *row.lines[1:]))


def with_outcome(row: ReservationRow, outcome: Outcome) -> ReservationRow:
    """Change the outcome of the answer that a row gives."""
    answers = list(row.answers)
    answers[row.answered] = replace(answers[row.answered], outcome=int(outcome))
    return replace(row, answers=tuple(answers))


async def test_i1_reserved_that_no_line_holds() -> None:
    """A position that holds more than its reservations' lines is found."""
    ledger = random_ledger(5)
    record = planted(ledger, position(reserved=lambda units: units + 1), b"p/")
    report = await verify(ledger)
    assert "I1" in checks(report)
    finding = next(one for one in report.findings.first if one.check == "I1")
    assert (finding.key, finding.offset) == ((record.key or b"").decode(), record.offset)


async def test_i1_line_without_a_position() -> None:
    """A reservation line at a place that has no position row is found."""
    ledger = random_ledger(5)
    planted(
        ledger,
        reservation(
            lambda row: bool(row.lines) and row.lines[0].reserved + row.lines[0].allocated > 0,
            lambda row: replace(row, lines=(replace(row.lines[0], location="nowhere"), *row.lines[1:])),
        ),
        b"r/",
    )
    assert "I1" in checks(await verify(ledger))


async def test_i2_grant_beyond_what_there_is() -> None:
    """Units granted below zero are found, and counted as oversold."""
    ledger = FakeLedger()
    ledger.claim(0)
    given(ledger, on_hand=5, version=1)
    grant(ledger, "R1", units=4, on_hand=5, version=2)
    grant(ledger, "R2", units=4, on_hand=5, version=3)
    put_position(ledger, on_hand=5, reserved=8, version=3)
    report = await verify(ledger)
    assert checks(report) == {"I2"}
    (partition,) = report.partitions
    assert (partition.granted_units, partition.oversold_units, partition.shortfall_units) == (8, 3, 3)
    assert "r/R2" in report.findings.first[0].key


async def test_i2_grant_into_safety_stock() -> None:
    """Units that are there but held back may not be granted either."""
    ledger = FakeLedger()
    ledger.claim(0)
    given(ledger, on_hand=5, version=1, safety_stock=2)
    grant(ledger, "R1", units=4, on_hand=5, version=2)
    put_position(ledger, on_hand=5, reserved=4, version=2, safety_stock=2)
    report = await verify(ledger)
    assert checks(report) == {"I2"}
    assert (report.partitions[0].oversold_units, report.partitions[0].shortfall_units) == (1, 0)


async def test_shortfall_of_a_fact_is_not_oversold() -> None:
    """A recorded order that goes below zero is shortfall, not a broken invariant (R20)."""
    ledger = FakeLedger()
    ledger.claim(0)
    given(ledger, on_hand=5, version=1)
    recorded = grant_row("R1", units=8, on_hand=5, version=2)
    line = replace(recorded.lines[0], reserved=0, allocated=8)
    answer = replace(recorded.answers[0], kind="record_order", outcome=int(Outcome.RECORDED_SHORT))
    ledger.row(0, b"r/R1", replace(recorded, lines=(line,), answers=(answer,), recorded=True))
    put_position(ledger, on_hand=5, allocated=8, version=2)
    report = await verify(ledger)
    assert report.is_sound
    assert (report.partitions[0].oversold_units, report.partitions[0].shortfall_units) == (0, 3)


async def test_reused_id_is_no_answer_given_again() -> None:
    """R27: the same command again is counted; another one under its id heard no first answer."""
    decided = DecidedByHand()
    decided.batch(c.Adjust("a", "S", "A", 5, decided.now_ms))
    decided.batch(c.Adjust("a", "S", "A", 6, decided.ledger.start_ms))
    decided.batch(c.Reserve("r", "R", "S", 1, 60, location="A"))
    decided.batch(c.Extend("r", "R", "S", 60))
    decided.batch(c.Reserve("r", "R", "S", 1, 60, location="A"))
    (partition,) = (await verify(decided.ledger)).partitions
    assert partition.repeats == 1


async def test_i3_repeat_with_another_outcome() -> None:
    """A command that hears two different answers is found."""
    ledger = random_ledger(6)
    planted(
        ledger,
        reservation(lambda row: row.repeat == 1, lambda row: with_outcome(row, Outcome.EXTEND_LIMIT)),
        b"r/",
    )
    assert checks(await verify(ledger)) == {"I3"}


async def test_i3_receipt_decided_twice() -> None:
    """A stock command whose repeat says otherwise is found."""
    ledger = random_ledger(6)

    def change(row: Row) -> Row | None:
        assert isinstance(row, ReceiptRow)
        is_final = Outcome(row.outcome).is_final
        return replace(row, units=row.units + 1) if row.repeat == 1 and is_final else None

    planted(ledger, change, b"c/")
    assert checks(await verify(ledger)) == {"I3"}


async def test_i4_on_hand_that_no_delta_explains() -> None:
    """A position whose on_hand differs from base and deltas is found."""
    ledger = random_ledger(7)
    planted(ledger, position(on_hand=lambda units: units - 1), b"p/")
    assert "I4" in checks(await verify(ledger))


async def test_i4_lost_receipt() -> None:
    """A movement that is in on_hand but in no receipt is found."""
    ledger = random_ledger(7)
    records = ledger.partitions[0]
    lost = next(
        record for record in records if record.key is not None and record.key.startswith(b"c/open-S-A")
    )
    records.remove(lost)
    ledger.compact(0)
    assert "I4" in checks(await verify(ledger))


async def test_i5_version_that_no_row_names() -> None:
    """A position whose version jumped over a change is found."""
    ledger = random_ledger(8)
    planted(ledger, position(version=lambda version: version + 1), b"p/")
    report = await verify(ledger)
    assert checks(report) == {"I5"}


async def test_i5_two_changes_with_one_version() -> None:
    """Two rows that name the same version of a position are found."""
    ledger = FakeLedger()
    ledger.claim(0)
    given(ledger, on_hand=9, version=1)
    grant(ledger, "R1", units=1, on_hand=9, version=2)
    grant(ledger, "R2", units=1, on_hand=9, version=2)
    put_position(ledger, on_hand=9, reserved=2, version=3)
    assert checks(await verify(ledger)) == {"I5"}


async def test_i5_change_without_a_position_row() -> None:
    """A grant after which no position row follows is found."""
    ledger = FakeLedger()
    ledger.claim(0)
    given(ledger, on_hand=9, version=1)
    grant(ledger, "R1", units=1, on_hand=9, version=2)
    report = await verify(ledger)
    assert checks(report) == {"I1", "I5"}


async def test_i5_repeat_that_changed_units() -> None:
    """A repeated command that moved units again is found, even where all sums agree."""
    ledger = FakeLedger()
    ledger.claim(0)
    given(ledger, on_hand=9, version=1)
    grant(ledger, "R1", units=1, on_hand=9, version=2)
    put_position(ledger, on_hand=9, reserved=1, version=2)
    again = with_line(grant_row("R1", units=1, on_hand=9, version=2), granted=1, reserved=1, version=1)
    ledger.row(0, b"r/R1", replace(again, repeat=1))
    put_position(ledger, on_hand=9, reserved=2, version=3)
    assert "I5" in checks(await verify(ledger))


@pytest.mark.parametrize("outcome", [Outcome.SOLD_OUT, Outcome.ALL_RESERVED])
async def test_i7_refusal_though_there_was_enough(outcome: Outcome) -> None:
    """Told "sold out" while the asked location could cover the units: found, at the refusal's place."""
    ledger = random_ledger(9)

    def change(row: ReservationRow) -> ReservationRow:
        answers = list(row.answers)
        short = answers[row.answered].breakdown
        assert short is not None
        more = row.units - short.available_to_promise
        enough = replace(
            short, on_hand=short.on_hand + more, available_to_promise=short.available_to_promise + more
        )
        answers[row.answered] = replace(answers[row.answered], outcome=int(outcome), breakdown=enough)
        return replace(row, answers=tuple(answers))

    record = planted(ledger, reservation(is_refused_reserve, change), b"r/")
    report = await verify(ledger)
    assert "I7" in checks(report)
    finding = next(one for one in report.findings.first if one.check == "I7")
    assert finding.offset == record.offset
    assert finding.found == outcome.name


async def test_r2_refusal_whose_sums_do_not_add_up() -> None:
    """A breakdown that says something else than its own parts is found."""
    ledger = random_ledger(9)

    def change(row: ReservationRow) -> ReservationRow:
        answers = list(row.answers)
        breakdown = answers[row.answered].breakdown
        assert breakdown is not None
        wrong = replace(breakdown, reserved=breakdown.reserved + 1)
        answers[row.answered] = replace(answers[row.answered], breakdown=wrong)
        return replace(row, answers=tuple(answers))

    planted(ledger, reservation(is_refused_reserve, change), b"r/")
    report = await verify(ledger)
    assert "R2" in checks(report)
    assert report.partitions[0].refusals > 0


def is_refused_reserve(row: ReservationRow) -> bool:
    """Say whether the row tells a shopper, for the first time, that there is not enough."""
    answer = row.answers[row.answered] if row.answered >= 0 and row.repeat == 0 else None
    return answer is not None and answer.kind == "reserve" and answer.breakdown is not None


async def test_r16_line_whose_parts_do_not_add_up() -> None:
    """A line that granted more than its parts is found."""
    ledger = random_ledger(9)
    planted(ledger, reservation(lambda row: bool(row.lines), lambda row: with_line(row, granted=1)), b"r/")
    assert "R16" in checks(await verify(ledger))


async def test_r16_more_returned_than_shipped() -> None:
    """A line that took back more than it shipped is found."""
    ledger = random_ledger(9)
    planted(ledger, reservation(lambda row: bool(row.lines), lambda row: with_line(row, returned=99)), b"r/")
    assert checks(await verify(ledger)) == {"R16"}


@pytest.mark.parametrize(("field", "check"), [("planned", "I1"), ("in_transit", "R12")])
async def test_r12_transfer_that_its_positions_do_not_show(field: str, check: str) -> None:
    """I1, R12: planned units are in the source's allocated, those on the way in the target's in_transit."""
    ledger = random_ledger(11)

    def change(row: Row) -> Row | None:
        assert isinstance(row, TransferRow)
        return replace(row, **{field: getattr(row, field) + 1})

    planted(ledger, change, b"s/transfer/")
    assert check in checks(await verify(ledger))


async def test_r12_transfer_whose_parts_do_not_add_up() -> None:
    """R12: no more can be lost or on the way than was shipped."""
    ledger = random_ledger(11)

    def change(row: Row) -> Row | None:
        assert isinstance(row, TransferRow)
        return replace(row, lost=row.shipped + 1)

    planted(ledger, change, b"s/transfer/")
    assert checks(await verify(ledger)) == {"R12"}


async def test_r12_planned_units_that_no_transfer_names() -> None:
    """I1, I5: a version of a position whose allocated grew must be explained by a row, at that version."""
    ledger = random_ledger(11)

    def change(row: Row) -> Row | None:
        assert isinstance(row, ReceiptRow)
        return replace(row, movements=()) if row.outcome == Outcome.TRANSFER_PLANNED else None

    planted(ledger, change, b"c/")
    assert {"I1", "I5"} <= checks(await verify(ledger))


async def test_only_the_first_findings_are_kept_and_all_are_counted() -> None:
    """A ledger broken everywhere gives a short list and the true number."""
    ledger = FakeLedger()
    ledger.claim(0)
    for number in range(100):
        ledger.position(0, f"S{number}", "A", 5, reserved=1)
    report = await verify(ledger)
    assert report.findings.counts["I1"] >= 100
    assert len(report.findings.first) == FINDINGS_SHOWN_MAX


# --- Redis ----------------------------------------------------------------------------------------


async def projected(ledger: FakeLedger) -> FakeServer:
    """Give a view that shows the ledger."""
    server = FakeServer()
    flow = ProjectionFlow(
        FakeProjection(server), ledger, LiveRows, ProjectionSettings(), lambda: ledger.start_ms
    )
    await flow.start(0)
    return server


async def verify_with(ledger: FakeLedger, server: FakeServer) -> VerifyReport:
    """Verify with Redis, without waiting for what is late."""
    return await verify_ledger(ledger, LiveRows, [0], FakeAvailabilityView(server), arrival_seconds_max=0.0)


async def test_i6_view_that_shows_the_ledger_is_sound() -> None:
    """A view at rest agrees with the ledger in every SKU."""
    ledger = random_ledger(11)
    report = await verify_with(ledger, await projected(ledger))
    assert report.is_sound
    assert (report.skus_compared, report.skus_moved_on) == (2, 0)


async def test_i6_each_kind_of_difference_is_found() -> None:
    """A wrong number, a missing SKU, an old version, a wrong `soldout`: each is found."""
    ledger = random_ledger(11)

    async def broken(breaking: Callable[[FakeServer], object]) -> set[str]:
        server = await projected(ledger)
        breaking(server)
        return checks(await verify_with(ledger, server))

    def older(server: FakeServer) -> None:
        server.hashes["S"].version = Version(server.hashes["S"].version.generation_ms, 1)

    assert await broken(lambda server: server.hashes["S"].locations.pop("A")) == {"I6"}
    assert await broken(lambda server: server.hashes.pop("S")) == {"I6"}
    assert await broken(older) == {"I6"}
    assert await broken(lambda server: server.sold_out.symmetric_difference_update({"S"})) == {"I6"}
    assert await broken(lambda server: server.sold_out.add("of another ledger")) == {"I6"}


async def test_i6_channels_sales_and_backorder_are_compared() -> None:
    """R25: what is shown beside common agrees with the rows, and each wrong field is found."""
    ledger = random_ledger(11)
    policy = ChannelPolicyRow(0, "web", None, 50, None, 0, 0, preorder=True, version=1)
    ledger.row(0, channel_policy_key("web", None), policy)
    ledger.row(0, backorder_key("S", "A"), BackorderRow(0, "S", "A", 4, 0, None))
    server = await projected(ledger)
    assert (await verify_with(ledger, server)).is_sound
    right = server.hashes["S"].paths
    assert right.backorder == 4
    for wrong in (
        right._replace(channels={"web": 1_000}),
        right._replace(sales={"drop": 1}),
        right._replace(backorder=0),
        right._replace(beside=9),
        right._replace(offset=right.offset - 1),
    ):
        server.hashes["S"].paths = wrong
        is_late = wrong.offset != right.offset
        assert checks(await verify_with(ledger, server)) == (set() if is_late else {"I6"})
    server.hashes["S"].paths = right._replace(offset=right.offset + 1, backorder=7)
    assert (await verify_with(ledger, server)).skus_moved_on == 1


async def test_i6_hash_of_an_unknown_sku_is_found() -> None:
    """A storefront would sell from a hash that no position stands behind; a newer one is a new SKU's."""
    ledger = random_ledger(11)
    server = await projected(ledger)
    generation_ms = server.hashes["S"].version.generation_ms
    end_offset = await ledger.end_offset(0)
    units = {"A": LocationUnits(7, 0)}
    server.hashes["stranger"] = FakeHash(Version(generation_ms, 5), 1, 0, units)
    server.hashes["of another partition"] = FakeHash(Version(generation_ms, 5), 1, 3, units)
    server.hashes["come since"] = FakeHash(Version(generation_ms, end_offset), 1, 0, units)
    report = await verify_with(ledger, server)
    assert [(one.check, one.key) for one in report.findings.first] == [("I6", "atp:stranger")]


async def test_r30_sku_in_two_partitions_is_found() -> None:
    """Two partitions that both hold positions of a SKU could sell the same units twice."""
    ledger = FakeLedger()
    for partition in (0, 1):
        ledger.claim(partition)
        ledger.position(partition, "S", f"DC{partition}", 5)
        ledger.position(partition, f"only {partition}", "A", 5)
    report = await verify_ledger(ledger, LiveRows, [0, 1])
    assert [(one.check, one.key) for one in report.findings.first if one.check == "R30"] == [("R30", "SKU S")]
    assert "R30" not in checks(await verify_ledger(ledger, LiveRows, [1]))


async def test_i6_sku_that_moved_on_is_not_compared() -> None:
    """What the projection wrote after the ledger was read is no finding."""
    ledger = random_ledger(11)
    server = await projected(ledger)
    shown = server.hashes["S"]
    shown.version = Version(shown.version.generation_ms, 10_000_000)
    shown.locations.clear()
    report = await verify_with(ledger, server)
    assert report.is_sound
    assert (report.skus_compared, report.skus_moved_on) == (1, 1)


# --- rows by hand ---------------------------------------------------------------------------------


def put_position(
    ledger: FakeLedger,
    *,
    on_hand: int,
    version: int,
    reserved: int = 0,
    allocated: int = 0,
    safety_stock: int = 0,
) -> None:
    """Write the row of S at A; all of on_hand is base."""
    row = PositionRow(
        0, "S", "A", on_hand, 0, reserved, allocated, safety_stock, 0, 0, version, on_hand, 0, 0, 0, 0
    )
    ledger.row(0, b"p/S/A", row)


def given(ledger: FakeLedger, *, on_hand: int, version: int, safety_stock: int = 0) -> None:
    """Begin with a position whose history is folded: a gap lies before its row."""
    ledger.skip(0)
    put_position(ledger, on_hand=on_hand, version=version, safety_stock=safety_stock)


def grant_row(reservation_id: str, *, units: int, on_hand: int, version: int) -> ReservationRow:
    """Give the first row of a reservation at S, A."""
    row = msgspec.convert(
        [
            *(1, 0, 0, 0, reservation_id, "S", units, 60, "A", None, "first_fit", None, None, False),
            *("common", None, 1, 2, 0, 1),
            [["A", units, units, 0, 0, 0, 0, 0, 0, 0, 0, on_hand, version]],
            [[f"c-{reservation_id}", "reserve", b"", int(Outcome.GRANTED), units, 1]],
        ],
        ReservationRow,
    )
    assert isinstance(row, ReservationRow)
    return row


def grant(ledger: FakeLedger, reservation_id: str, *, units: int, on_hand: int, version: int) -> None:
    """Write the first row of a reservation at S, A."""
    row = grant_row(reservation_id, units=units, on_hand=on_hand, version=version)
    ledger.row(0, f"r/{reservation_id}".encode(), row)
