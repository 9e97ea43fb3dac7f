from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from inventory_stream.adapters.channels.template import SPEC, body_of
from inventory_stream.ports.channel import Ended, Push, Result
from inventory_stream.ports.projection import Version
from inventory_stream.sandbox.faults import Fault
from tests.contract.channel_suite import RecordingPace, bench_of, key_of, see_truth


def test_a_request_is_written_to_the_byte() -> None:
    """What goes over the wire is what the vendor's page shows."""
    batch = [Push("item-1", Version(5, 7), 6, 0), Push("item-2", Version(5, 8), 0, 0)]
    assert body_of(batch) == (
        b'{"items":[{"id":"item-1","quantity":6,"revision":"5:7"},'
        b'{"id":"item-2","quantity":0,"revision":"5:8"}]}'
    )


@pytest.mark.parametrize("listing", ["", "a/b", "a b", "ä", "x" * 65, "a?b", "a,b"])
def test_an_id_that_the_vendor_cannot_have_is_refused(listing: str) -> None:
    """A line of the mapping with another channel's id is told with its number, not sent."""
    assert SPEC.check_listing(listing) is not None


async def test_a_field_that_nobody_documented_is_counted(tmp_path: Path) -> None:
    """Schema drift is heard of before anything fails."""
    async with bench_of("template", tmp_path) as bench:
        bench.fake.account.keys.answer_of(key_of(1), body_of(bench.batch(7)))
        answer = b'{"items":[{"id":"%s","status":"set","colour":"red"}]}' % bench.listings[0].encode()
        bench.fake.account.keys.keep(key_of(1), answer)
        await bench.channel.push(bench.batch(7), key_of(1))
        assert bench.drift.misfits == [("template", "items.colour", "unknown")]


async def test_a_field_of_another_type_is_counted_and_nothing_is_believed(tmp_path: Path) -> None:
    """An answer that lost what is needed is ambiguous for every item, and is told by field."""
    async with bench_of("template", tmp_path) as bench:
        bench.fake.account.keys.answer_of(key_of(1), body_of(bench.batch(7)))
        bench.fake.account.keys.keep(key_of(1), b'{"items":[{"id":1,"status":"set"}]}')
        ends = await bench.channel.push(bench.batch(7), key_of(1))
        assert {end.result for end in ends} == {Result.AMBIGUOUS}
        assert bench.drift.misfits == [("template", "items.id", "type")]


async def test_what_is_left_of_the_budget_is_told(tmp_path: Path) -> None:
    """A limit that the vendor states is used to the brim, so its header is heard."""
    async with bench_of("template", tmp_path) as bench:
        await bench.channel.push(bench.batch(7), key_of(1))
        assert isinstance(bench.pace, RecordingPace)
        assert bench.pace.noted == [("writes", {"per_second": None, "burst": None, "left": 49.0})]


@pytest.mark.parametrize(
    "lie",
    [
        lambda ends: [Ended(end.listing, Result.APPLIED) for end in ends],
        lambda ends: [Ended(end.listing, Result.RETRYABLE) for end in ends],
        lambda ends: ends[:-1],
        lambda ends: [*ends, ends[0]],
    ],
    ids=["all is well", "nothing was done", "one is left out", "one is told twice"],
)
async def test_the_suite_sees_an_adapter_that_lies(
    lie: Callable[[Sequence[Ended]], Sequence[Ended]], tmp_path: Path
) -> None:
    """The contract suite fails for ends that are not so: what it says of adapters means something."""
    async with bench_of("template", tmp_path) as bench:
        before, batch = bench.shown(), bench.batch(7)
        bench.fake.account.faults.next(Fault.HALF_APPLIED)
        ends = lie(await bench.channel.push(batch, key_of(1)))
        with pytest.raises(AssertionError):
            see_truth(bench, batch, ends, before)
