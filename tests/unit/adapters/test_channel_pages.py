"""What the pages of channels show can be copied: every entry and every line of a mapping is taken."""

import re
from datetime import date
from pathlib import Path

import pytest

from inventory_stream.adapters.channel_mapping import load_mapping
from inventory_stream.adapters.channel_registry import load_registry
from inventory_stream.adapters.channels.registry import ADAPTERS
from tests.unit.adapters.specs import SPECS, entry

PAGES = Path(__file__).parents[3] / "docs" / "channels"
TODAY = date(2026, 11, 22)
ENTRIES = [
    pytest.param(block, id=f"{page.stem}-{number}")
    for page in sorted(PAGES.glob("*.md"))
    for number, block in enumerate(
        re.findall(r"^```toml\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    )
    if block.startswith("[[integration]]")
]


@pytest.mark.parametrize("block", ENTRIES)
def test_entry_of_a_page_is_taken(block: str, tmp_path: Path) -> None:
    """Nobody begins with an entry that is refused."""
    file = tmp_path / "registry.toml"
    file.write_text(block)
    assert load_registry(file, ADAPTERS, today=TODAY)


def test_every_channel_has_a_page_with_an_entry() -> None:
    """Also the webhook; the template is for engineers."""
    shown = {
        adapter for param in ENTRIES for adapter in re.findall(r'adapter = "(\w+)"', str(param.values[0]))
    }
    assert shown >= ADAPTERS.keys() - {"template"}


def test_mapping_of_its_page_is_taken(tmp_path: Path) -> None:
    """Listings, locations and a place."""
    text = (PAGES / "mapping.md").read_text()
    (block,) = re.findall(r"^```\n(integration,.*?)^```", text, re.MULTILINE | re.DOTALL)
    file = tmp_path / "mapping.csv"
    file.write_text(block)
    mapping = load_mapping(file, [entry("shop-nl")], SPECS)
    assert [row.locations for row in mapping.listings("web", "shop-nl")] == [(), ("amsterdam", "utrecht")]
    assert mapping.location_of("web", "shop-nl", "655441491") == "amsterdam"
