from pathlib import Path

import pytest

from inventory_stream.replay.compile import compile_mapping
from inventory_stream.replay.mapper import Mapper, Remark
from inventory_stream.replay.mapping_file import load_mapping
from inventory_stream.replay.refusals import EXPLANATIONS, Reason
from inventory_stream.replay.rows import ColumnKind, RowSource
from models.commands import Adjust, Command, Reserve, SetLocationGroup, TillSale
from tests.fakes.rows import FakeRows
from tests.unit.replay_files import OPENING, SALE, write_mapping

ANY = {"code": ColumnKind.ANY, "units": ColumnKind.ANY, "at": ColumnKind.ANY}
DAY_MS = 86_400_000
NEW_YEAR_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z


def results_of(tmp_path: Path, mapping: str, source: RowSource) -> list[Command | Remark]:
    """Map all rows of a source."""
    compiled = compile_mapping(load_mapping(write_mapping(tmp_path, mapping)), source, "f00d")
    mapper = Mapper(compiled)
    return [result for chunk in source.chunks(compiled.columns, 0) for result in mapper.map_chunk(chunk)]


def one(tmp_path: Path, mapping: str, **values: object) -> Command | Remark:
    """Map a single row."""
    row = {"code": "A", "units": 1, "at": "2026-01-02T00:00:00Z", **values}
    return results_of(tmp_path, mapping, FakeRows(ANY, [row]))[0]


def test_row_becomes_the_command_of_the_first_true_rule(tmp_path: Path) -> None:
    """A row is one command, with all fields as the rule says and an id of file and row."""
    assert one(tmp_path, SALE, units=3) == TillSale(
        id="f00d:1", sku="A", location="L1", units=3, effective_at=NEW_YEAR_MS + DAY_MS
    )


@pytest.mark.parametrize(
    ("values", "reason", "field"),
    [
        ({"units": -1}, Reason.NO_RULE, None),
        ({"units": None}, Reason.NO_RULE, None),
        ({"units": "many"}, Reason.NOT_A_NUMBER, "when"),
        ({"units": 1.5}, Reason.FRACTIONAL, "units"),
        ({"units": 1_000_000_001}, Reason.OUT_OF_RANGE, "units"),
        ({"code": None}, Reason.NULL, "sku"),
        ({"code": ""}, Reason.ID_EMPTY, "sku"),
        ({"code": "x" * 129}, Reason.ID_TOO_LONG, "sku"),
        ({"code": "A\n"}, Reason.CONTROL_CHARACTER, "sku"),
        ({"code": "A\x85"}, Reason.CONTROL_CHARACTER, "sku"),
        ({"code": "\udcff"}, Reason.BAD_TEXT, "sku"),
        ({"code": 1.5}, Reason.BAD_TEXT, "sku"),
        ({"at": None}, Reason.NULL, "effective_at"),
        ({"at": "noon"}, Reason.BAD_TIME, "effective_at"),
        ({"at": 5}, Reason.BAD_TIME, "effective_at"),
        ({"at": "1969-01-01T00:00:00Z"}, Reason.OUT_OF_RANGE, "effective_at"),
        ({"at": "2026-01-01T00:00:00Z"}, Reason.BEFORE_OPENING, "effective_at"),
    ],
)
def test_row_that_cannot_be_a_command_says_why(
    tmp_path: Path, values: dict[str, object], reason: Reason, field: str | None
) -> None:
    """A bad row is refused with its reason, the field that refused it, and the whole row."""
    remark = one(tmp_path, OPENING + SALE, **values)
    assert isinstance(remark, Remark)
    assert (remark.reason, remark.field, remark.skipped, remark.listed) == (reason, field, False, True)
    assert remark.data == {"code": "A", "units": 1, "at": "2026-01-02T00:00:00Z", **values}


def test_every_reason_is_explained() -> None:
    """Totals print what a reason means; none may be without words."""
    assert set(EXPLANATIONS) == set(Reason)


def test_time_after_the_opening_by_a_millisecond_is_taken(tmp_path: Path) -> None:
    """The opening swallows only what happened at or before it (R8)."""
    assert isinstance(one(tmp_path, OPENING + SALE, at="2026-01-01T00:00:00.001Z"), TillSale)


