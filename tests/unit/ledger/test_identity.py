"""R26, R27: one id, one answer, one application; and time that never goes back."""

from datetime import datetime

import msgspec
import pytest

from inventory_stream.ledger.decide import DECISIONS
from inventory_stream.ledger.identity import content_hash, reserve_content
from inventory_stream.ledger.rules import ANSWERS_MAX, COMMANDS_MAX
from models.commands import POSITIONAL, Adjust, Confirm, Extend, Fulfil, Reserve, SetLocationGroup
from models.outcomes import Outcome
from models.rows import ReceiptRow
from tests.unit.ledger.table import NOON, SKU, Ledger


def test_repeated_command_hears_its_first_answer_and_changes_nothing() -> None:
    """R27: same id and content: the first answer again, nothing applied, for every kind of command."""
    ledger = Ledger().run(
        """
        given on_hand=9
        given on_hand=9 at=L2
        adjust 1 id=a               -> APPLIED on_hand=10
        till_sale 1 id=b            -> APPLIED on_hand=9
        unavailable 1 id=c          -> APPLIED
        safety_stock 1 id=d         -> APPLIED
        group G locations=L1+L2 id=e -> APPLIED
        reserve R1 units=3 id=f     -> GRANTED
        extend R1 ttl=90s id=g      -> EXTENDED
        confirm R1 units=2 id=h     -> CONFIRMED
        release R1 id=i             -> RELEASED
        fulfil R1 units=1 id=j      -> FULFILLED
        cancel R1 id=k              -> CANCELLED
        return R1 units=1 id=l      -> RETURNED
        record O1 units=1 id=m      -> RECORDED
        reserve R2 units=99 id=n    -> SOLD_OUT
        """
    )
    position = ledger.state.skus[SKU]["L1"]
    before = {command_id: ledger.heard(ledger._sent[command_id]) for command_id in "abcdefghijklmn"}
    row = position.to_row(0)
    for command_id in "nmlkjihgfedcba":
        assert ledger.send(ledger._sent[command_id]) is before[command_id]
    assert position.to_row(0) == row


@pytest.mark.parametrize(
    "change",
    [
        "adjust 2 id=X",
        "reserve R1 units=2 id=X",
        "reserve R9 units=9 id=X",
        "confirm R1 units=1 id=X",
    ],
)
def test_command_id_is_refused_when_it_comes_with_other_content(change: str) -> None:
    """R27: same id, other content: COMMAND_ID_REUSED, a dead letter, nothing applied."""
    first = {"adjust": "adjust 1 id=X", "reserve": "reserve R1 units=1 id=X", "confirm": "confirm R1 id=X"}
    verb, _, _ = change.partition(" ")
    ledger = Ledger().run("given on_hand=5\n reserve R1 units=1 id=first")
    if "R9" in change:
        ledger.run("reserve R9 units=8 id=X -> SOLD_OUT")
    elif verb != "reserve":
        ledger.run(first[verb])
    else:
        change = change.replace("id=X", "id=first")
    row = ledger.state.skus[SKU]["L1"].to_row(0)
    ledger.run(f"{change} -> COMMAND_ID_REUSED")
    assert [letter.reason for letter in ledger.sealed[-1].refused] == ["COMMAND_ID_REUSED"]
    assert ledger.sealed[-1].repeats == 0
    assert ledger.state.skus[SKU]["L1"].to_row(0) == row


def test_id_of_a_gateway_used_again_leaves_no_letter() -> None:
    """R27: who asked over HTTP hears 422; nobody can fill the dead letters with a key that everybody has."""
    ledger = Ledger().run(
        """
        given on_hand=5
        reserve R1 units=1 id=http:X -> GRANTED
        reserve R1 units=2 id=http:X -> COMMAND_ID_REUSED atp=4
        """
    )
    assert not ledger.sealed[-1].refused


def test_content_leaves_out_answer_by_when_a_reserve_is_retried() -> None:
    """R27: a retry with a later answer_by is the same command."""
    Ledger().run(
        """
        given on_hand=5
        reserve R1 units=1 id=X answer_by=+1s -> GRANTED
        reserve R1 units=1 id=X answer_by=+9s -> GRANTED atp=4
        """
    )


def test_both_wire_forms_are_the_same_command() -> None:
    """R27: a positional retry of an object is a repeat."""
    assert set(DECISIONS) == {form for pair in POSITIONAL.items() for form in pair}
    command = Reserve("c", "R1", SKU, 1, 60, location="L1")
    twin = POSITIONAL[Reserve](*msgspec.structs.astuple(command))
    assert content_hash(command) == content_hash(twin)


