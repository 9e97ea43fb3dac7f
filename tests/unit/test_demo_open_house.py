"""What a finished demo says is there to try, and when it opens a browser."""

import pytest

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
