import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from aiohttp import web

from inventory_stream.adapters.channels.inbound.signing import standard_signature
from inventory_stream.adapters.channels.webhook import (
    BODY_BYTES_MAX,
    LISTINGS_MAX,
    SPEC,
    event_of,
    sequence_of,
    stock_of,
)
from inventory_stream.ports.channel import Push, Result
from inventory_stream.ports.projection import Version
from inventory_stream.sandbox.fake import Turn
from inventory_stream.sandbox.webhook import SECRET
from models.commands import EPOCH_MS_MAX, UNITS_MAX
from models.ids import ID_CHARACTERS_MAX
from tests.contract.channel_suite import Bench, RecordingPace, bench_of, key_of, results

VERSION = Version(1_700_000_000_000, 42)
KEY = "b2c5a1de-0000-5000-8000-000000000001"


def test_an_event_is_written_to_the_byte() -> None:
    """The body is a structured CloudEvent with one revision for each listing, in the order of the batch."""
    batch = [
        Push("A/1", VERSION, 6, 1_700_000_100_000, None, "SKU-1", 1_700_000_050_000),
        Push("B", Version(1_700_000_000_000, 7), 0, 1_700_000_090_000, None, "SKU-2"),
    ]
    assert event_of("/inventory-stream/web/partner-1", batch, KEY) == (
        b'{"specversion":"1.0","id":"b2c5a1de-0000-5000-8000-000000000001",'
        b'"source":"/inventory-stream/web/partner-1",'
        b'"type":"inventory_stream.availability_changed.v1",'
        b'"time":"2023-11-14T22:15:00.000+00:00",'
        b'"sequence":"001700000000000-0000000000000000042-001700000050000",'
        b'"datacontenttype":"application/json",'
        b'"data":{"listings":['
        b'{"listing":"A/1","available":6,'
        b'"sequence":"001700000000000-0000000000000000042-001700000050000","stock":"'
        + stock_of(batch[0]).encode()
        + b'"},{"listing":"B","available":0,'
        b'"sequence":"001700000000000-0000000000000000007-000000000000000","stock":"'
        + stock_of(batch[1]).encode()
        + b'"}]}}'
    )


def test_sequences_sort_as_pushes_do() -> None:
    """A receiver compares text: ten comes after nine, later units of one row after earlier ones."""
    told = [
        (Version(9, 10**18), 99),
        (Version(10, 0), 0),
        (Version(10, 9), 0),
        (Version(10, 9), 5),
        (Version(10, 9), 10),
        (Version(10, 10), 0),
        (Version(10**13, 0), 0),
    ]
    pushes = [Push("A", version, 1, 0, None, "SKU-1", after_ms) for version, after_ms in told]
    assert sorted(map(sequence_of, pushes)) == [sequence_of(push) for push in pushes]


@pytest.mark.parametrize(
    ("second", "shown"),
    [
        (Push("A", Version(5, 8), 3, 0, None, "SKU-1"), 3),
        (Push("A", Version(5, 6), 3, 0, None, "SKU-1"), 9),
        (Push("A", Version(5, 7), 0, 0, None, "SKU-1", 1_000), 0),
        (Push("A", Version(4, 1), 3, 0, None, "SKU-2"), 3),
    ],
    ids=["a newer row", "an older row", "zeros of an operator", "another SKU"],
)
async def test_a_receiver_tells_later_from_earlier(second: Push, shown: int, tmp_path: Path) -> None:
    """What is later counts though the ledger's row is the same, or of another SKU; older rows do not."""
    async with bench_of("webhook", tmp_path) as bench:
        await bench.channel.push([Push("A", Version(5, 7), 9, 0, None, "SKU-1")], key_of(1))
        ends = await bench.channel.push([second], key_of(2))
        assert results(ends) == {Result.APPLIED}
        assert bench.fake.account.shown["A"] == shown


def test_the_largest_event_is_within_what_receivers_take() -> None:
    """The longest ids and numbers of a full batch stay below 20 KB."""
    longest = Version(EPOCH_MS_MAX, 10**18)
    push = Push("\U0001f4e6" * ID_CHARACTERS_MAX, longest, UNITS_MAX, EPOCH_MS_MAX, None, "", EPOCH_MS_MAX)
    batch = [push] * LISTINGS_MAX
    source = "/inventory-stream/" + "\U0001f4e6" * ID_CHARACTERS_MAX * 2
    assert len(event_of(source, batch, KEY)) <= BODY_BYTES_MAX


