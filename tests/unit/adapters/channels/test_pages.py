from pathlib import Path

import pytest

from inventory_stream.adapters.channels.registry import ADAPTERS

PAGES = Path(__file__).parents[4] / "docs" / "channels"


@pytest.mark.parametrize("name", sorted(ADAPTERS))
def test_page_of_a_channel_names_all_that_its_entry_may_say(name: str) -> None:
    """Every option and every secret of an adapter stands in its page, and so does what is not verified."""
    spec = ADAPTERS[name]
    text = (PAGES / f"{name}.md").read_text()
    words = [*spec.options, *spec.secrets, *spec.optional_secrets]
    assert [word for word in words if f"`{word}`" not in text] == []
    if name != "template":  # of an API that nobody has
        assert spec.is_verified or "nverified" in text
        assert f"[{name}]({name}.md)" in (PAGES / "README.md").read_text()
