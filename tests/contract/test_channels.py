"""Every registered adapter keeps the contract of channels (tests/contract/channel_suite.py)."""

import asyncio
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from inventory_stream.adapters.channels.registry import ADAPTERS
from inventory_stream.flows.channels.board.board import Board
from inventory_stream.flows.channels.pace import AccountPace
from inventory_stream.ports.channel import Channel, ChannelError, Ended, Push, Result
from inventory_stream.ports.projection import Version
from inventory_stream.sandbox.config import FAKES
from inventory_stream.sandbox.faults import Fault
from models.channels import OrderNamed
from tests.contract.channel_suite import (
    KNOWN_UNITS,
    Bench,
    RecordingPace,
    bench_of,
    by_listing,
    hanging,
    key_of,
    results,
    see_truth,
    until,
)

SAYS_NOTHING = {"webhook"}
"""An answer of 2xx is all that they say: no item is named, no body is read."""

NAME_NOTHING = {"adobe"}
"""A good answer of theirs names no item, or it is about the one item that was sent."""

HAVE_BULK = {"adobe", "amazon"}
"""They have a slow way for many items."""

every_adapter = pytest.mark.parametrize("name", sorted(ADAPTERS))
every_naming_adapter = pytest.mark.parametrize("name", sorted(set(ADAPTERS) - SAYS_NOTHING))


def test_every_adapter_has_a_fake() -> None:
    """No adapter is registered without a fake that this suite runs it against, and none twice."""
    assert set(ADAPTERS) <= set(FAKES)


@every_adapter
async def test_its_own_entry_and_listings_are_accepted(name: str, tmp_path: Path) -> None:
    """What the fake says of itself passes the adapter's checks, and names its secrets and options."""
    async with bench_of(name, tmp_path) as bench:
        assert bench.spec.check_integration(bench.integration) is None
        assert [bench.spec.check_listing(listing) for listing in bench.listings] == [None] * len(
            bench.listings
        )
        assert set(bench.spec.secrets) <= set(bench.entry.secrets)
        assert set(bench.entry.secrets) <= {*bench.spec.secrets, *bench.spec.optional_secrets}
        assert set(bench.entry.options) <= set(bench.spec.options)
        caps = bench.channel.caps
        assert caps.batch_max >= 1
        assert caps.in_flight_max >= 1
        assert caps.limits
        assert len({limit.name for limit in caps.limits}) == len(caps.limits)


@every_adapter
@pytest.mark.parametrize("units", [7, 0])
async def test_a_push_is_shown(name: str, units: int, tmp_path: Path) -> None:
    """A batch is applied whole, 0 like any other quantity, and each item has one end."""
    async with bench_of(name, tmp_path) as bench:
        batch = bench.batch(units)
        ends = by_listing(batch, await bench.channel.push(batch, key_of(1)))
        assert {end.result for end in ends.values()} == {Result.APPLIED}, ends
        assert bench.shown() == dict.fromkeys(bench.listings, units)
        assert not [misfit for misfit in bench.drift.misfits if misfit[2] != "unknown"]


@every_adapter
async def test_a_push_pays_only_for_what_is_beyond_its_first_request(name: str, tmp_path: Path) -> None:
    """The sender took the token of a push; whatever else goes over the wire takes its own."""
    async with bench_of(name, tmp_path) as bench:
        pace = _recording(bench)
        await bench.channel.push(bench.batch(6), key_of(1))  # with the making of a token
        requests, taken = len(bench.requests()), len(pace.taken)
        await bench.channel.push(bench.batch(7, offset=2, expected=6), key_of(2))
        assert len(bench.requests()) - requests == 1 + len(pace.taken) - taken
        assert {limit for limit, _ in pace.taken} <= {limit.name for limit in bench.channel.caps.limits}


