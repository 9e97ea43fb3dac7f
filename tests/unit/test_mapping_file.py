from pathlib import Path

import pytest

from inventory_stream.replay.compile import compile_mapping
from inventory_stream.replay.errors import MappingError
from inventory_stream.replay.mapping_file import load_mapping
from inventory_stream.replay.readers.csv_lines import CsvSource
from tests.unit.replay_files import write_csv, write_mapping

GOOD_RULE = """
[[rules]]
name = "sale"
command = "till_sale"
id = "{file}:{row}"
sku = "{code}"
location = "L1"
units = "units"
effective_at = "2026-01-01T00:00:00Z"
"""


def faults_of(tmp_path: Path, text: str, *, version: str = "version = 1\n") -> str:
    """Load and compile a mapping against a file with columns code, units, at; give the error's text."""
    path = write_mapping(tmp_path, text, version=version)
    try:
        mapping = load_mapping(path)
        compile_mapping(mapping, CsvSource(write_csv(tmp_path), mapping.mapping.csv), "f")
    except MappingError as error:
        return str(error)
    pytest.fail("the mapping was accepted")


@pytest.mark.parametrize(
    ("what", "text", "expected"),
    [
        (
            "unknown column",
            GOOD_RULE.replace('"{code}"', '"{cod}"'),
            ["line 7", "'sale'", "'sku'", "did you mean 'code'"],
        ),
        ("unknown field", GOOD_RULE + 'skuu = "x"\n', ["'sale'", "field 'skuu'", "did you mean 'sku'"]),
        ("unknown command", GOOD_RULE.replace("till_sale", "sell"), ["field 'command'", "till_sale", "skip"]),
        ("missing field", GOOD_RULE.replace('units = "units"\n', ""), ["'sale'", "needs the field 'units'"]),
        (
            "quantity that is code",
            GOOD_RULE.replace('"units"', "\"__import__('os')\""),
            ["'units'", "is no quantity"],
        ),
        ("power", GOOD_RULE.replace('"units"', '"units ** 9"'), ["'units'", "is no quantity"]),
        ("text as quantity", GOOD_RULE.replace('"units"', '"units +"'), ["'units'", "cannot be read"]),
        ("constant out of range", GOOD_RULE.replace('"units"', "0"), ["'units'", "out_of_range"]),
        (
            "constant id too long",
            GOOD_RULE.replace('"L1"', '"' + "x" * 129 + '"'),
            ["'location'", "id_too_long"],
        ),
        ("open brace", GOOD_RULE.replace('"{code}"', '"{code"'), ["'sku'", "single '{'"]),
        ("time without offset", GOOD_RULE.replace("00:00:00Z", "00:00:00"), ["'effective_at'", "no offset"]),
        (
            "omit what is needed",
            GOOD_RULE.replace('"{code}"', '{ value = "{code}", when_null = "omit" }'),
            ["'sku'", "cannot be omitted"],
        ),
        (
            "bad condition",
            GOOD_RULE.replace("command", 'when = "units"\ncommand', 1),
            ["field 'when'", "is no condition"],
        ),
        ("skip without reason", '[[rules]]\nname = "s"\ncommand = "skip"\n', ["'s'", "needs a `reason`"]),
        (
            "rule after a catch-all",
            GOOD_RULE + GOOD_RULE.replace('"sale"', '"late"'),
            ["'late'", "takes every row"],
        ),
        ("same name twice", GOOD_RULE + GOOD_RULE, ["two rules are named 'sale'"]),
        ("no rules", "", ["rules"]),
        ("unknown section", GOOD_RULE + "\n[opning]\non_hand = 1\n", ["opning"]),
        ("unused default", '[defaults]\nchannel = "web"\n' + GOOD_RULE, ["defaults.channel", "remove it"]),
        ("unknown zone", '[time]\ntimezone = "Mars/Base"\n' + GOOD_RULE, ["time", "'Mars/Base'", "IANA"]),
        (
            "opening without zone",
            '[opening]\non_hand = 1\neffective_at = "2026-01-01T00:00:00"\n' + GOOD_RULE,
            ["opening", "offset"],
        ),
        ("not TOML", "rules = [", ["not valid TOML", "end of document"]),
    ],
    ids=lambda value: value if isinstance(value, str) and value.replace(" ", "").isalpha() else "",
)
def test_wrong_mapping_is_refused_at_start(tmp_path: Path, what: str, text: str, expected: list[str]) -> None:
    """A wrong mapping ends the replay before the first row, naming file, rule, field and way out."""
    message = faults_of(tmp_path, text)
    assert "mapping.toml" in message, what
    for part in expected:
        assert part in message, f"{what}: {message}"


def test_missing_file_is_named(tmp_path: Path) -> None:
    """A mapping that is not there gives one line with its path."""
    with pytest.raises(MappingError, match=r"none\.toml.*not readable"):
        load_mapping(tmp_path / "none.toml")


def test_all_faulty_rules_are_named_at_once(tmp_path: Path) -> None:
    """Two wrong rules give two lines, so that nobody has to run it twice."""
    wrong = GOOD_RULE.replace('"{code}"', '"{cod}"').replace('command = "', 'when = "units > 0"\ncommand = "')
    message = faults_of(tmp_path, wrong + wrong.replace('"sale"', '"other"'))
    assert len(message.splitlines()) == 2
    assert "'sale'" in message
    assert "'other'" in message


def test_reserve_needs_exactly_one_place(tmp_path: Path) -> None:
    """A reserve names a location or a group: without either the ledger could decide nothing."""
    rule = """
[[rules]]
name = "order"
command = "reserve"
id = "{row}"
reservation_id = "{row}"
sku = "{code}"
units = 1
ttl_seconds = 60
"""
    assert "either `location` or `group`" in faults_of(tmp_path, rule)


@pytest.mark.parametrize("name", ["online_retail.toml", "freshretail.toml"])
def test_shipped_mappings_are_valid(name: str) -> None:
    """What the documentation shows must load."""
    docs = Path(__file__).parents[2] / "docs" / "mappings"
    assert load_mapping(docs / name).mapping.rules
