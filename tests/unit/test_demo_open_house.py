"""What a finished demo says is there to try, and when it opens a browser."""

import pytest

from inventory_stream.cli.demo import stays_open
from inventory_stream.demo.open_house import has_display


@pytest.mark.parametrize(
    ("environment", "platform", "expected"),
    [
        ({"DISPLAY": ":0"}, "linux", True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "linux", True),
        ({"TERM": "xterm", "DISPLAY": ""}, "linux", False),
        ({}, "darwin", True),
    ],
)
def test_a_browser_is_opened_only_where_it_has_a_window(
    environment: dict[str, str], platform: str, *, expected: bool
) -> None:
    """Over ssh without a display no browser of text takes the terminal."""
    assert has_display(environment, platform) is expected


@pytest.mark.parametrize(
    ("asked", "environment", "is_terminal", "expected"),
    [
        (None, {}, True, True),
        (None, {}, False, False),
        (None, {"CI": "true"}, True, False),
        (True, {"CI": "true"}, False, True),
        (False, {}, True, False),
    ],
)
def test_the_shop_stays_open_where_somebody_can_close_it(
    environment: dict[str, str], *, asked: bool | None, is_terminal: bool, expected: bool
) -> None:
    """On a terminal until Ctrl-C; in a pipe or CI the demo ends by itself; what was asked for wins."""
    assert stays_open(environment, asked=asked, is_terminal=is_terminal) is expected
