"""Version 1 may grow, and may not change: each rule of docs/compatibility.md, broken alone, is named."""

import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from inventory_stream.contracts.compatibility import Surface, breaks, surface
from inventory_stream.contracts.documents import SURFACE_FILE
from tests.unit.contracts.test_documents import FOLDER

Change = Callable[[Surface], Any]


def field(name: str, **changes: Any) -> dict[str, Any]:  # noqa: ANN401  # any promise
    """Give a field that may be left out."""
    return {"name": name, "schema": {"type": "string"}, "required": False, "default": "", **changes}


def find(fields: list[Any], name: str) -> dict[str, Any]:
    """Give the promise of one field."""
    return next(one for one in fields if one["name"] == name)


def swap(fields: list[Any]) -> None:
    """Let two places change."""
    fields[1], fields[2] = fields[2], fields[1]


BREAKS: dict[str, tuple[Change, str]] = {
    "command removed": (lambda now: now["commands"].pop("adjust"), "commands: adjust is gone"),
    "command on another topic": (
        lambda now: now["topics"]["stock-events"].remove("adjust"),
        "topics: stock-events carries no `adjust` any more",
    ),
    "field removed": (
        lambda now: now["commands"]["adjust"].remove(find(now["commands"]["adjust"], "reason")),
        "commands: adjust.reason is gone or has another name",
    ),
    "field renamed": (
        lambda now: find(now["commands"]["adjust"], "reason").update(name="why"),
        "commands: adjust.reason is gone or has another name",
    ),
    "fields reordered": (
        lambda now: swap(now["rows"]["PositionRow"]),
        "rows: PositionRow.sku moved from place 1 to 2",
    ),
    "field added before others": (
        lambda now: now["commands"]["adjust"].insert(2, field("lot")),
        "commands: adjust.location moved from place 2 to 3",
    ),
    "field added without a default": (
        lambda now: now["rows"]["PositionRow"].append(field("lot", required=True)),
        "rows: PositionRow.lot is new and has no default",
    ),
    "field retyped": (
        lambda now: find(now["rows"]["PositionRow"], "on_hand").update(schema={"type": "number"}),
        "rows: PositionRow.on_hand: schema was {'type': 'integer'}, is {'type': 'number'}",
    ),
    "field required": (
        lambda now: find(now["commands"]["adjust"], "reason").update(required=True),
        "commands: adjust.reason: required was False, is True",
    ),
    "default changed": (
        lambda now: find(now["commands"]["return"], "sellable").update(default=False),
        "commands: return.sellable: default was True, is False",
    ),
    "outcome renumbered": (
        lambda now: now["outcomes"].update(SOLD_OUT=141),
        "outcomes: SOLD_OUT was 41, is 141",
    ),
    "outcome removed": (lambda now: now["outcomes"].pop("SOLD_OUT"), "outcomes: SOLD_OUT is gone"),
    "number reused": (
        lambda now: now["outcomes"].update(OTHER=41),
        "outcomes: OTHER takes the number 41 of SOLD_OUT",
    ),
    "row key changed": (
        lambda now: now["row_keys"].update({"p/": "ReceiptRow"}),
        "row_keys: p/ was 'PositionRow', is 'ReceiptRow'",
    ),
    "row schema raised": (
        lambda now: now["row_schema"].update(number=2),
        "row_schema: number was 1, is 2",
    ),
    "event field dropped": (
        lambda now: now["events"]["Availability"].remove(find(now["events"]["Availability"], "sku")),
        "events: Availability.sku is gone or has another name",
    ),
    "event field may be missing": (
        lambda now: find(now["events"]["Availability"], "sku").update(required=False, default=""),
        "events: Availability.sku: required was True, is False",
    ),
}


@pytest.mark.parametrize(("change", "line"), BREAKS.values(), ids=BREAKS)
def test_broken_promise_is_named(change: Change, line: str) -> None:
    """What would mislead a producer, a reader or a stored row is one line that says what and where."""
    now = surface()
    change(now)
    assert line in breaks(surface(), now)


GROWTH: dict[str, Change] = {
    "nothing": lambda now: now,
    "command": lambda now: (now["commands"].update(new=[]), now["topics"]["stock-events"].append("new")),
    "field at the end of a command": lambda now: now["commands"]["adjust"].append(field("lot")),
    "field at the end of a row": lambda now: now["rows"]["ReservationRow"].append(field("lot")),
    "field anywhere in an event": lambda now: now["events"]["Availability"].insert(0, field("lot")),
    "required field in an event": lambda now: now["events"]["Availability"].append(
        field("lot", required=True)
    ),
    "outcome": lambda now: now["outcomes"].update(NEW=99),
    "kind of row": lambda now: (now["row_keys"].update({"s/new/": "NewRow"}), now["rows"].update(NewRow=[])),
}


@pytest.mark.parametrize("change", GROWTH.values(), ids=GROWTH)
def test_growth_breaks_nothing(change: Change) -> None:
    """Version 1 goes on when it only learns new words, and old ones gain optional parts at their ends."""
    now = deepcopy(surface())
    change(now)
    assert breaks(surface(), now) == []


def test_committed_promises_are_kept() -> None:
    """The code still does what every release of version 1 has promised."""
    promised = json.loads((FOLDER / SURFACE_FILE).read_text())
    assert breaks(promised, surface()) == []
    assert promised == json.loads(json.dumps(surface())), (
        "record what is new: inventory-stream contracts write"
    )