async def test_the_headers_are_those_of_standard_webhooks(tmp_path: Path) -> None:
    """Id, time and signature go along, and the signature is that of the sent bytes."""
    async with bench_of("webhook", tmp_path) as bench:
        await bench.channel.push(bench.batch(7), KEY)
        [seen] = bench.requests()
        at_seconds = int(seen.headers["webhook-timestamp"])
        assert seen.headers["webhook-id"] == KEY
        assert seen.headers["webhook-signature"] == standard_signature(SECRET, KEY, at_seconds, seen.body)
        assert seen.headers["content-type"] == "application/cloudevents+json; charset=utf-8"
        assert abs(at_seconds * 1_000 - bench.fake.account.now_ms()) < 5_000
        assert json.loads(seen.body)["id"] == KEY


async def test_two_live_secrets_sign_both(tmp_path: Path) -> None:
    """While a secret is changed both signatures go along, so that the receiver changes when it likes."""
    async with bench_of("webhook", tmp_path) as bench:
        newer = "whsec_" + "bmV3ZXIgc2VjcmV0IG9mIHRoZSBzYW5kYm94IHRvbw=="
        _write_secret(bench, f"{newer}\n{SECRET}")
        ends = await bench.channel.push(bench.batch(7), KEY)
        assert results(ends) == {Result.APPLIED}  # the fake knows the older one alone
        [seen] = bench.requests()
        at_seconds = int(seen.headers["webhook-timestamp"])
        assert seen.headers["webhook-signature"].split(" ") == [
            standard_signature(secret, KEY, at_seconds, seen.body) for secret in (newer, SECRET)
        ]


async def test_a_secret_that_is_no_key_parks_the_account(tmp_path: Path) -> None:
    """What cannot sign is for a person: nothing is sent, and nothing is lost."""
    async with bench_of("webhook", tmp_path) as bench:
        _write_secret(bench, "whsec_not base64!")
        ends = await bench.channel.push(bench.batch(7), KEY)
        assert {(end.result, end.code) for end in ends} == {(Result.AUTH, "secret-signing-not-valid")}
        assert bench.requests() == []


@pytest.mark.parametrize(
    ("status", "result", "code"),
    [
        (200, Result.APPLIED, ""),
        (202, Result.APPLIED, ""),
        (400, Result.PERMANENT, "http-400"),
        (403, Result.AUTH, "http-403"),
        (404, Result.PERMANENT, "http-404"),
        (410, Result.AUTH, "http-410-gone"),
        (413, Result.PERMANENT, "http-413"),
    ],
)
async def test_a_status_is_all_that_a_receiver_says(
    status: int, result: Result, code: str, tmp_path: Path
) -> None:
    """2xx is taken, 410 and 403 park the account until somebody acts, the rest of 4xx is refused for good."""
    async with bench_of("webhook", tmp_path) as bench:
        _answer_with(bench, web.Response(status=status))
        ends = await bench.channel.push(bench.batch(7), KEY)
        assert {(end.result, end.code) for end in ends} == {(result, code)}


@pytest.mark.parametrize(
    ("rate", "per_second"), [("120", [2.0]), ("999999999", [1_000.0]), ("*", []), ("0", []), ("x", [])]
)
async def test_the_rate_that_a_receiver_allows_is_kept(
    rate: str, per_second: Sequence[float], tmp_path: Path
) -> None:
    """WebHook-Allowed-Rate is requests a minute; a star and what cannot be read change nothing."""
    async with bench_of("webhook", tmp_path) as bench:
        _answer_with(bench, web.Response(status=204, headers={"WebHook-Allowed-Rate": rate}))
        await bench.channel.push(bench.batch(7), key_of(1))
        assert isinstance(bench.pace, RecordingPace)
        assert [noted["per_second"] for _, noted in bench.pace.noted] == list(per_second)


@pytest.mark.parametrize(
    ("options", "is_right"),
    [
        ({}, True),
        ({"listings_max": 1}, True),
        ({"listings_max": LISTINGS_MAX + 1}, False),
        ({"requests_per_second": 0}, False),
        ({"colour": "red"}, False),
    ],
)
async def test_an_entry_is_checked(options: dict[str, object], is_right: bool, tmp_path: Path) -> None:  # noqa: FBT001  # a table
    """An option that is unknown or out of bounds is told at start."""
    async with bench_of("webhook", tmp_path) as bench:
        fields = {**vars_of(bench), "options": options}
        mistake = SPEC.check_integration(type(bench.integration)(**fields))  # type: ignore[arg-type]
        assert (mistake is None) is is_right


def vars_of(bench: Bench) -> dict[str, object]:
    """Give the fields of the entry."""
    return {name: getattr(bench.integration, name) for name in type(bench.integration).__slots__}


def _write_secret(bench: Bench, value: str) -> None:
    assert bench.integration.secrets is not None
    Path(bench.integration.secrets["signing"].removeprefix("file:")).write_text(value)


def _answer_with(bench: Bench, response: web.Response) -> None:
    async def answer(turn: Turn) -> web.Response:
        del turn
        return response

    bench.fake._take = answer  # type: ignore[attr-defined]  # the one place where the fake answers