@every_naming_adapter
async def test_an_unknown_listing_ends_alone(name: str, tmp_path: Path) -> None:
    """A listing that the channel does not know is refused for good; the others are told the truth."""
    async with bench_of(name, tmp_path, listings_max=3) as bench:
        if bench.fake.account.accepts_new:
            pytest.skip("this channel takes every id")
        before = bench.shown()
        size = min(bench.channel.caps.batch_max, 4) - 1
        batch = [*bench.batch(7)[:size], bench.push(bench.stranger, 7)]
        ends = await bench.channel.push(batch, key_of(1))
        see_truth(bench, batch, ends, before)
        assert by_listing(batch, ends)[bench.stranger].result is Result.PERMANENT


ANSWERS = {
    Fault.THROTTLED: {Result.THROTTLED},
    Fault.THROTTLED_SECONDS: {Result.THROTTLED},
    Fault.THROTTLED_DATE: {Result.THROTTLED},
    Fault.THROTTLED_PAST_DATE: {Result.THROTTLED},
    Fault.BUSY: {Result.THROTTLED},
    Fault.SERVER_ERROR: {Result.RETRYABLE},
    Fault.RESET_BEFORE: {Result.AMBIGUOUS},
    Fault.RESET_AFTER: {Result.AMBIGUOUS},
    Fault.TIMEOUT_BEFORE: {Result.AMBIGUOUS},
    Fault.TIMEOUT_AFTER: {Result.AMBIGUOUS},
    Fault.MALFORMED: {Result.AMBIGUOUS},
    Fault.HTML: {Result.AMBIGUOUS},
    Fault.HUGE: {Result.AMBIGUOUS},
    Fault.GZIP_BOMB: {Result.AMBIGUOUS},
    Fault.SLOW: {Result.AMBIGUOUS},
}
"""How every item of a push ends whose answer has the fault."""
UNREAD = {Fault.MALFORMED, Fault.HTML}
"""Bodies that nobody minds who reads none."""


@every_adapter
@pytest.mark.parametrize("fault", list(ANSWERS))
async def test_an_answer_that_fails_ends_every_item(name: str, fault: Fault, tmp_path: Path) -> None:
    """Each way to fail has its class, nothing is claimed that is not so, and the next push comes through."""
    async with bench_of(name, tmp_path) as bench:
        await bench.channel.push(bench.batch(6), key_of(0))
        before, batch = bench.shown(), bench.batch(7, offset=2, expected=6)
        bench.fake.account.faults.next(fault, scope="writes")
        with hanging(bench, fault):
            ends = await bench.channel.push(batch, key_of(1))
        see_truth(bench, batch, ends, before)
        if name in SAYS_NOTHING and fault in UNREAD:
            assert results(ends) == {Result.APPLIED}
            return
        assert results(ends) == ANSWERS[fault], ends
        shown = bench.fake.account.shown[bench.listings[0]]
        after = await bench.channel.push(bench.batch(8, offset=3, expected=shown), key_of(2))
        assert results(after) == {Result.APPLIED}, after
        assert bench.shown() == dict.fromkeys(bench.listings, 8)


@every_adapter
@pytest.mark.parametrize(
    ("fault", "wait_ms"),
    [
        (Fault.THROTTLED, None),
        (Fault.THROTTLED_SECONDS, 1_000),
        (Fault.THROTTLED_DATE, 2_000),
        (Fault.THROTTLED_PAST_DATE, 0),
        (Fault.BUSY, 1_000),
    ],
)
async def test_a_channel_says_when_it_may_be_asked_again(
    name: str, fault: Fault, wait_ms: int | None, tmp_path: Path
) -> None:
    """Retry-After is read as seconds and as a date, past or future; without it nothing is invented."""
    async with bench_of(name, tmp_path) as bench:
        await bench.channel.push(bench.batch(6), key_of(1))
        bench.fake.account.faults.next(fault, scope="writes")
        now_ms = bench.fake.account.now_ms()
        for end in await bench.channel.push(bench.batch(7, offset=2, expected=6), key_of(2)):
            if not _speaks_http(bench):
                assert end.retry_at_ms is None or now_ms - 1_000 <= end.retry_at_ms <= now_ms + 900_000
            elif wait_ms is None:
                assert end.retry_at_ms is None
            else:
                assert end.retry_at_ms is not None
                # A date has whole seconds, and the request took its time.
                assert abs(end.retry_at_ms - now_ms - wait_ms) <= 1_900


