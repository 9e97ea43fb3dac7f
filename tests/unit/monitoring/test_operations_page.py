"""docs/operations.md names every alarm."""

from tests.unit.monitoring.test_alerts import REPOSITORY, RULES


def test_page_lists_every_alarm_with_its_severity() -> None:
    """The table of alarms is that of the rules."""
    text = (REPOSITORY / "docs" / "operations.md").read_text(encoding="utf-8")
    for rule in RULES:
        page = rule["annotations"]["runbook"].removeprefix("docs/")
        assert f"| [{rule['alert']}]({page}) | {rule['labels']['severity']} |" in text
