"""The dead letters: counted, mended, sent again."""

import msgspec
import pytest

from inventory_stream.cli.dead_letters_text import nothing_line
from inventory_stream.errors import UnreachableError
from inventory_stream.flows import dead_letters, dead_letters_replay
from inventory_stream.flows.dead_letters import OTHER_KINDS, LetterFilter, count_letters
from inventory_stream.flows.dead_letters_mend import AS_IT_WAS, Inputs, Mending, Unmendable, as_object, mend
from inventory_stream.flows.dead_letters_replay import ReplayReport, replay_letters
from inventory_stream.flows.dead_letters_words import how_to_mend
from inventory_stream.flows.explain_missing import letters_naming
from inventory_stream.ports.dead_letters import DeadLetter, Resend, StoredLetter
from models import commands as c
from models.codec import ORDER_DECODER, STOCK_DECODER, encode_command, to_positional
from models.commands import POSITIONAL
from models.ids import partition_of
from models.payments import decode_payment
from tests.fakes.dead_letter_box import FakeDeadLetterBox

INPUTS = Inputs("stock-events", "order-events", 4)
RESERVE = c.Reserve("r1", "R1", "S", 2, 60, location="A")
GOOD = encode_command(RESERVE)


def stored(
    value: bytes | None = GOOD,
    *,
    offset: int = 17,
    topic: str = "order-events",
    pack_index: int | None = None,
    reason: str = "reserve names neither a location nor a group",
    is_cut: bool = False,
    written_ms: int = 5_000,
) -> StoredLetter:
    """Give a letter of partition 3."""
    letter = DeadLetter(topic, 3, offset, pack_index, reason, b"S", value, 1_000)
    suffix = "" if pack_index is None else f"/{pack_index}"
    return StoredLetter(f"{topic}/3/{offset}{suffix}", letter, written_ms, is_cut)


async def replay(
    box: FakeDeadLetterBox, wanted: LetterFilter | None = None, *, is_dry_run: bool = False
) -> ReplayReport:
    """Replay letters as they were."""
    return await replay_letters(box, box, wanted or LetterFilter(), AS_IT_WAS, INPUTS, is_dry_run=is_dry_run)


# --- which --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "keys"),
    [
        (LetterFilter(), {"order-events/3/1", "order-events/3/2", "stock-events/3/1"}),
        (LetterFilter(topic="stock-events"), {"stock-events/3/1"}),
        (LetterFilter(partition=2), set()),
        (LetterFilter(reason="UNKNOWN"), {"order-events/3/2"}),
        (LetterFilter(since_ms=5_000), {"order-events/3/1", "stock-events/3/1"}),
        (LetterFilter(until_ms=5_000), {"order-events/3/2"}),
        (LetterFilter(keys={"stock-events/3/1", "other"}), {"stock-events/3/1"}),
    ],
    ids=["all", "topic", "partition", "reason in any case", "since", "until", "keys"],
)
async def test_filter_leaves_what_fits(wanted: LetterFilter, keys: set[str]) -> None:
    """Each part of a filter narrows the choice; an empty one takes all."""
    box = FakeDeadLetterBox(
        [
            stored(offset=1),
            stored(offset=2, reason="Object contains unknown field `lot`", written_ms=4_999),
            stored(offset=1, topic="stock-events"),
        ]
    )
    found = {one.key async for one in dead_letters.waiting_letters(box, wanted)}
    assert found == keys


