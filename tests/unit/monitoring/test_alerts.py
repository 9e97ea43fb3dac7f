"""The alert rules: what they name exists, each is tested, each leads to a page that can be followed."""

import re
import shutil
import subprocess
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from inventory_stream.cli import Commands
from inventory_stream.metric_names import FOREIGN, METRICS, Kind

REPOSITORY = Path(__file__).parents[3]
OPS = REPOSITORY / "ops"
RUNBOOKS = REPOSITORY / "docs" / "runbooks"

RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((OPS / "alerts.yml").read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]
BY_NAME = {rule["alert"]: rule for rule in RULES}
CASES = [
    case
    for test in yaml.safe_load((OPS / "alerts_test.yml").read_text(encoding="utf-8"))["tests"]
    for case in test["alert_rule_test"]
]
# Metrics that a runbook looks at while its rule asks for another one.
BESIDE = {
    "WindowDecidedByCount": {"inventory_stream_window_seconds"},
    "ClaimsFlapping": {"inventory_stream_claims_total"},
}
SECTIONS = ("What it means", "What customers see", "How to look", "How to mend", "What not to do")
# Pages for an evening and not for an alarm, with sections of their own.
GUIDES = {"flash-sale.md"}

# What a histogram and a counter are called in a query.
EXPORTED = {metric.name for metric in METRICS} | set(FOREIGN)
EXPORTED |= {
    f"{metric.name}_{part}"
    for metric in METRICS
    if metric.kind is Kind.HISTOGRAM
    for part in ("bucket", "sum", "count")
}

PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(
    PROMTOOL is None, reason="promtool is not installed (apt install prometheus)"
)


def metrics_in(expression: str) -> set[str]:
    """Give the names in a query that are metrics by their form."""
    without_labels = re.sub(r"\{[^}]*\}|\[[^\]]*\]", "", expression)
    return set(re.findall(r"\b(?:inventory_stream|process)_\w+|\bup\b", without_labels))


def commands_of(page: Path) -> list[str]:
    """Give the commands of ours that a page tells to type."""
    text = page.read_text(encoding="utf-8")
    blocks = re.findall(r"^```\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = [line.partition("#")[0].strip() for block in blocks for line in block.splitlines()]
    lines += [code.replace("\n", " ") for code in re.findall(r"`(inventory-stream [^`]*)`", text)]
    return [line for line in lines if line.startswith("inventory-stream ")]


def options_of(command: str) -> tuple[set[str], list[str]]:
    """Follow a command line into the groups of commands; gives the options there, and what is left over.

    Raises:
        KeyError: there is no such command.
    """
    _, name, *words = command.split()
    found: Any = typer.main.get_command(import_module(Commands.entries[name].module).app)
    while hasattr(found, "commands"):
        found = found.commands[words.pop(0)]
    options = {
        option for parameter in found.params for option in (*parameter.opts, *parameter.secondary_opts)
    }
    return options, words


@pytest.mark.parametrize("rule", RULES, ids=list(BY_NAME))
def test_alert_says_how_bad_it_is_what_it_is_and_where_to_read_on(rule: dict[str, Any]) -> None:
    """Severity, summary and an existing runbook that has the alert's name on top."""
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert rule["annotations"]["summary"]
    page = REPOSITORY / rule["annotations"]["runbook"]
    assert page.parent == RUNBOOKS
    assert page.read_text(encoding="utf-8").splitlines()[0] == f"# {rule['alert']}"
    assert f"Severity: {rule['labels']['severity']}." in page.read_text(encoding="utf-8")


@pytest.mark.parametrize("rule", RULES, ids=list(BY_NAME))
def test_alert_asks_for_declared_metrics_alone(rule: dict[str, Any]) -> None:
    """A query that names a metric that nobody exports would never fire."""
    named = metrics_in(rule["expr"])
    assert named
    assert named <= EXPORTED


def test_every_worry_of_the_catalogue_has_its_rule() -> None:
    """A metric that names a runbook is asked for by the rule of that runbook."""
    for metric in METRICS:
        if metric.runbook:
            rule = next(
                one for one in RULES if one["annotations"]["runbook"].endswith(f"/{metric.runbook}.md")
            )
            parts = {metric.name, f"{metric.name}_bucket"}
            asked = metrics_in(rule["expr"])
            assert parts & asked or metric.name in BESIDE.get(rule["alert"], ()), metric.name


def test_every_alert_is_tested_firing_and_silent() -> None:
    """ops/alerts_test.yml has a world in which it fires and one in which it does not."""
    fires = {case["alertname"] for case in CASES if case.get("exp_alerts")}
    silent = {case["alertname"] for case in CASES if not case.get("exp_alerts")}
    assert fires == silent == BY_NAME.keys()


@needs_promtool
def test_rules_are_valid_and_fire_when_they_should() -> None:
    """Prometheus' own tool takes the rules and runs their tests."""
    for command in (["check", "rules", "alerts.yml"], ["test", "rules", "alerts_test.yml"]):
        ended = subprocess.run(  # noqa: S603  # a fixed command
            [PROMTOOL or "", *command], cwd=OPS, capture_output=True, text=True, check=False, timeout=60
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr


def test_every_page_belongs_to_an_alert() -> None:
    """No runbook is left of an alert that is gone."""
    named = {Path(rule["annotations"]["runbook"]).name for rule in RULES}
    assert {page.name for page in RUNBOOKS.glob("*.md")} == named | GUIDES


@pytest.mark.parametrize("page", sorted(RUNBOOKS.glob("*.md")), ids=lambda page: page.stem)
def test_page_can_be_followed(page: Path) -> None:
    """It has all sections; its commands, options, metrics and links exist."""
    text = page.read_text(encoding="utf-8")
    if page.name not in GUIDES:
        assert re.findall(r"^## (.*)$", text, re.MULTILINE) == list(SECTIONS)
    for command in commands_of(page):
        options, words = options_of(command)
        assert {word for word in words if word.startswith("-")} <= options, command
    for link in re.findall(r"\]\(([^)#]+)\)", text):
        assert (page.parent / link).is_file(), link
    assert metrics_in(text) <= EXPORTED
