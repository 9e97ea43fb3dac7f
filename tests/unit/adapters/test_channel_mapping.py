"""The catalog mapping: read whole or refused with line numbers, and read anew when the file changes."""

import os
from pathlib import Path

import pytest

from inventory_stream.adapters.channel_mapping import MappingFile, load_mapping
from inventory_stream.errors import SettingsError
from inventory_stream.ports.integrations import MappedListing
from tests.unit.adapters.specs import SPECS, entry

ENTRIES = (entry("shop-nl"), entry("shop-de"))
HEAD = "integration,listing,sku,locations\n"
GOOD = f"""{HEAD}shop-nl,1/a,TEE-M,
shop-nl,2/a,TEE-L,ams|utr
shop-nl,3/a,TEE-M,ams

shop-de,1/a,TEE-M,
shop-nl,@place/655,,ams
shop-nl,@place/656,,ams
"""


def loaded(folder: Path, text: str = GOOD) -> MappingFile:
    """Write the file and read it."""
    path = folder / "mapping.csv"
    path.write_text(text)
    return load_mapping(path, ENTRIES, SPECS)


def refusal(folder: Path, *lines: str) -> list[str]:
    """Give the lines by which a file is refused."""
    with pytest.raises(SettingsError) as refused:
        loaded(folder, HEAD + "\n".join(lines))
    return str(refused.value).splitlines()


def changed(mapping: MappingFile, folder: Path, text: str) -> bool:
    """Replace the file, as an editor or a job does, and look until its state was seen twice."""
    (folder / "new.csv").write_text(text)
    (folder / "new.csv").replace(folder / "mapping.csv")
    return [mapping.look(), mapping.look()][-1]


def test_listings_are_found_by_id_by_sku_and_by_account(tmp_path: Path) -> None:
    """Each account sees its own lines; one SKU may be shown by several listings."""
    mapping = loaded(tmp_path)
    assert mapping.of_listing("web", "shop-nl", "2/a") == MappedListing("2/a", "TEE-L", ("ams", "utr"), 3)
    assert [row.listing for row in mapping.of_sku("web", "shop-nl", "TEE-M")] == ["1/a", "3/a"]
    assert [row.listing for row in mapping.listings("web", "shop-nl")] == ["1/a", "2/a", "3/a"]
    assert [row.line for row in mapping.listings("web", "shop-de")] == [6]
    assert mapping.of_listing("web", "shop-de", "2/a") is None
    assert mapping.of_sku("web", "shop-de", "TEE-L") == ()
    assert mapping.listings("web", "nobody") == ()


def test_places_are_translated(tmp_path: Path) -> None:
    """What a channel calls a place is one of our locations; a place is no listing."""
    mapping = loaded(tmp_path)
    assert mapping.location_of("web", "shop-nl", "655") == "ams"
    assert mapping.location_of("web", "shop-nl", "656") == "ams"
    assert mapping.location_of("web", "shop-de", "655") is None
    assert mapping.of_listing("web", "shop-nl", "@place/655") is None


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("shop-nl,1/a", "2 fields instead of integration,listing,sku,locations"),
        ("shop-be,1/a,TEE,", "integration 'shop-be' is not in the registry; there are: shop-de, shop-nl"),
        ("shop-nl,1,TEE,", "listing '1': has not two parts (parts: <item>/<place>)"),
        ("shop-nl,,TEE,", "listing '' is no identifier of 1-128 characters"),
        ("shop-nl,1/a,,", "sku '' is no identifier"),
        ("shop-nl,1/a,TE\x07E,", "sku 'TE\\x07E' is no identifier"),
        (f"shop-nl,1/{'a' * 127},TEE,", "is no identifier of 1-128 characters"),
        ("shop-nl,@status,TEE,", "only @place/<id of a place> may begin with @"),
        ("shop-nl,1/a,TEE,ams||utr", "location '' is no identifier"),
        ("shop-nl,1/a,TEE,ams|ams", "a location stands there twice"),
        ("shop-nl,@place/1,TEE,ams", "its third field stays empty"),
        ("shop-nl,@place/1,,", "location '' is no identifier"),
        ("shop-nl,@place/1,,ams|utr", "can be one location only"),
    ],
)
def test_wrong_line_is_told_by_its_number(tmp_path: Path, line: str, told: str) -> None:
    """A line that cannot be meant is named with what is wrong with it."""
    (refused,) = refusal(tmp_path, "shop-nl,9/z,OK,", line)
    assert f"{tmp_path}/mapping.csv', line 3: " in refused
    assert told in refused


def test_all_wrong_lines_are_told(tmp_path: Path) -> None:
    """Duplicates and others stand in one message, each with its line."""
    lines = refusal(
        tmp_path,
        "shop-nl,1/a,TEE,",
        "x,1/a,TEE,",
        "shop-nl,1/a,TOP,",
        "shop-nl,@place/1,,a",
        "shop-nl,@place/1,,b",
    )
    assert [line.split("', ")[1] for line in lines] == [
        "line 3: integration 'x' is not in the registry; there are: shop-de, shop-nl",
        "line 4: listing '1/a' of shop-nl stands in line 2 already",
        "line 6: place '1' is 'a' already",
    ]