def test_row_states_the_content_of_its_reserve() -> None:
    """R27: what a row's own fields say was asked hashes as the command did, every field of it."""
    ledger = Ledger().run("given on_hand=5")
    command = Reserve(
        "c", "R1", SKU, 1, 60, location="L1", channel="web", order_id="o", allow_partial=True, customer="h"
    )
    ledger.send(command)
    assert reserve_content(ledger.state.reservations["R1"]) == content_hash(command)


def test_refused_reservation_is_decided_anew_under_a_new_command_id() -> None:
    """R27: a refusal binds its command id only, also when the request changed since."""
    ledger = Ledger().run(
        """
        given on_hand=1
        reserve R1 units=2 id=a     -> SOLD_OUT
        reserve R1 units=3 id=b     -> SOLD_OUT
        reserve R1 units=1 id=c     -> GRANTED atp=0
        again a                     -> SOLD_OUT
        again b                     -> SOLD_OUT
        again c                     -> GRANTED
        reserve R1 units=2 id=b     -> COMMAND_ID_REUSED
        reserve R1 units=3 id=d     -> RESERVATION_ID_REUSED
        reserve R1 units=1 id=e     -> ALREADY_GRANTED
        """
    )
    assert ledger.state.reservations["R1"].commands == 5


def test_old_answers_leave_their_ids_when_a_reservation_had_many_commands() -> None:
    """R27: the last 16 answers are kept whole; of an older one its id: ALREADY_APPLIED."""
    ledger = Ledger().run("given on_hand=50\n reserve R1 units=40 id=first -> GRANTED")
    for number in range(ANSWERS_MAX):
        ledger.run(f"release R1 units=1 id=r{number} -> RELEASED")
    ledger.run(
        f"""
        again first                 -> ALREADY_APPLIED reserved={40 - ANSWERS_MAX}
        again r0                    -> RELEASED reserved={40 - ANSWERS_MAX}
        release R1 units=1 id=first -> ALREADY_APPLIED reserved={40 - ANSWERS_MAX}
        """
    )
    assert not Outcome.ALREADY_APPLIED.is_final


def test_reservation_takes_a_thousand_commands_and_no_more() -> None:
    """R27: past 1,000 commands TOO_MANY_COMMANDS; repeats are still known."""
    ledger = Ledger().run("given on_hand=5\n reserve R1 units=1 ttl=1m -> GRANTED")
    commands = [Extend(f"e{number}", "R1", SKU, 1) for number in range(COMMANDS_MAX - 1)]
    ledger.decide(orders=[commands])
    assert ledger.heard(commands[-1]) is Outcome.EXTENDED
    ledger.run("extend R1 ttl=2m id=late -> TOO_MANY_COMMANDS\n again late -> TOO_MANY_COMMANDS")
    assert ledger.send(commands[-1]) is Outcome.EXTENDED
    assert ledger.send(commands[0]) is Outcome.ALREADY_APPLIED
    assert len(ledger.state.reservations["R1"].older) == 8 * (COMMANDS_MAX - ANSWERS_MAX)


@pytest.mark.parametrize("verb", ["confirm R1", "reserve R1 units=1 answer_by=-1s"])
def test_unmatched_fact_keeps_its_receipt_when_its_id_is_used_again(verb: str) -> None:
    """R27, I4: a command that binds nothing never overwrites the receipt of one that moved units."""
    Ledger().run(
        f"""
        given on_hand=9
        fulfil R1 units=2 at=L1 id=X -> REMEMBERED on_hand=7
        {verb} id=X                  -> COMMAND_ID_REUSED on_hand=7
        fulfil R1 units=2 at=L1 id=X -> REMEMBERED on_hand=7
        """
    )


def test_commands_of_two_reservations_may_share_an_id() -> None:
    """R27: an order command's id is unique within its reservation, any other within its partition."""
    Ledger().run(
        """
        given on_hand=9
        adjust 1 id=X               -> APPLIED
        reserve R1 units=1 id=X     -> GRANTED
        reserve R2 units=1 id=X     -> GRANTED atp=8
        fulfil R3 units=1 at=L1 id=X -> REMEMBERED
        """
    )


def test_ids_with_separators_keep_apart_when_they_become_row_keys() -> None:
    """R27: `a/b` of one reservation and `b` of another never share a row."""
    ledger = Ledger().run("given on_hand=9")
    for reservation, command in (("R/1", "x"), ("R", "1/x"), ("R%2F1", "x")):
        fact = Fulfil(command, reservation, SKU, units=1, location="L1")
        assert ledger.send(fact) is Outcome.REMEMBERED
    ledger.run("show -> on_hand=6")
    assert len(ledger.recovered(compacted=True).receipts) == 4