REFUSALS = 40
"""So many that an adapter which tries halves of a refused batch is refused each time."""


@every_naming_adapter
async def test_errors_in_an_answer_of_200_are_errors(name: str, tmp_path: Path) -> None:
    """2xx alone is no success: what the body refuses was not applied."""
    async with bench_of(name, tmp_path) as bench:
        before, batch = bench.shown(), bench.batch(7)
        bench.fake.account.faults.next(Fault.ERRORS_IN_200, REFUSALS)
        ends = await bench.channel.push(batch, key_of(1))
        see_truth(bench, batch, ends, before)
        assert Result.APPLIED not in results(ends)


@every_naming_adapter
@pytest.mark.parametrize("fault", [Fault.HALF_APPLIED, Fault.ITEM_ABSENT, Fault.ITEM_REFUSED])
async def test_a_batch_that_is_half_done_is_told_by_item(name: str, fault: Fault, tmp_path: Path) -> None:
    """An item that the answer does not name is ambiguous, one that it refuses is refused, never a success."""
    async with bench_of(name, tmp_path) as bench:
        before, batch = bench.shown(), bench.batch(7)
        bench.fake.account.faults.next(fault)
        ends = await bench.channel.push(batch, key_of(1))
        see_truth(bench, batch, ends, before)
        last = by_listing(batch, ends)[bench.listings[-1]].result
        if fault is Fault.ITEM_REFUSED:
            # Refused once: an adapter that tries again in halves may have had it applied after all.
            assert last is (Result.APPLIED if bench.shown()[bench.listings[-1]] == 7 else Result.PERMANENT)
        elif fault is Fault.HALF_APPLIED and len(batch) > 1 and name not in NAME_NOTHING:
            assert last is not Result.APPLIED
        elif fault is Fault.ITEM_ABSENT and name not in NAME_NOTHING:
            assert last is Result.AMBIGUOUS


@every_adapter
@pytest.mark.parametrize("fault", [Fault.RESET_AFTER, Fault.SERVER_ERROR])
async def test_a_repeat_has_the_same_key_and_the_same_bytes(name: str, fault: Fault, tmp_path: Path) -> None:
    """The same batch under the same key is the same request, and its repeat changes nothing twice."""
    async with bench_of(name, tmp_path) as bench:
        bench.fake.account.faults.next(fault, scope="writes")
        batch = bench.batch(7)
        await bench.channel.push(batch, key_of(1))
        ends = await bench.channel.push(batch, key_of(1))
        # A channel that compares may find its own first try: the sender reads back, and knows.
        assert results(ends) <= {Result.APPLIED, Result.STALE}, ends
        first, *_, repeat = bench.requests()
        assert repeat.body == first.body
        assert (repeat.method, repeat.path) == (first.method, first.path)
        for header in ("idempotency-key", "webhook-id"):
            assert repeat.headers.get(header) == first.headers.get(header)
        assert len(bench.fake.account.keys) <= 1
        assert bench.shown() == dict.fromkeys(bench.listings, 7)


@every_adapter
async def test_a_new_revision_has_other_bytes(name: str, tmp_path: Path) -> None:
    """A newer quantity is another request, so that no key store answers it with the older one."""
    async with bench_of(name, tmp_path) as bench:
        await bench.channel.push(bench.batch(7), key_of(1))
        ends = await bench.channel.push(bench.batch(8, offset=2, expected=7), key_of(2))
        assert results(ends) == {Result.APPLIED}
        first, *_, last = bench.requests()
        assert first.body != last.body
        assert bench.shown() == dict.fromkeys(bench.listings, 8)


