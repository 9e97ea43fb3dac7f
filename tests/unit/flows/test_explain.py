"""`ledger explain`, on ledgers of the real decider."""

import pytest

from inventory_stream.adapters.kafka.live_rows import LiveRows
from inventory_stream.cli.explain_text import change_line, command_lines, reservation_lines, step_lines
from inventory_stream.flows import explain_changes
from inventory_stream.flows.explain_changes import UNKNOWN, Change
from inventory_stream.flows.explain_command import CommandStory, explain_command
from inventory_stream.flows.explain_position import PositionStory, explain_position
from inventory_stream.flows.explain_reservation import ReservationStory, explain_reservation
from inventory_stream.flows.explain_walk import LedgerWalk, Period
from inventory_stream.flows.explain_words import WORDS, span, utc
from models import commands as c
from models.outcomes import Outcome
from tests.fakes.ledger_reader import FakeLedger
from tests.unit.flows.decided_by_hand import DecidedByHand
from tests.unit.flows.decided_ledger import PLACES, random_ledger


def stocked(units: int) -> DecidedByHand:
    """Give a ledger in which S has units at A."""
    decided = DecidedByHand()
    decided.batch(c.Sync("count", "S", "A", units, decided.now_ms))
    return decided


async def story_of(ledger: FakeLedger, reservation_id: str, period: Period | None = None) -> ReservationStory:
    """Explain a reservation."""
    return await explain_reservation(LedgerWalk(ledger, LiveRows), [0], reservation_id, period)


async def command_story(ledger: FakeLedger, command_id: str) -> CommandStory:
    """Explain a command."""
    return await explain_command(LedgerWalk(ledger, LiveRows), [0], command_id)


async def changes_of(
    ledger: FakeLedger, story: PositionStory, partitions: tuple[int, ...] = (0,), period: Period | None = None
) -> list[Change]:
    """Explain a position."""
    walk = LedgerWalk(ledger, LiveRows)
    return [change async for change in explain_position(walk, partitions, story, period)]


# --- reservations -------------------------------------------------------------------------------


async def test_refusal_is_told_with_the_sum_behind_it() -> None:
    """A shopper was refused: outcome, each quantity of R2, what was asked, and when something may expire."""
    decided = stocked(5)
    decided.batch(c.SetSafetyStock("keep", "S", "A", 1, decided.now_ms))
    decided.batch(c.Reserve("r1", "R1", "S", 3, 60, location="A"))
    deadline_ms = decided.now_ms + 60_000
    decided.batch(c.Reserve("r2", "R2", "S", 4, 60, location="A"))
    story = await story_of(decided.ledger, "R2")
    (step,) = story.steps
    assert (step.what, step.command_id, step.outcome) == ("reserve", "r2", "ALL_RESERVED")
    assert (
        "5 on hand - 0 unavailable - 3 reserved - 0 allocated - 1 safety stock - 0 fenced = 1 to promise; "
        f"4 units asked for; the next reservation there may expire at {utc(deadline_ms)}" in step.text
    )
    assert story.row is not None
    assert story.row.lines == ()


async def test_life_of_a_reservation_is_told_in_order() -> None:
    """Each command with its outcome, a repeat as a repeat, what the owner did by itself, and lateness."""
    decided = stocked(5)
    reserve = c.Reserve("r1", "R1", "S", 3, 10, location="A")
    decided.batch(reserve)
    decided.batch(reserve)
    decided.batch(c.TillSale("elsewhere", "T", "A", 1, decided.now_ms), after_ms=20_000, sweep=True)
    decided.batch(c.Confirm("pay", "R1", "S"), after_ms=5_000)
    story = await story_of(decided.ledger, "R1")
    assert [(step.what, step.outcome, step.is_repeat) for step in story.steps] == [
        ("reserve", "GRANTED", False),
        ("reserve", "GRANTED", True),
        ("expired", None, False),
        ("confirm", "CONFIRMED_LATE", False),
    ]
    expired, confirmed = list(story.steps)[2:]
    assert "3 units at A" in expired.text
    assert "decided 16.0 s after the deadline" in confirmed.text
    assert story.row is not None
    assert story.row.lines[0].allocated == 3
    assert story.reaches[0].whole_from_offset == 0


