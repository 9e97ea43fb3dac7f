from collections.abc import Collection, Sequence

import pytest

from inventory_stream.adapters.channels.halving import REFUSED_WITH_OTHERS, REQUESTS_MAX, push_in_halves
from inventory_stream.ports.channel import ChannelError, Ended, Push, Result
from inventory_stream.ports.projection import Version


class Refusing:
    """A channel that refuses a request whole for one bad item; `troubles` are how its nth request ends."""

    def __init__(self, bad: Collection[str], troubles: dict[int, Result] | None = None) -> None:
        self.sent: list[list[str]] = []
        self.taken = 0
        self._bad = bad
        self._troubles = troubles or {}

    async def send(self, batch: Sequence[Push]) -> Sequence[Ended]:
        """Apply all or nothing."""
        self.sent.append([push.listing for push in batch])
        if trouble := self._troubles.get(len(self.sent)):
            raise ChannelError(trouble, "trouble", 5)
        if any(push.listing in self._bad for push in batch):
            raise ChannelError(Result.PERMANENT, "bad")
        return [Ended(push.listing, Result.APPLIED) for push in batch]

    async def take(self) -> None:
        """Count tokens."""
        self.taken += 1


async def _ends(channel: Refusing, count: int) -> dict[str, Ended]:
    batch = [Push(f"L{number}", Version(1, number), 0, 0) for number in range(count)]
    ends = await push_in_halves(batch, channel.send, channel.take)
    assert sorted(end.listing for end in ends) == sorted(push.listing for push in batch)
    return {end.listing: end for end in ends}


@pytest.mark.parametrize("count", [1, 2, 3, 20, 100])
@pytest.mark.parametrize("place", ["first", "last"])
async def test_one_bad_item_is_found_and_the_others_are_applied(count: int, place: str) -> None:
    """Wherever it is in a batch of up to 100, within the bound; each request after the first is paid."""
    bad = "L0" if place == "first" else f"L{count - 1}"
    channel = Refusing({bad})
    ends = await _ends(channel, count)
    assert ends.pop(bad).result is Result.PERMANENT
    assert {end.result for end in ends.values()} <= {Result.APPLIED}
    assert channel.taken == len(channel.sent) - 1
    assert len(channel.sent) <= 15 < REQUESTS_MAX


async def test_good_batch_is_one_request_and_pays_nothing_more() -> None:
    """The sender of a push has taken its token."""
    channel = Refusing(())
    assert {end.result for end in (await _ends(channel, 100)).values()} == {Result.APPLIED}
    assert (len(channel.sent), channel.taken) == (1, 0)


async def test_more_bad_items_than_can_be_found_are_left_to_a_later_push() -> None:
    """Nothing dies that was only ever refused together with others."""
    channel = Refusing([f"L{number}" for number in range(100)])
    ends = (await _ends(channel, 100)).values()
    assert len(channel.sent) == REQUESTS_MAX
    assert {(end.result, end.code) for end in ends} <= {
        (Result.PERMANENT, "bad"),
        (Result.RETRYABLE, REFUSED_WITH_OTHERS),
    }
    alone = {names[0] for names in channel.sent if len(names) == 1}
    assert {end.listing for end in ends if end.result is Result.PERMANENT} == alone


@pytest.mark.parametrize(
    ("trouble", "rest"),
    [
        (Result.AUTH, Result.AUTH),
        (Result.THROTTLED, Result.THROTTLED),
        (Result.RETRYABLE, Result.RETRYABLE),
        (Result.AMBIGUOUS, Result.RETRYABLE),
    ],
)
async def test_trouble_in_between_ends_the_rest_unsent(trouble: Result, rest: Result) -> None:
    """What was under way ends as its request did; what was not sent since a refusal was not applied."""
    channel = Refusing({"L3"}, {2: trouble})
    ends = await _ends(channel, 4)
    assert [ends[f"L{number}"].result for number in range(4)] == [trouble, trouble, rest, rest]
    assert len(channel.sent) == 2
