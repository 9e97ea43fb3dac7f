"""Streams of a client are counted while they are open."""

from contextlib import ExitStack

import pytest

from inventory_stream.gateway.problems import Problem
from inventory_stream.gateway.security.streams import Streams


def test_a_client_has_as_many_as_it_may_and_others_are_not_touched() -> None:
    """The next is 429 until one ends, however it ends; who has none open is not remembered."""
    streams = Streams(2)
    with ExitStack() as first, ExitStack() as second:
        first.enter_context(streams.holding("a"))
        second.enter_context(streams.holding("a"))
        with pytest.raises(Problem, match="2 streams") as refused, streams.holding("a"):
            pytest.fail("a third was let in")
        assert refused.value.kind.status == 429
        assert "Retry-After" in refused.value.headers
        with pytest.raises(ConnectionError), streams.holding("b"):
            raise ConnectionError
        first.close()
        first.enter_context(streams.holding("a"))
    assert len(streams) == 0