def test_a_quote_or_a_byte_hides_no_other_wrong_line(tmp_path: Path) -> None:
    """An unclosed quote, bytes that are no UTF-8 and a line without an end are wrong lines like any other."""
    path = tmp_path / "mapping.csv"
    path.write_bytes(
        HEAD.encode()
        + b'shop-nl,"1/a,TEE,\r\nx,1/a,TEE,\r\n'
        + b"shop-nl,2/\xc3\xa9\xff,TEE,\n"
        + 'shop-nl,"3/é",TEE,\n'.encode()
        + b'shop-nl,"4/a"b,TEE,\n'
        + b'shop-nl,5/a,TEE,\nshop-nl,5/a,TEE,\n"'
    )
    with pytest.raises(SettingsError) as refused:
        load_mapping(path, ENTRIES, SPECS)
    assert [line.split("', ")[1] for line in str(refused.value).splitlines()] == [
        "line 2: a quote is not closed",
        "line 3: integration 'x' is not in the registry; there are: shop-de, shop-nl",
        "line 4: byte 0xff after 11 characters is no UTF-8",
        "line 6: quotes: ',' expected after '\"'",
        "line 8: listing '5/a' of shop-nl stands in line 7 already",
        "line 9: a quote is not closed",
    ]
    path.write_bytes(HEAD.encode() + b"x" * 1_000_000)
    with pytest.raises(SettingsError, match=r"line 2: 200,000 characters or more\n.*stopped at line 2$"):
        load_mapping(path, ENTRIES, SPECS)


def test_wrong_lines_beyond_the_bound_are_counted(tmp_path: Path) -> None:
    """A file that is another file does not fill the log, nor is it read to its end."""
    lines = refusal(tmp_path, *["x,1/a,TEE,"] * 10_000)
    assert len(lines) == 51
    assert lines[-1] == "and 451 more"


@pytest.mark.parametrize(
    ("text", "told"),
    [("listing,sku\n", "line 1: the first line must be"), (HEAD + 'shop-nl,"1/a,TEE,', "line 2: a quote")],
)
def test_file_of_another_form_is_refused(tmp_path: Path, text: str, told: str) -> None:
    """What is no mapping at all says so."""
    with pytest.raises(SettingsError, match=told):
        loaded(tmp_path, text)


def test_missing_file_is_named(tmp_path: Path) -> None:
    """The setting and the path stand in the message."""
    with pytest.raises(SettingsError, match=r"channels\.mapping_file = .*nowhere"):
        load_mapping(tmp_path / "nowhere.csv", ENTRIES, SPECS)


def test_changed_file_counts_without_a_restart(tmp_path: Path) -> None:
    """A new version replaces the old one whole, and whoever watches `version` sees it."""
    mapping = loaded(tmp_path)
    assert not mapping.look()
    assert changed(mapping, tmp_path, f"{HEAD}shop-nl,1/a,TEE-XL,\n")
    assert mapping.version == 2
    assert [row.sku for row in mapping.listings("web", "shop-nl")] == ["TEE-XL"]
    assert mapping.location_of("web", "shop-nl", "655") is None
    assert not mapping.look()


def test_file_that_is_being_written_is_left_alone(tmp_path: Path) -> None:
    """A first look at a new state reads nothing: half a file would take the other half off sale."""
    mapping = loaded(tmp_path)
    path = tmp_path / "mapping.csv"
    for written in range(1, 4):
        path.write_text(f"{HEAD}shop-nl,1/a,TEE-M,\n" * written)
        os.utime(path, ns=(written, written))
        assert not mapping.look()
    assert (mapping.version, mapping.count()) == (1, 4)


def test_broken_new_version_keeps_the_old_one(tmp_path: Path) -> None:
    """What was in use stays, the mistake is counted once and shown, and a mended file ends it."""
    mapping = loaded(tmp_path)
    assert not changed(mapping, tmp_path, f"{HEAD}shop-nl,1/a,TEE-M,\nshop-nl,1/a,TEE-M,\n")
    assert "line 3" in (mapping.wrong or "")
    assert not mapping.look()
    assert (mapping.version, mapping.refused, mapping.count()) == (1, 1, 4)
    assert changed(mapping, tmp_path, f"{HEAD}shop-nl,1/a,TEE-M,\n")
    assert (mapping.version, mapping.wrong) == (2, None)


def test_vanished_file_keeps_what_is_in_use(tmp_path: Path) -> None:
    """A file that is away for a moment takes nothing off sale; back as it was it is in use again."""
    mapping = loaded(tmp_path)
    path = tmp_path / "mapping.csv"
    path.rename(tmp_path / "away.csv")
    assert not mapping.look()
    assert not mapping.look()
    assert "cannot be read" in (mapping.wrong or "")
    assert (mapping.refused, mapping.count()) == (1, 4)
    (tmp_path / "away.csv").rename(path)
    mapping.look()
    assert mapping.wrong is None


def test_lines_are_a_sequence(tmp_path: Path) -> None:
    """They can be counted, sliced and walked through, and are equal each time."""
    rows = loaded(tmp_path).listings("web", "shop-nl")
    assert (len(rows), rows[-1], list(rows[1:])) == (3, rows[2], [rows[1], rows[2]])
    assert list(rows) == [rows[0], rows[1], rows[2]]
    with pytest.raises(IndexError):
        rows[3]


def test_texts_of_unchanged_lines_are_shared_after_a_change(tmp_path: Path) -> None:
    """A million lines read anew share what stayed, or memory would double for good."""
    mapping = loaded(tmp_path)
    before = mapping.of_listing("web", "shop-nl", "1/a")
    assert changed(mapping, tmp_path, GOOD + "shop-nl,4/a,TOP,\n")
    after = mapping.of_listing("web", "shop-nl", "1/a")
    assert before is not None
    assert after is not None
    assert after.listing is before.listing
    assert after.sku is before.sku
