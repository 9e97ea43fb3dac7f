"""An account that was refused access comes back by itself when the channel lets us in again."""

from collections.abc import Mapping, Sequence

from inventory_stream.flows.channels.gate import AUTH, REVOKED
from inventory_stream.flows.channels.knocks import PAUSE_MS, PAUSE_MS_MAX, Knocks
from inventory_stream.ports.channel import ChannelError, Ended, Push, Result
from models.channels import STATUS, StatusRow
from tests.fakes.channel import FakeChannel
from tests.unit.flows.channels.world import AccountWorld, account_world


class Refusing(FakeChannel):
    """Lets nobody in while `is_refusing`."""

    is_refusing = True

    async def push(self, batch: Sequence[Push], key: str, *, dry_run: bool = False) -> Sequence[Ended]:
        """See the port."""
        if self.is_refusing:
            self.results = [Result.AUTH]
        return await super().push(batch, key, dry_run=dry_run)

    async def read_back(self, listings: Sequence[str]) -> Mapping[str, int]:
        """See the port."""
        shown = await super().read_back(listings)
        if self.is_refusing:
            raise ChannelError(Result.AUTH, "token-over")
        return shown


def due(world: AccountWorld) -> None:
    """Let the pause be over."""
    world.account.gate.knocks.next_ms = 0
    world.account.sender.wake()


def test_tries_come_ever_later_until_a_push_was_taken() -> None:
    """30 s, then twice as long each time, 15 minutes at most; a refusal after an answered look goes on so."""
    knocks, now_ms, pauses = Knocks(), 1_000_000, []
    knocks.refused(now_ms)
    for _ in range(7):
        pauses.append(knocks.next_ms - now_ms)
        now_ms = knocks.next_ms
        knocks.begun(now_ms)
    assert pauses == [PAUSE_MS * times for times in (1, 2, 4, 8, 16)] + [PAUSE_MS_MAX] * 2
    knocks.refused(now_ms)
    assert knocks.next_ms - now_ms == PAUSE_MS_MAX
    knocks.over()
    knocks.refused(now_ms)
    assert knocks.next_ms - now_ms == PAUSE_MS


async def test_a_refused_account_is_asked_again_and_goes_on_when_it_is_let_in() -> None:
    """One question a pause, never a push; the answer brings the account back without an operator."""
    channel = Refusing()
    async with account_world(channel) as world:
        await world.until(lambda: AUTH in world.account.gate.row.parked)
        await world.quiet()
        assert not channel.looks
        due(world)
        await world.until(lambda: world.account.gate.row.parked.get(AUTH) == "token-over")
        world.account.sender.wake()
        await world.quiet()
        assert (len(channel.looks), len(channel.pushes)) == (1, 1)
        world.account._tell_once()
        await world.until(
            lambda: (
                isinstance(row := world.row(STATUS), StatusRow)
                and row.parked.get(AUTH, "").startswith("token-over; asked again in")
            )
        )
        channel.is_refusing = False
        due(world)
        await world.until(lambda: channel.shown == {"L0": 10, "L1": 10, "L2": 10})
        assert not world.account.gate.row.parked
        assert world.heard.told == ["channel_access_lost"]


async def test_access_that_was_taken_away_waits_for_somebody() -> None:
    """A grant that was revoked does not come back by asking."""
    channel = Refusing()
    async with account_world(channel) as world:
        await world.until(lambda: AUTH in world.account.gate.row.parked)
        world.account.gate.park(REVOKED, "by the merchant")
        channel.is_refusing = False
        due(world)
        await world.quiet()
        assert not channel.looks
        assert set(world.account.gate.row.parked) == {AUTH, REVOKED}


async def test_a_channel_that_cannot_be_asked_waits_for_somebody() -> None:
    """A push that finds out would tell a partner who asked not to be told."""
    channel = Refusing(can_read_back=False)
    async with account_world(channel) as world:
        await world.until(lambda: AUTH in world.account.gate.row.parked)
        channel.is_refusing = False
        due(world)
        await world.quiet()
        assert (len(channel.looks), len(channel.pushes)) == (0, 1)
        world.act("resume")
        await world.until(lambda: len(channel.shown) == 3)