@every_adapter
async def test_an_older_revision_is_never_last(name: str, tmp_path: Path) -> None:
    """What is applied late is seen: by a read back, or it does not win at the receiver."""
    async with bench_of(name, tmp_path) as bench:
        account = bench.fake.account
        account.late_seconds = 0.1
        if not bench.channel.caps.can_read_back:
            await bench.channel.push(bench.batch(8, offset=2), key_of(2))
            await bench.channel.push(bench.batch(7, offset=1), key_of(1))
            assert bench.shown() == dict.fromkeys(bench.listings, 8)
            return
        account.faults.next(Fault.LATE)
        await bench.channel.push(bench.batch(7, offset=1), key_of(1))
        await bench.channel.push(bench.batch(8, offset=2), key_of(2))
        await until(lambda: account.is_settled)
        assert await bench.channel.read_back(bench.listings) == bench.shown()
        if bench.channel.caps.has_cas:
            ends = await bench.channel.push(bench.batch(9, offset=3, expected=8), key_of(3))
            assert results(ends) == {Result.STALE}, ends
            assert bench.shown() == dict.fromkeys(bench.listings, 7)
        ends = await bench.channel.push(bench.batch(9, offset=3, expected=7), key_of(4))
        assert results(ends) == {Result.APPLIED}, ends
        assert bench.shown() == dict.fromkeys(bench.listings, 9)


@every_adapter
async def test_two_pushes_that_meet_an_expired_token_make_one_new(name: str, tmp_path: Path) -> None:
    """A refused token is made anew once for all who meet it; where nobody can, the account is refused."""
    async with bench_of(name, tmp_path) as bench:
        await bench.channel.push(bench.batch(6), key_of(1))
        if bench.token_requests() == 0 and not _has_tokens(bench):
            pytest.skip("this channel has no tokens")
        made, before = bench.token_requests(), bench.shown()
        bench.fake.account.expire_tokens()
        pushes = [[push] for push in bench.batch(7, offset=2, expected=6)[:2]]
        ended = await asyncio.gather(
            *(bench.channel.push(push, key_of(number)) for number, push in enumerate(pushes, 2))
        )
        for push, ends in zip(pushes, ended, strict=True):
            see_truth(bench, push, ends, before)
            assert results(ends) == {Result.APPLIED if made else Result.AUTH}, ends
        assert bench.token_requests() == (made + 1 if made else 0)


@every_adapter
async def test_a_refusal_that_a_new_token_does_not_mend_ends(name: str, tmp_path: Path) -> None:
    """After one new token the account is refused; nobody asks for ever."""
    async with bench_of(name, tmp_path) as bench:
        before, batch = bench.shown(), bench.batch(7)
        bench.fake.account.faults.next(Fault.TOKEN_EXPIRED, 10, scope="writes")
        ends = await bench.channel.push(batch, key_of(1))
        see_truth(bench, batch, ends, before)
        assert results(ends) == {Result.AUTH}, ends
        assert len(bench.requests()) <= 2


@every_adapter
async def test_a_clock_that_is_wrong_applies_nothing_wrong(name: str, tmp_path: Path) -> None:
    """Where a time is signed, a channel with another clock refuses; elsewhere it is not noticed."""
    async with bench_of(name, tmp_path) as bench:
        before, batch = bench.shown(), bench.batch(7)
        bench.fake.account.faults.next(Fault.CLOCK_SKEW, 3)
        ends = await bench.channel.push(batch, key_of(1))
        see_truth(bench, batch, ends, before)
        if results(ends) == {Result.AUTH}:  # the account is parked until a person has looked
            return
        bench.fake.account.faults.clear()
        ends = await bench.channel.push(
            bench.batch(8, offset=2, expected=bench.fake.account.shown[bench.listings[0]]), key_of(2)
        )
        assert results(ends) == {Result.APPLIED}, ends


@every_adapter
async def test_a_dry_run_changes_nothing(name: str, tmp_path: Path) -> None:
    """Nothing is sent, or only to where the channel validates; every item has an end."""
    async with bench_of(name, tmp_path) as bench:
        before, batch = bench.shown(), bench.batch(7)
        ends = await bench.channel.push(batch, key_of(1), dry_run=True)
        assert {end.result for end in by_listing(batch, ends).values()} == {Result.APPLIED}
        assert bench.shown() == before
        if not bench.requests():
            assert {end.code for end in ends} == {"not-sent"}