async def test_units_that_waited_are_told_when_they_are_there() -> None:
    """R24: what waited, what came for it in two deliveries, and what expired unpaid."""
    decided = stocked(1)
    decided.batch(c.SetBackorder("limit", "S", "A", 9))
    decided.batch(c.Reserve("r1", "R1", "S", 5, 60, location="A", allow_backorder=True))
    decided.batch(c.Adjust("more", "S", "A", 2, decided.now_ms))
    decided.batch(c.Adjust("again", "S", "A", 1, decided.now_ms))
    decided.batch(after_ms=90_000, sweep=True)
    story = await story_of(decided.ledger, "R1")
    assert [(step.what, step.outcome, step.units) for step in story.steps] == [
        ("reserve", "BACKORDERED", 5),
        ("filled", None, 2),
        ("filled", None, 1),
        ("expired", None, 5),
    ]
    told = [change.what for change in await changes_of(decided.ledger, PositionStory("S", "A"))]
    assert told.count("filled") == 2


@pytest.mark.parametrize(
    ("fact", "said"),
    [
        (c.Adjust("lost", "S", "A", -4, 1), "adjust lost: on_hand -4 to 1"),
        (c.SetUnavailable("broken", "S", "A", 4, 1), "unavailable broken: on_hand +0 to 5"),
        (c.RecordOrder("taken", "M1", "S", 4, "A", order_id="A-7"), "record_order taken of M1 (order A-7)"),
    ],
    ids=["adjust", "unavailable", "recorded order"],
)
async def test_revocation_names_the_fact_that_caused_it(fact: c.Command, said: str) -> None:
    """Who lost a reservation to a fact is told which one, although its own row does not say it (R11)."""
    decided = stocked(5)
    decided.batch(c.Reserve("r1", "R1", "S", 3, 600, location="A"))
    decided.batch(
        c.Adjust("before", "S", "A", 1, decided.now_ms), c.Adjust("b2", "S", "A", -1, decided.now_ms)
    )
    if not isinstance(fact, c.RecordOrder):
        fact = type(fact)(
            **{name: getattr(fact, name) for name in fact.__struct_fields__}
            | {"effective_at": decided.now_ms}
        )
    decided.batch(fact)
    decided.batch(c.Adjust("after", "S", "A", 9, decided.now_ms))
    step = (await story_of(decided.ledger, "R1")).steps[-1]
    assert (step.what, step.units) == ("revoked", 3)
    assert f"It followed {said}" in step.text


async def test_reservation_is_told_from_a_compacted_log() -> None:
    """Where only the newest row is left, its kept answers are told, marked as such."""
    decided = stocked(5)
    decided.batch(c.Reserve("r1", "R1", "S", 3, 60, location="A"))
    decided.batch(c.Confirm("pay", "R1", "S"))
    decided.ledger.compact(0)
    story = await story_of(decided.ledger, "R1")
    assert [(step.command_id, step.offset is None) for step in story.steps] == [("r1", True), ("pay", False)]
    assert "Compaction took its own row" in story.steps[0].text
    assert story.reaches[0].whole_from_offset > 0


async def test_period_leaves_steps_out_and_not_the_end() -> None:
    """A filter by time chooses steps; what the reservation is now stays true."""
    decided = stocked(5)
    decided.batch(c.Reserve("r1", "R1", "S", 3, 60, location="A"))
    since_ms = decided.ledger.start_ms + await decided.ledger.end_offset(0)
    decided.batch(c.Confirm("pay", "R1", "S"))
    story = await story_of(decided.ledger, "R1", Period(since_ms=since_ms))
    assert [step.command_id for step in story.steps] == ["pay"]
    assert story.row is not None
    assert story.row.lines[0].allocated == 3


async def test_unknown_reservation_is_not_found() -> None:
    """No other reservation's rows are taken for it, whatever its id looks like."""
    decided = stocked(5)
    decided.batch(c.Reserve("r1", "R/1", "S", 3, 60, location="A"))
    assert not (await story_of(decided.ledger, "R")).is_found
    assert (await story_of(decided.ledger, "R/1")).is_found


async def test_fact_that_waits_for_its_order_is_told_as_waiting() -> None:
    """A reservation without a row, of which a fulfil came first, was neither deleted nor unknown (R21)."""
    decided = stocked(5)
    decided.batch(c.Fulfil("early", "R1", "S", 1, "A", effective_at=decided.now_ms))
    story = await story_of(decided.ledger, "R1")
    assert list(reservation_lines(story)) == [
        "reservation R1 (partition 0): its order has not come; 1 command waits for it"
    ]
    decided.batch(c.Reserve("r1", "R1", "S", 1, 60, location="A"))
    assert "waits for it" not in "\n".join(reservation_lines(await story_of(decided.ledger, "R1")))


