"""The committed contracts are what the code says, and are valid in their own languages."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jsonschema import Draft7Validator, Draft202012Validator

from inventory_stream.adapters.kafka.dead_letters import encode_letter
from inventory_stream.adapters.kafka.topic_rules import topic_specs
from inventory_stream.contracts.documents import SURFACE_FILE, ContractBrokenError, documents, outdated, write
from inventory_stream.contracts.records import outcome_meanings
from inventory_stream.ports.audit import AuditRow
from inventory_stream.ports.dead_letters import DeadLetter
from inventory_stream.settings import Settings
from models.codec import encode_command, encode_pack, to_positional
from models.commands import Adjust, Reserve
from models.events import Availability, LocationAvailability, availability_changed, encode_event
from models.outcomes import Outcome

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "docs" / "contracts"
ASYNCAPI_SCHEMA = ROOT / ".run/node/node_modules/@asyncapi/specs/schemas/3.0.0.json"
"""Where .ci/run installs the npm package that holds AsyncAPI's own schema."""

SCHEMAS = sorted(set(documents()) - {"asyncapi.json"})


def validator(name: str) -> Draft202012Validator:
    """Give a validator of a committed schema."""
    return Draft202012Validator(json.loads((FOLDER / name).read_text()))


def test_committed_contracts_are_current() -> None:
    """What outside teams read is what this code does; `inventory-stream contracts write` mends it."""
    assert outdated(FOLDER) == []
    assert {path.name for path in FOLDER.iterdir()} == {*documents(), SURFACE_FILE}


@pytest.mark.parametrize("name", SCHEMAS)
def test_schema_is_valid_in_its_dialect(name: str) -> None:
    """Each document is good JSON Schema 2020-12, and says what it is about."""
    schema = json.loads((FOLDER / name).read_text())
    Draft202012Validator.check_schema(schema)
    assert schema["$id"] == f"urn:inventory-stream:contracts:1:{name.removesuffix('.json')}"
    assert schema["title"]
    assert schema["description"]


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_struct_is_described(name: str) -> None:
    """Descriptions come from docstrings: a command, row or event without one is noticed here."""
    for title, part in json.loads((FOLDER / name).read_text()).get("$defs", {}).items():
        if title not in {"Command", "PositionalCommand"}:
            assert len(part["description"]) > 20, title


def test_every_outcome_has_its_number_and_meaning() -> None:
    """Nobody has to read code to learn what an answer means."""
    assert set(outcome_meanings()) == {outcome.name for outcome in Outcome}
    parts = json.loads((FOLDER / "outcomes.json").read_text())["oneOf"]
    assert {part["title"]: part["const"] for part in parts} == {one.name: int(one) for one in Outcome}
    assert all(len(part["description"]) > 10 for part in parts)


def test_places_of_rows_are_named() -> None:
    """A row is an array: each place says which field it is, the version and the owner's term first."""
    parts = json.loads((FOLDER / "ledger.json").read_text())["$defs"]
    position = [place["title"] for place in parts["PositionRow"]["prefixItems"]]
    assert position[:5] == ["schema_version", "term", "sku", "location", "on_hand"]
    assert [place["title"] for place in parts["Movement"]["prefixItems"]][:2] == ["type", "location"]
    assert next(place["title"] for place in parts["Answer"]["prefixItems"]) == "command_id"


def test_what_the_code_writes_is_valid() -> None:
    """Commands, an event and a letter, each as its writer writes it."""
    reserve = Reserve("i", "r", "S", 2, 600, location="DC1")
    adjust = Adjust("i", "S", "DC1", -1, 1)
    for name, value in (
        ("order-events.json", encode_command(reserve)),
        ("order-events.json", encode_pack([reserve, reserve])),
        ("order-events.json", encode_pack([to_positional(reserve)])),
        ("stock-events.json", encode_command(adjust)),
        (
            "availability-changed.json",
            encode_event(
                availability_changed(
                    "/x/0", Availability("S", 1, 0, "1:2", {"A": LocationAvailability(1, 0)}), "1-2", 5
                )
            ),
        ),
        ("dead-letters.json", encode_letter(DeadLetter("t", 1, 2, None, "why", None, b"x" * 2_000_000, 5))),
        (
            "audit.json",
            msgspec.json.encode(
                AuditRow(at_ms=1, caller="c", act="a", subject="s", outcome="201", request_id="r")
            ),
        ),
        ("dead-letters.json", encode_letter(DeadLetter("t", 1, 2, 7, "why", b"k", None, 5))),
    ):
        validator(name).validate(json.loads(value))
    assert not validator("stock-events.json").is_valid(json.loads(encode_command(reserve)))


def references(part: Any) -> Iterator[str]:  # noqa: ANN401  # any JSON
    """Give every $ref of a document."""
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for value in part.values():
            yield from references(value)
    elif isinstance(part, list):
        for value in part:
            yield from references(value)


def test_asyncapi_names_every_topic_and_existing_schemas() -> None:
    """No topic is left out, and each reference leads somewhere."""
    document = json.loads((FOLDER / "asyncapi.json").read_text())
    assert set(document["channels"]) == {spec.name for spec in topic_specs(Settings())}
    for reference in references(document):
        if reference.startswith("./"):
            assert (FOLDER / reference).is_file(), reference
            continue
        part = document
        for step in reference.removeprefix("#/").split("/"):
            part = part[step]


def test_asyncapi_is_valid_by_its_official_schema() -> None:
    """Generators and portals of other teams take it: AsyncAPI 3's own schema finds no fault."""
    if not ASYNCAPI_SCHEMA.is_file():
        pytest.skip("AsyncAPI's schema is not here: npm install --prefix .run/node @asyncapi/specs@6.11.1")
    faults = Draft7Validator(json.loads(ASYNCAPI_SCHEMA.read_text())).iter_errors(
        json.loads((FOLDER / "asyncapi.json").read_text())
    )
    assert [f"{fault.json_path}: {fault.message}" for fault in faults] == []


def test_written_contracts_are_current_and_only_what_changed_is_written(tmp_path: Path) -> None:
    """The command writes all files once, then those that differ."""
    assert set(write(tmp_path)) == {*documents(), SURFACE_FILE}
    assert outdated(tmp_path) == []
    (tmp_path / "outcomes.json").write_text("{}")
    assert outdated(tmp_path) == ["outcomes.json"]
    assert write(tmp_path) == ["outcomes.json"]


def test_broken_promise_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    """A promise that the code does not keep stays promised until somebody decides otherwise."""
    write(tmp_path)
    promised = json.loads((tmp_path / SURFACE_FILE).read_text())
    promised["outcomes"]["GRANTED"] = 99
    text = json.dumps(promised)
    (tmp_path / SURFACE_FILE).write_text(text)
    (tmp_path / "outcomes.json").write_text("{}")
    with pytest.raises(ContractBrokenError, match="outcomes: GRANTED was 99, is 1"):
        write(tmp_path)
    assert (tmp_path / SURFACE_FILE).read_text() == text
    assert (tmp_path / "outcomes.json").read_text() == "{}"