@every_adapter
async def test_a_read_back_tells_what_is_shown(name: str, tmp_path: Path) -> None:
    """Known listings have their quantity, unknown ones are left out; who cannot be asked says so."""
    async with bench_of(name, tmp_path) as bench:
        if not bench.channel.caps.can_read_back:
            with pytest.raises(ChannelError):
                await bench.channel.read_back(bench.listings)
            return
        for number, listing in enumerate(bench.listings):
            bench.fake.account.show(listing, number, "test")
        shown = await bench.channel.read_back([*bench.listings, bench.stranger])
        assert shown == {listing: number for number, listing in enumerate(bench.listings)}
        assert await bench.channel.read_back([]) == {}


class _Following:
    """One listing, followed as the owner of an account does it."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._account = bench.fake.account
        [self.listing] = bench.listings
        caps = replace(bench.channel.caps, settle_seconds=0.0)
        self.board = Board(caps, account="a/b", raise_hold_ms=0, mass_change_share=1.0)
        self._row_ms = self._account.now_ms()
        self._version = Version(self._row_ms - 5_000, 7)
        self._is_doubtful = False
        self.board.set_listings({self.listing: "SKU-1"}, self._row_ms)

    async def want(self, units: int) -> None:
        """Have it show so many by one and the same row, and see that it does."""
        self.board.want(self.listing, self._version, units, self._row_ms, self._account.now_ms())
        await self.push()
        assert self._account.shown[self.listing] == units

    async def fail(self, units: int) -> None:
        """Have it told so many, which it shows and says that it does not."""
        self._is_doubtful = True
        self._account.faults.next(Fault.SERVER_ERROR_AFTER, scope="writes")
        self.board.want(self.listing, self._version, units, self._row_ms, self._account.now_ms())
        batch = self.board.take(self._account.now_ms())
        assert batch is not None
        ends = await self._bench.channel.push(batch.pushes, batch.key)
        assert results(ends) == {Result.RETRYABLE}, ends
        self.board.ended(batch, ends, self._account.now_ms())
        assert self._account.shown[self.listing] == units

    async def push(self) -> None:
        """Send what is to be sent, until nothing is; then let a moment pass."""
        while (batch := self.board.take(self._account.now_ms())) is not None:
            ends = await self._bench.channel.push(batch.pushes, batch.key)
            self.board.ended(batch, ends, self._account.now_ms())
            if self._is_doubtful and results(ends) == {Result.STALE}:
                shown = await self._bench.channel.read_back([self.listing])
                self.board.observed(self.listing, shown[self.listing], self._account.now_ms())
            else:
                assert results(ends) == {Result.APPLIED}, ends
        now_ms = self._account.now_ms()
        await until(lambda: self._account.now_ms() > now_ms)


@every_adapter
@pytest.mark.parametrize("units", [9, 2])
async def test_a_drift_is_mended(name: str, units: int, tmp_path: Path) -> None:
    """What somebody changed at the channel is pushed back through the normal lane, whatever row it is of."""
    async with bench_of(name, tmp_path, listings_max=1) as bench:
        if not bench.channel.caps.can_read_back:
            pytest.skip("this channel cannot be asked")
        following = _Following(bench)
        await following.want(KNOWN_UNITS)
        bench.fake.account.show(following.listing, units, "edit")
        assert await bench.channel.read_back(bench.listings) == {following.listing: units}
        following.board.observed(following.listing, units, bench.fake.account.now_ms())
        await following.push()
        assert bench.fake.account.shown[following.listing] == KNOWN_UNITS


@every_adapter
async def test_units_of_one_row_may_change(name: str, tmp_path: Path) -> None:
    """A policy that changed or zeros of an operator come through, though the ledger's row is the same."""
    async with bench_of(name, tmp_path, listings_max=1) as bench:
        following = _Following(bench)
        for units in (8, 0, 8, 3):
            await following.want(units)