def test_skipped_row_keeps_its_named_reason(tmp_path: Path) -> None:
    """A rule may leave rows out, but with a reason that is counted and reported."""
    remark = one(tmp_path, SALE, units=0)
    assert isinstance(remark, Remark)
    assert (remark.skipped, remark.reason, remark.rule, remark.listed) == (True, "zero", "nothing", True)


def test_skip_rule_may_count_only(tmp_path: Path) -> None:
    """For millions of rows without meaning a rule may turn the listing off, never the counting."""
    remark = one(tmp_path, SALE.replace('reason = "zero"', 'reason = "zero"\nlist_rows = false'), units=0)
    assert isinstance(remark, Remark)
    assert (remark.listed, remark.data) == (False, None)


def test_negative_quantity_becomes_a_positive_adjust(tmp_path: Path) -> None:
    """A return of 12 in the file is a movement of +12, never of -12."""
    rule = (
        SALE
        + """
[[rules]]
name = "return"
command = "adjust"
id = "{file}:{row}"
sku = "{code}"
location = "L1"
delta = "-units"
effective_at = "at"
reason = "return"
"""
    )
    result = one(tmp_path, rule, units=-12)
    assert isinstance(result, Adjust)
    assert (result.delta, result.reason) == (12, "return")


def test_adjust_of_nothing_is_refused(tmp_path: Path) -> None:
    """R6: an adjust moves something."""
    rule = SALE.replace("till_sale", "adjust").replace('\nunits = "units"', '\ndelta = "units"')
    result = one(tmp_path, rule.replace("units > 0", "units >= 0"), units=0)
    assert isinstance(result, Remark)
    assert result.reason is Reason.OUT_OF_RANGE


def test_null_may_leave_an_optional_field_out(tmp_path: Path) -> None:
    """A missing order number need not cost a sale, if the mapping says so."""
    optional = SALE.replace("[[rules]]", "[[rules]]", 1).replace(
        'effective_at = "at"', 'effective_at = "at"\norder_id = { value = "{code}-{at}", when_null = "omit" }'
    )
    rule = optional.replace('sku = "{code}"', 'sku = "S"')
    result = one(tmp_path, rule, code=None)
    assert isinstance(result, TillSale)
    assert result.order_id is None
    full = one(tmp_path, rule, code="B", at="2026-01-02T00:00:00Z")
    assert isinstance(full, TillSale)
    assert full.order_id == "B-2026-01-02T00:00:00Z"


def test_orders_and_groups_can_be_mapped(tmp_path: Path) -> None:
    """Every command can be the target, with flags, words and lists as well as columns."""
    mapping = """
[[rules]]
name = "group"
when = "units == 0"
command = "location_group"
id = "{row}"
group = "all"
locations = ["{code}-1", "{code}-2"]

[[rules]]
name = "order"
command = "reserve"
id = "{row}"
reservation_id = "r{row}"
sku = "{code}"
units = "units"
ttl_seconds = 60
group = "all"
strategy = "split"
allow_partial = "units > 5"
"""
    rows = [{"code": "A", "units": units, "at": None} for units in (0, 1, 9)]
    assert results_of(tmp_path, mapping, FakeRows(ANY, rows)) == [
        SetLocationGroup(id="1", group="all", locations=("A-1", "A-2")),
        Reserve(id="2", reservation_id="r2", sku="A", units=1, ttl_seconds=60, group="all", strategy="split"),
        Reserve(
            id="3",
            reservation_id="r3",
            sku="A",
            units=9,
            ttl_seconds=60,
            group="all",
            strategy="split",
            allow_partial=True,
        ),
    ]


def test_codes_that_differ_by_case_stay_different(tmp_path: Path) -> None:
    """112 codes of Online Retail differ only by case and are other products."""
    results = results_of(
        tmp_path,
        SALE,
        FakeRows(ANY, [{"code": c, "units": 1, "at": "2026-01-02T00:00:00Z"} for c in ("85123a", "85123A")]),
    )
    assert [getattr(result, "sku", None) for result in results] == ["85123a", "85123A"]