async def test_counts_put_the_same_fault_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers do not set reasons apart, and the number of kinds is bounded."""
    monkeypatch.setattr(dead_letters, "KINDS_MAX", 2)
    reasons = [
        "record of 2000000 bytes, at most 1048576",
        "record of 3 bytes, at most 1048576",
        "a",
        "b",
        "c",
    ]
    box = FakeDeadLetterBox([stored(offset=at, reason=reason) for at, reason in enumerate(reasons)])
    counts = await count_letters(box, LetterFilter())
    assert counts.letters == 5
    assert dict(counts.by_kind) == {
        ("order-events", "record of N bytes, at most N"): 2,
        ("order-events", "a"): 1,
        ("order-events", OTHER_KINDS): 2,
    }


async def test_filter_that_fits_nothing_does_not_hide_what_waits() -> None:
    """A reason with a typing error must not read as if all were well."""
    box = FakeDeadLetterBox([stored(offset=1), stored(offset=2)])
    assert nothing_line(await count_letters(box, LetterFilter(reason="zzz"))).startswith("none of the 2 ")
    assert nothing_line(await count_letters(FakeDeadLetterBox([]), LetterFilter())) == "no dead letter waits"


# --- mending ------------------------------------------------------------------------------------


def test_record_goes_where_it_was() -> None:
    """An original as it was keeps topic, partition and key, whatever its key hashes to."""
    assert mend(stored(), AS_IT_WAS, INPUTS) == Resend("order-events", 3, b"S", GOOD)


@pytest.mark.parametrize("command", [RESERVE, to_positional(RESERVE)], ids=["object", "positional"])
def test_command_of_a_pack_is_sent_alone(command: c.Command) -> None:
    """What is sent of a pack is the letter's command and no other, in a form that decodes to the same."""
    sent = mend(stored(encode_command(command), pack_index=2), AS_IT_WAS, INPUTS)
    assert isinstance(sent, Resend)
    (decoded,), poison = ORDER_DECODER.decode(sent.value)
    assert not poison
    assert to_positional(decoded or RESERVE) == to_positional(RESERVE)


def test_field_is_set_and_the_rest_stays() -> None:
    """Mending one field keeps the id, so that nothing can be applied twice, and the place."""
    broken = GOOD.replace(b'"units":2', b'"units":2.5')
    assert isinstance(mend(stored(broken), AS_IT_WAS, INPUTS), Unmendable)
    sent = mend(stored(broken), Mending({"units": 2}), INPUTS)
    assert isinstance(sent, Resend)
    assert ORDER_DECODER.decode(sent.value)[0] == [RESERVE]
    assert (sent.partition, sent.key) == (3, b"S")


def test_positional_command_is_mended_by_name() -> None:
    """Fields of an array have names too."""
    broken = encode_command(to_positional(RESERVE)).replace(b",2,", b',"two",')
    sent = mend(stored(broken, pack_index=0), Mending({"units": 2}), INPUTS)
    assert isinstance(sent, Resend)
    assert ORDER_DECODER.decode(sent.value)[0] == [RESERVE]


def test_other_sku_goes_to_its_own_partition() -> None:
    """A command whose SKU is mended must not land where the wrong one belonged (R30)."""
    sent = mend(stored(), Mending({"sku": "TEE-M"}), INPUTS)
    assert isinstance(sent, Resend)
    assert (sent.partition, sent.key) == (partition_of("TEE-M", 4), b"TEE-M")


@pytest.mark.parametrize(
    ("letter", "mending", "said"),
    [
        (stored(b"{"), AS_IT_WAS, "refused again"),
        (stored(b"{"), Mending({"units": 1}), "--edit"),
        (stored(None), AS_IT_WAS, "empty"),
        (stored(is_cut=True), AS_IT_WAS, "too large"),
        (stored(topic="staging-order-events"), AS_IT_WAS, "no input of this environment"),
        (stored(topic="stock-events"), AS_IT_WAS, "refused again"),
        (stored(), Mending({}, b'{"type":"reserve"}'), "refused again"),
    ],
    ids=["no JSON", "no JSON to mend", "empty", "cut", "other environment", "other topic", "bad file"],
)
def test_what_cannot_succeed_is_not_sent(letter: StoredLetter, mending: Mending, said: str) -> None:
    """A record that would only become another letter, or reach nobody, stays where it is, and says why."""
    refused = mend(letter, mending, INPUTS)
    assert isinstance(refused, Unmendable)
    assert said in refused.reason


