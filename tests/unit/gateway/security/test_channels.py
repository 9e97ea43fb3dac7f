"""A key of one channel reserves in that channel alone: channels have policies and units of their own."""

import pytest

from inventory_stream.gateway.endpoint import Caller, Scope
from inventory_stream.gateway.problems import Problem
from inventory_stream.gateway.reserving import Reserving
from inventory_stream.gateway.words.reservations import ReserveBody
from tests.fakes.desk import FakeDesk

WEB = Caller("isk_a", frozenset({Scope.STOREFRONT}), "web")
ANY = Caller("isk_b", frozenset({Scope.STOREFRONT}))


def channel_of(caller: Caller, channel: str | None = None, path: str | None = None) -> str | None:
    """Give the channel of what is asked of the ledger."""
    body = ReserveBody("S", 1, location="DC1", channel=channel, path=path)
    return Reserving(FakeDesk(), lambda: 0).asked(caller, "key", body).command.channel


def test_the_keys_channel_is_that_of_its_reservations() -> None:
    """Named or not; a key without a channel names any."""
    assert channel_of(WEB) == "web"
    assert channel_of(WEB, "web", "channel:web") == "web"
    assert channel_of(ANY, "market") == "market"
    assert channel_of(ANY) is None


@pytest.mark.parametrize(
    ("channel", "path"), [("market", None), (None, "channel:market"), ("market", "channel:web")]
)
def test_a_key_names_no_other_channel(channel: str | None, path: str | None) -> None:
    """Neither as the channel nor as the path whose units it takes."""
    with pytest.raises(Problem, match="of the channel 'web'"):
        channel_of(WEB, channel, path)