@every_adapter
@pytest.mark.parametrize("units", [9, 2, 0])
async def test_what_was_applied_and_answered_with_500_is_taken_back(
    name: str, units: int, tmp_path: Path
) -> None:
    """When the wish returns to what was acknowledged before, the channel is told it again."""
    async with bench_of(name, tmp_path, listings_max=1) as bench:
        following = _Following(bench)
        await following.want(KNOWN_UNITS)
        await following.fail(units)
        await following.want(KNOWN_UNITS)
        assert (following.board.in_step, following.board.exposure_units) == (1, 0)


READS = {
    Fault.SERVER_ERROR: Result.RETRYABLE,
    Fault.THROTTLED_SECONDS: Result.THROTTLED,
    Fault.MALFORMED: Result.AMBIGUOUS,
    Fault.HUGE: Result.AMBIGUOUS,
    Fault.RESET_BEFORE: Result.AMBIGUOUS,
    Fault.TIMEOUT_BEFORE: Result.AMBIGUOUS,
}


@every_adapter
@pytest.mark.parametrize("fault", list(READS))
async def test_a_read_back_that_fails_says_how(name: str, fault: Fault, tmp_path: Path) -> None:
    """A failed read back is never an empty one, and a refusal for how often is told to the pace."""
    async with bench_of(name, tmp_path) as bench:
        if not bench.channel.caps.can_read_back:
            pytest.skip("this channel cannot be asked")
        await bench.channel.read_back(bench.listings)
        pace = _recording(bench)
        bench.fake.account.faults.next(fault, scope="reads")
        with pytest.raises(ChannelError) as failed, hanging(bench, fault):
            await bench.channel.read_back(bench.listings)
        assert failed.value.result is READS[fault]
        if fault is Fault.THROTTLED_SECONDS:
            assert len(pace.told) == 1