# --- commands -----------------------------------------------------------------------------------


async def test_command_is_found_wherever_its_answer_is() -> None:
    """A stock command's receipt, an order command in its reservation, one that bound nothing, repeats."""
    decided = stocked(5)
    decided.batch(c.Reserve("same", "R1", "S", 1, 60, location="A"))
    decided.batch(c.Reserve("same", "R2", "S", 1, 60, location="A"))
    decided.batch(c.Reserve("late", "R3", "S", 1, 60, location="A", answer_by=1))
    decided.batch(c.Reserve("same", "R1", "S", 1, 60, location="A"))
    same = await command_story(decided.ledger, "same")
    assert [(step.reservation_id, step.is_repeat) for step in same.steps] == [
        ("R1", False),
        ("R2", False),
        ("R1", True),
    ]
    (counted,) = (await command_story(decided.ledger, "count")).steps
    assert (counted.what, counted.outcome) == ("sync", "APPLIED")
    assert "on_hand at A +5 to 5" in counted.text
    (late,) = (await command_story(decided.ledger, "late")).steps
    assert late.outcome == "TOO_LATE"
    unknown = await command_story(decided.ledger, "sam")
    assert list(command_lines(unknown)) == ["command sam: not in the ledger"]


async def test_id_used_again_with_other_content_is_told() -> None:
    """The second content heard COMMAND_ID_REUSED; the first answer stays."""
    decided = stocked(5)
    decided.batch(c.Reserve("r1", "R1", "S", 1, 60, location="A"))
    decided.batch(c.Extend("r1", "R1", "S", 60))
    story = await command_story(decided.ledger, "r1")
    assert [step.outcome for step in story.steps] == ["GRANTED", "COMMAND_ID_REUSED"]
    said = "\n".join(step_lines(story.steps[-1]))
    assert "its id was used before" in said
    assert "(again)" not in said


async def test_command_that_left_its_row_is_known_by_its_hash() -> None:
    """After 16 more commands the answer is gone, and the explanation says what a repeat would hear."""
    decided = stocked(50)
    decided.batch(c.Reserve("first", "R1", "S", 1, 60, location="A"))
    for number in range(17):
        decided.batch(c.Extend(f"e{number}", "R1", "S", 60))
    decided.ledger.compact(0)
    story = await command_story(decided.ledger, "first")
    assert (list(story.steps), story.only_hashed) == ([], {"R1": 0})


async def test_units_on_the_way_are_told_where_they_are_awaited() -> None:
    """A transfer leaves on_hand of its target alone: what changed there is in_transit (R12)."""
    decided = stocked(9)
    decided.batch(c.PlanTransfer("plan", "T1", "S", "A", "B", 5))
    decided.batch(c.ShipTransfer("ship", "T1", "S", 5, decided.now_ms))
    decided.batch(c.ReceiveTransfer("land", "T1", "S", 3, decided.now_ms))
    said = [change_line(one) for one in await changes_of(decided.ledger, PositionStory("S", "B"))]
    assert any("in transit +5 ->" in one and "ship" in one for one in said)
    assert any("on_hand +3, in transit -3 ->" in one and "land" in one for one in said)
    assert not any("no quantity of R2" in one and "ship" in one for one in said)


# --- positions ----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(8))
async def test_deltas_of_a_position_add_up_to_what_it_is(seed: int) -> None:
    """Over random decisions: versions follow one another, and the deltas sum to the newest row (R2)."""
    ledger = random_ledger(seed)
    for place in PLACES:
        story = PositionStory("S", place)
        changes = await changes_of(ledger, story)
        row = story.rows[place]
        versions = [change.version for change in changes]
        assert versions == sorted(versions)
        assert len(set(versions)) == len(versions)
        assert versions[-1] == row.version
        for delta, quantity in (
            ("on_hand_delta", row.on_hand),
            ("reserved_delta", row.reserved),
            ("allocated_delta", row.allocated),
        ):
            assert sum(getattr(change, delta) or 0 for change in changes) == quantity, delta
        assert changes[-1].now_to_promise == row.available_to_promise
        assert all(change.what != UNKNOWN for change in changes)