def test_now_never_goes_back_when_the_wall_clock_does() -> None:
    """R26: now = max(previous now, wall clock), written with @progress, also across a recovery."""
    ledger = Ledger().run("given on_hand=9\n tick 10s\n reserve R1 units=1 ttl=60s -> GRANTED")
    ledger.now_ms = NOON - 3_600_000
    ledger.run("reserve R2 units=1 ttl=60s -> GRANTED")
    assert ledger.state.reservations["R2"].deadline_ms == NOON + 70_000
    assert ledger.recovered().now_ms == NOON + 10_000


def test_group_command_is_a_dead_letter_when_it_names_a_location_twice() -> None:
    """R6: a group lists each location once, or a split would take its stock twice."""
    ledger = Ledger()
    sealed = ledger.decide(stock=[[SetLocationGroup("g", "G", ("L1", "L1"))]])
    assert "twice" in sealed[0].refused[0].reason


def test_commands_of_a_record_are_decided_in_order_around_poison() -> None:
    """R27: what could not be decoded costs only itself; the pack goes on."""
    ledger = Ledger().run("given on_hand=2")
    pack = [Reserve("a", "R1", SKU, 1, 60, location="L1"), None, Confirm("b", "R1", SKU)]
    ledger.decide(orders=[pack])
    ledger.run("show -> allocated=1 reserved=0")


def test_records_below_progress_are_skipped_when_they_come_again() -> None:
    """R27, P9: Kafka may deliver twice; progress decides once, without looking at ids."""
    ledger = Ledger()
    ledger.decide(stock=[[Adjust("a", SKU, "L1", 5, NOON)]])
    ledger._stock = 0
    ledger.decide(stock=[[Adjust("other", SKU, "L1", 5, NOON)]])
    ledger.run("show -> on_hand=5")


def test_outcome_that_is_not_final_can_repeat_without_end() -> None:
    """R27, R29: a client that repeats a TOO_LATE for days costs one receipt, not one per attempt."""
    ledger = Ledger().run("given on_hand=5")
    late = Reserve("late", "R1", SKU, 1, 60, location="L1", answer_by=NOON - 1)
    for _ in range(3_000):
        ledger.now_ms += 1
        for _sealed in ledger_decide(ledger, late):
            pass
    assert len(ledger.state.receipts) == 2


def ledger_decide(ledger: Ledger, command: Reserve) -> list[object]:
    """Decide without the checks of every step, which would cost minutes here."""
    from inventory_stream.ledger.decide import DecodedRecord, decide_batch  # noqa: PLC0415

    ledger._orders += 1
    record = DecodedRecord(ledger._orders - 1, ledger.now_ms, [command])
    return list(decide_batch(ledger.state, [], [record], ledger.now_ms))


def test_receipt_is_kept_with_its_answer() -> None:
    """R27: any other command leaves a receipt that names it, its delta, on_hand and version after it."""
    ledger = Ledger().run("adjust 5 id=X -> APPLIED")
    receipt = ledger.answers["X"]
    assert isinstance(receipt, ReceiptRow)
    (movement,) = receipt.movements
    assert (receipt.kind, movement.delta, movement.on_hand, movement.version) == ("adjust", 5, 5, 1)


def test_time_whose_utc_is_in_no_year_is_a_time_like_any_other() -> None:
    """R7, R27: text may name a moment that no date in UTC can hold; it is answered, and known again."""
    ledger = Ledger()
    for number, when in enumerate(("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59")):
        first = Adjust(f"a{number}", SKU, "L1", 1, datetime.fromisoformat(when))
        assert ledger.send(first) is Outcome.APPLIED
        assert ledger.send(first) is Outcome.APPLIED
        assert ledger.send(Adjust(first.id, SKU, "L1", 2, first.effective_at)) is Outcome.COMMAND_ID_REUSED
    ledger.run("show -> on_hand=2")


def test_reserve_without_backorder_has_the_content_it_had_before_there_were_any() -> None:
    """R27, R28: rows and receipts from before `allow_backorder` was a word still know their repeats."""
    command = Reserve("c1", "R1", "SKU1", 2, 60, "L1", channel="web", order_id="O1")
    assert content_hash(command).hex() == "db80549179973ac0"
    assert content_hash(msgspec.structs.replace(command, allow_backorder=True)) != content_hash(command)