@pytest.mark.parametrize(
    ("mending", "is_sent"),
    [
        (AS_IT_WAS, False),
        (Mending({"units": 9}), False),
        (Mending({"id": "r1"}), False),
        (Mending({}, GOOD.replace(b":", b": ")), False),
        (Mending({"id": "r1-b"}), True),
        (Mending({}, GOOD.replace(b'"units":2', b'"units":3')), True),
    ],
    ids=["as it was", "other field", "same id", "same file", "own id", "other file"],
)
def test_reused_id_is_sent_only_under_another_or_as_another_record(
    mending: Mending, *, is_sent: bool
) -> None:
    """R27: its id stays bound to the first content, so sent as it was it would be back at once."""
    sent = mend(stored(reason="COMMAND_ID_REUSED"), mending, INPUTS)
    assert isinstance(sent, Resend) is is_sent
    if isinstance(sent, Unmendable):
        assert "--set id=" in sent.reason


async def test_reused_ids_stay_in_the_box_when_all_is_replayed() -> None:
    """A replay of everything says what it cannot settle, and takes none of it out."""
    box = FakeDeadLetterBox([stored(offset=1, reason="COMMAND_ID_REUSED"), stored(offset=2)])
    report = await replay(box)
    assert (report.sent, sum(report.skipped.values()), list(box.waiting)) == (1, 1, ["order-events/3/1"])


def test_whole_record_of_a_file_is_sent_as_it_is() -> None:
    """An edited record replaces the original, also one that was cut."""
    sent = mend(stored(b"{", is_cut=True), Mending({}, GOOD), INPUTS)
    assert isinstance(sent, Resend)
    assert sent.value == GOOD


@pytest.mark.parametrize("command", list(POSITIONAL), ids=lambda command: str(command.__name__))
def test_positions_have_the_names_of_the_object(command: type[c.Command]) -> None:
    """For every command there is: position n of the array is field n of the object."""
    array = [command.__struct_config__.tag, *range(len(command.__struct_fields__))]
    named = as_object(msgspec.json.encode(array))
    assert named == dict(zip(("type", *command.__struct_fields__), array, strict=True))


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (b'{"type":"reserve","id":"a"}', "order command belongs to order-events"),
        (GOOD, "order command belongs to order-events"),
        (b"{", "--edit FILE"),
        (b"\xff", "--edit FILE"),
        (b"", "nothing can be replayed"),
        (
            b'{"type":"adjust","id":"a","sku":"S","location":"A","delta":1,"effective_at":1,"lot":3}',
            "--edit FILE",
        ),
        (b'{"type":"adjust","id":"a","sku":"S","location":"A","delta":1.5,"effective_at":1}', "fits: --set"),
        (b'{"type":"adjust","id":"a","sku":"S","location":"A","delta":1}', "add the field: --set"),
        (
            b'{"type":"adjust","id":"a\\u0001","sku":"S","location":"A","delta":1,"effective_at":1}',
            "producer",
        ),
        (b"[" + b",".join([b"{}"] * 1_001) + b"]", "smaller ones"),
    ],
    ids=[
        "unknown type",
        "other topic",
        "no JSON",
        "no text",
        "empty",
        "field",
        "fraction",
        "missing",
        "control",
        "pack",
    ],
)
def test_way_out_fits_the_decoders_own_reason(value: bytes, said: str) -> None:
    """Each kind of poison that the decoder names has its own advice, in the decoder's words of today."""
    (poison,) = STOCK_DECODER.decode(value)[1]
    assert said in how_to_mend(poison.reason)


# --- replay -------------------------------------------------------------------------------------


async def test_letter_is_taken_out_only_after_its_record_is_acknowledged() -> None:
    """Stopped in between, the letter still waits, and the next run sends it again and is done."""
    box = FakeDeadLetterBox([stored(offset=1), stored(offset=2)])
    box.fail_round = 1
    with pytest.raises(UnreachableError):
        await replay(box)
    assert len(box.waiting) == 2
    report = await replay(box)
    assert (report.sent, report.taken_out, len(box.waiting)) == (2, 2, 0)
    assert box.steps == ["sent", "sent", "settled"]
    assert box.sent[:2] == box.sent[2:]


