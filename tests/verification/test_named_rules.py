"""Every rule is named by the test that proves it, and docs/verification.md says which."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = ROOT / "docs" / "verification.md"

RULES: Final = tuple(
    f"{letter}{number}"
    for letter, count in (("R", 30), ("I", 8), ("P", 12))
    for number in range(1, count + 1)
)

_RULE: Final = re.compile(r"\b[RIP]\d{1,2}\b")
# "P1-P7" names nothing in particular: a test of everything at once is not the proof of each.
_RANGE: Final = re.compile(r"\b[RIP]\d{1,2}\s*(?:-|to)\s*[RIP]?\d{1,2}\b")
_ROW: Final = re.compile(r"^\| ([RIP]\d{1,2}) \|.*`pytest ([^`]+)` \|$", re.MULTILINE)
_COMMAND: Final = re.compile(r"`(make|pytest) ([^`]+)`")


def rules_named(source: str) -> set[str]:
    """Give the rules that a test file names: in its own docstring or in one of a test, not in a range."""
    tree = ast.parse(source)
    texts = [ast.get_docstring(tree) or ""] + [
        ast.get_docstring(node) or ""
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    ]
    return {rule for text in texts for rule in _RULE.findall(_RANGE.sub("", text))}


@cache
def files_by_rule() -> Mapping[str, frozenset[str]]:
    """Give, for each rule, the files that name it."""
    found = defaultdict(set)
    for file in _test_files():
        for rule in rules_named(file.read_text()):
            found[rule].add(str(file.relative_to(ROOT)))
    return {rule: frozenset(files) for rule, files in found.items()}


def _test_files() -> Iterator[Path]:
    for file in (ROOT / "tests").rglob("*.py"):
        if file.name.startswith("test_") or file.name.endswith("_suite.py"):
            yield file


def test_every_rule_is_named_by_a_test() -> None:
    """A rule that no test names may be broken without anybody noticing."""
    unnamed = [rule for rule in RULES if not files_by_rule().get(rule)]
    assert not unnamed, f"no test names {', '.join(unnamed)}"


def test_no_test_names_a_rule_that_does_not_exist() -> None:
    """A number mistyped would leave the rule that was meant without its test."""
    unknown = {rule: sorted(files) for rule, files in files_by_rule().items() if rule not in RULES}
    assert not unknown


@pytest.mark.parametrize(
    ("page", "form"), [("rules.md", r"\*\*([RI]\d+)\*\*"), ("protocol.md", r"^### (P\d+) ")]
)
def test_every_rule_is_written_down(page: str, form: str) -> None:
    """A reader who meets a number finds what it says, once."""
    written = re.findall(form, (ROOT / "docs" / page).read_text(), re.MULTILINE)
    assert len(written) == len(set(written))
    expected = {rule for rule in RULES if (rule[0] == "P") == (page == "protocol.md")}
    assert set(written) == expected


def test_the_page_says_once_for_every_rule_what_proves_it() -> None:
    """docs/verification.md has a row for each rule, and none for another."""
    rows = [rule for rule, _ in _ROW.findall(PAGE.read_text())]
    assert sorted(rows) == sorted(RULES)


@pytest.mark.parametrize(("rule", "files"), _ROW.findall(PAGE.read_text()))
def test_what_the_page_names_for_a_rule_names_the_rule(rule: str, files: str) -> None:
    """A command of the page runs tests that say themselves what they prove."""
    assert set(files.split()) <= files_by_rule()[rule]


def test_every_command_of_the_page_can_be_run() -> None:
    """Each path is there, and each target is the Makefile's."""
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    commands = _COMMAND.findall(PAGE.read_text())
    assert len(commands) > len(RULES)
    for tool, words in commands:
        for word in words.split():
            if tool == "make":
                assert word in targets or re.fullmatch(r"[A-Z]+=\d+", word), f"make {words}"
            else:
                assert (ROOT / word).exists(), f"{tool} {words}"


def test_a_range_and_a_name_in_the_code_are_no_proof() -> None:
    """Only what a test says of itself counts: R1 is also the name of many a reservation."""
    source = '''
"""I8: of the file."""
def test_a() -> None:
    """R7-R9 and P1 to P3: too much at once. R11 (and R12): these."""
    run("reserve R1 units=8")
def helper() -> None:
    """R2."""
'''
    assert rules_named(source) == {"I8", "R11", "R12"}