@every_adapter
async def test_secrets_are_nowhere(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """No value of a secret and no token is in ends, errors, logs or the text of an object."""
    async with bench_of(name, tmp_path) as bench:
        said: list[str] = [repr(bench.channel), repr(bench.secrets), repr(vars(bench.channel))]
        values = set(bench.entry.secrets.values())

        async def say(batch: list[Push], number: int) -> None:
            said.append(repr(await bench.channel.push(batch, key_of(number))))
            values.update(bench.fake.account._valid_tokens)

        # What the channel refuses by itself: a listing that it does not know, a key with other content.
        await say([bench.push(bench.stranger, 7)], 90)
        await say(bench.batch(7, offset=9), 91)
        await say(bench.batch(8, offset=9), 91)
        # The expired token is last: after it the account may be refused for a while.
        for number, fault in enumerate(
            (Fault.MALFORMED, Fault.SERVER_ERROR, Fault.RESET_BEFORE, Fault.TOKEN_EXPIRED)
        ):
            bench.fake.account.faults.next(fault, 3)
            await say(bench.batch(7, offset=number), number)
            try:
                await bench.channel.read_back(bench.listings)
            except ChannelError as error:
                said.append(repr(error) + str(error.__cause__))
            bench.fake.account.faults.clear()
        printed = capsys.readouterr()
        text = "\n".join([*said, printed.out, printed.err, caplog.text])
        assert not [value for value in values if len(value) >= 6 and value in text]


ODD = (
    "",
    "/",
    "//",
    "../../admin",
    "a\nb",
    "x" * 500,
    "1?a=b#c",
    "%2e%2e%2f",
    "é/ü",
    "1/2/3/4",
    "0",
    "-1/-1",
)


@every_adapter
async def test_an_odd_listing_is_refused_or_harmless(name: str, tmp_path: Path) -> None:
    """An id from a file never leads to another address: it is refused before, or ends like any other."""
    async with bench_of(name, tmp_path) as bench:
        for number, listing in enumerate(ODD):
            if bench.spec.check_listing(listing) is not None:
                continue
            batch = [bench.push(listing, 7)]
            by_listing(batch, await bench.channel.push(batch, key_of(number)))
        assert all(seen.path.startswith(f"/{name}") for seen in bench.fake.account.requests)
        assert all(".." not in seen.path for seen in bench.fake.account.requests)


BUSY_SECONDS = 0.4


@every_adapter
async def test_the_budget_is_kept(name: str, tmp_path: Path) -> None:
    """At full speed, paced as its sender does it, a channel refuses one request at most for how often."""

    def pace_of(channel: Channel) -> AccountPace:
        pace = AccountPace(lambda: int(time.time() * 1_000))
        pace.begin(channel.caps.limits)
        return pace

    async with bench_of(name, tmp_path, pace_of=pace_of) as bench:
        pace, caps = bench.pace, bench.channel.caps
        assert isinstance(pace, AccountPace)
        ended: list[Ended] = []

        async def push_on(place: int) -> None:
            limit, units = caps.limits[0].name, KNOWN_UNITS
            listing = bench.listings[place % len(bench.listings)]
            for offset in range(1, 1_000):
                await pace.take_first(limit, caps.push_cost)
                push = bench.push(listing, units + 1, offset=offset, expected=units)
                units += 1
                ended.extend(await bench.channel.push([push], key_of(place * 1_000 + offset)))

        pushers = [asyncio.create_task(push_on(place)) for place in range(min(2, len(bench.listings)))]
        await asyncio.wait(pushers, timeout=BUSY_SECONDS, return_when=asyncio.FIRST_EXCEPTION)
        for pusher in pushers:
            pusher.cancel()
        await asyncio.gather(*pushers, return_exceptions=True)
        assert ended
        others = [end for end in ended if end.result is not Result.APPLIED]
        assert [end.result for end in others] in ([], [Result.THROTTLED]), others
        assert sum(budget.refused for budget in bench.fake.account.budgets.values()) <= 1


@every_adapter
async def test_what_it_cannot_do_is_said(name: str, tmp_path: Path) -> None:
    """An order that is only named is told of, or refused as a ChannelError; a slow way is tried below."""
    async with bench_of(name, tmp_path) as bench:
        with suppress(ChannelError):
            await bench.channel.events_of(OrderNamed("no-such-order", 0))
        assert (bench.channel.caps.bulk_max > 0) == (name in HAVE_BULK)


@pytest.mark.parametrize("name", sorted(HAVE_BULK))
@pytest.mark.parametrize(
    "fault",
    [
        None,
        Fault.SERVER_ERROR,
        Fault.THROTTLED_SECONDS,
        Fault.RESET_AFTER,
        Fault.MALFORMED,
        Fault.TOKEN_EXPIRED,
        Fault.ITEM_REFUSED,
    ],
)
async def test_a_bulk_says_only_what_is_so(name: str, fault: Fault | None, tmp_path: Path) -> None:
    """The slow way ends within a bound, once for each item, and claims nothing that is not shown."""
    async with bench_of(name, tmp_path) as bench:
        batch = [bench.push(listing, 7) for listing in bench.known[:4]]
        before = dict.fromkeys(bench.known, KNOWN_UNITS)
        if fault is not None:
            bench.fake.account.faults.next(fault)
        async with asyncio.timeout(20):
            ends = await bench.channel.push_bulk(batch, key_of(1))
        see_truth(bench, batch, ends, before)
        if fault is None:
            assert results(ends) == {Result.APPLIED}, ends


def _recording(bench: Bench) -> RecordingPace:
    assert isinstance(bench.pace, RecordingPace)
    return bench.pace


def _speaks_http(bench: Bench) -> bool:
    """Say whether the channel refuses by 429 and Retry-After, as most do."""
    response = bench.fake.throttled("1")
    return response.status == 429 and response.headers.get("Retry-After") == "1"


def _has_tokens(bench: Bench) -> bool:
    return bool(bench.fake.account._valid_tokens)