async def test_rounds_are_bounded_and_nothing_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many letters there are, few are in memory; a stop in the middle goes on where it was."""
    monkeypatch.setattr(dead_letters_replay, "ROUND_LETTERS_MAX", 3)
    box = FakeDeadLetterBox([stored(offset=at) for at in range(8)])
    box.fail_round = 3
    with pytest.raises(UnreachableError):
        await replay(box)
    assert sorted(box.waiting) == ["order-events/3/6", "order-events/3/7"]
    await replay(box)
    assert not box.waiting


async def test_round_of_large_records_is_bounded_by_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few records of 1 MiB make a round."""
    monkeypatch.setattr(dead_letters_replay, "ROUND_BYTES_MAX", 2 * len(GOOD))
    box = FakeDeadLetterBox([stored(offset=at) for at in range(5)])
    await replay(box)
    assert box.rounds == 3


async def test_dry_run_touches_nothing() -> None:
    """What would be done is told, and nothing is."""
    box = FakeDeadLetterBox([stored(offset=1), stored(b"{", offset=2)])
    report = await replay(box, is_dry_run=True)
    assert (report.sent, sum(report.skipped.values()), box.sent, len(box.waiting)) == (1, 1, [], 2)


async def test_what_is_not_sent_stays_and_is_told() -> None:
    """A letter that cannot succeed keeps waiting; the report names it and its reason."""
    box = FakeDeadLetterBox([stored(b"{", offset=1), stored(offset=2)])
    report = await replay(box)
    assert list(box.waiting) == ["order-events/3/1"]
    assert report.examples[0][0] == "order-events/3/1"


async def test_letter_whose_place_is_taken_again_waits_for_the_next_run() -> None:
    """An input created anew begins its offsets again: a key may then mean a record sent just now."""
    box = FakeDeadLetterBox([stored(offset=4), stored(offset=6), stored(offset=900)])
    box.ends["order-events", 3] = 5  # created anew: sent records land at 5, 6, 7
    report = await replay(box)
    assert (report.sent, report.taken_out, report.places_taken) == (3, 1, 2)
    assert sorted(box.waiting) == ["order-events/3/6", "order-events/3/900"]
    report = await replay(box, LetterFilter(keys={"order-events/3/6"}))
    assert (report.taken_out, report.places_taken) == (1, 0)


# --- naming -------------------------------------------------------------------------------------


async def test_letter_is_found_by_an_id_of_its_original() -> None:
    """An id is found as an id, escaped or not, and not as a part of another text."""
    box = FakeDeadLetterBox(
        [
            stored(offset=1),
            stored(GOOD.replace(b'"R1"', b'"\\u0052\\u0031"'), offset=2),
            stored(GOOD.replace(b'"R1"', b'"R11"'), offset=3),
            stored(b'{"type":"reserve","reservation_id":"R1"', offset=4),
            stored(None, offset=5),
        ]
    )
    found = [one.key for one in await letters_naming(box, "R1")]
    assert found == ["order-events/3/1", "order-events/3/2", "order-events/3/4"]


@pytest.mark.parametrize(
    ("fields", "is_sent"),
    [
        ({}, True),
        ({"reservations": [{"reservation_id": "r1", "sku": "A"}]}, True),
        ({"kind": "stolen"}, False),
    ],
)
def test_payment_event_is_sent_again_as_it_was_or_mended(*, fields: dict[str, object], is_sent: bool) -> None:
    """A letter of payment-events goes back to its order's key; what no gateway could read does not."""
    value = b'{"provider":"stripe","id":"e1","payment_id":"p1","kind":"captured","order_id":"O1"}'
    record = mend(stored(value, topic="payment-events"), Mending(fields), INPUTS)
    assert isinstance(record, Resend) is is_sent
    if isinstance(record, Resend):
        assert (record.topic, record.partition, record.key) == ("payment-events", 3, b"S")
        assert decode_payment(record.value).order_id == "O1"