async def test_late_movement_says_when_it_took_effect() -> None:
    """A fact that arrives late shows both times; one that a count has already moves nothing (R8)."""
    decided = stocked(5)
    then_ms = decided.ledger.start_ms - 500
    decided.batch(c.TillSale("sold", "S", "A", 1, then_ms), after_ms=60_000)
    decided.batch(c.TillSale("sold2", "S", "A", 2, decided.now_ms - 1_000))
    changes = await changes_of(decided.ledger, PositionStory("S", "A"))
    by_id = {change.command_id: change for change in changes}
    sold, later = by_id["sold"], by_id["sold2"]
    assert (sold.on_hand_delta, sold.on_hand, sold.effective_at_ms) == (0, 5, then_ms)
    assert (later.on_hand_delta, later.on_hand) == (-2, 3)
    assert sold.decided_ms == decided.ledger.start_ms + 61_000


async def test_change_before_the_complete_part_is_told_without_its_delta() -> None:
    """What compaction thinned out is told as far as it is known: after, not by how much."""
    decided = stocked(9)
    decided.batch(c.Reserve("r1", "R1", "S", 3, 600, location="A"))
    decided.batch(c.Confirm("p1", "R1", "S", 1))
    decided.ledger.compact(0)
    boundary = await decided.ledger.end_offset(0)
    decided.batch(c.Confirm("p2", "R1", "S", 2))
    story = PositionStory("S", "A")
    changes = await changes_of(decided.ledger, story)
    assert (changes[-1].command_id, changes[-1].reserved_delta, changes[-1].allocated_delta) == ("p2", -2, 2)
    earlier = next(change for change in changes if change.command_id == "p1")
    assert (earlier.reserved_delta, earlier.on_hand) == (None, 9)
    assert 0 < story.reaches[0].whole_from_offset <= boundary


async def test_forgotten_reservation_is_told_without_its_delta(monkeypatch: pytest.MonkeyPatch) -> None:
    """Past the bound of what is remembered, a change says that its size is not known: memory is bounded."""
    monkeypatch.setattr(explain_changes, "REMEMBERED_MAX", 2)
    decided = stocked(9)
    for number in range(3):
        decided.batch(c.Reserve(f"r{number}", f"R{number}", "S", 1, 600, location="A"))
    decided.ledger.compact(0)  # else nothing is unknown in a log that is complete
    decided.batch(c.Confirm("p2", "R2", "S"))
    decided.batch(c.Confirm("p0", "R0", "S"))
    changes = {
        change.command_id: change for change in await changes_of(decided.ledger, PositionStory("S", "A"))
    }
    assert changes["p2"].allocated_delta == 1
    assert changes["p0"].allocated_delta is None


async def test_other_partitions_are_read_only_when_the_first_has_nothing() -> None:
    """The partition of the key comes first; a SKU that lies elsewhere is found all the same."""
    ledger = FakeLedger()
    for partition in (0, 1, 2):
        ledger.claim(partition)
    ledger.position(1, "S", "A", 4)
    story = PositionStory("S", None)
    await changes_of(ledger, story, (2, 1, 0))
    assert story.partition == 1
    assert [reach.partition for reach in story.reaches] == [2, 1]


async def test_period_chooses_changes_of_a_position() -> None:
    """Only changes written within the period are told."""
    decided = stocked(9)
    since_ms = decided.ledger.start_ms + await decided.ledger.end_offset(0)
    decided.batch(c.Adjust("a1", "S", "A", -1, decided.now_ms))
    until_ms = decided.ledger.start_ms + await decided.ledger.end_offset(0)
    decided.batch(c.Adjust("a2", "S", "A", -1, decided.now_ms))
    changes = await changes_of(
        decided.ledger, PositionStory("S", "A"), period=Period(since_ms=since_ms, until_ms=until_ms)
    )
    assert [change.command_id for change in changes] == ["a1"]


# --- words --------------------------------------------------------------------------------------


def test_every_outcome_has_a_sentence() -> None:
    """A new outcome needs a line in `explain_words.WORDS`, so that nobody reads a bare number."""
    assert set(WORDS) == set(Outcome)


@pytest.mark.parametrize(
    ("duration_ms", "said"),
    [(0, "0 ms"), (1_999, "1999 ms"), (12_400, "12.4 s"), (300_000, "5 min"), (-7_300_000, "2.0 h")],
)
def test_lengths_of_time_are_told_in_a_unit_that_fits(duration_ms: int, said: str) -> None:
    """Nobody has to count zeros."""
    assert span(duration_ms) == said
