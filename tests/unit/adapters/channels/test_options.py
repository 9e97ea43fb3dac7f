from typing import Annotated

import msgspec
import pytest
from msgspec import Meta

from inventory_stream.adapters.channels.options import described, option_mistake, options_of
from inventory_stream.ports.integrations import Integration


class _Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    rate: Annotated[float, Meta(gt=0, le=10, description="calls per second; default 5")] = 5.0
    plan: Annotated[str, Meta(pattern="^[a-z]+$", description="of the shop; default small")] = "small"


def _entry(**options: object) -> Integration:
    return Integration("shop", "fake", "web", "one", "you", "me", 10.0, 0.01, "on", None, None, None, options)


def test_options_have_their_defaults() -> None:
    """What an entry does not say is as the adapter says; a whole number is a number."""
    assert options_of(_entry(), _Options) == _Options()
    assert options_of(_entry(rate=2), _Options) == _Options(rate=2.0)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"rate": 0}, "rate"),
        ({"rate": "much"}, "rate"),
        ({"rates": 1}, "rates"),
        ({"plan": "S3cret!"}, "plan"),
    ],
)
def test_mistake_names_the_option_and_not_its_value(options: dict[str, object], word: str) -> None:
    """A secret that somebody wrote into an option is not repeated."""
    mistake = option_mistake(_entry(**options), _Options)
    assert mistake is not None
    assert word in mistake
    assert "S3cret" not in mistake
    assert "much" not in mistake


def test_meanings_are_those_of_the_types() -> None:
    """The guide and the messages have one source."""
    assert described(_Options) == {
        "rate": "calls per second; default 5",
        "plan": "of the shop; default small",
    }
