"""The pages about settings and rights say what the code says."""

from pathlib import Path
from typing import Final

from inventory_stream.cli.rights import ROLES, Operation, rights_of
from inventory_stream.cli.rights_page import with_table
from inventory_stream.settings.page import page
from tests.security.shop import GATEWAY_RULES, OPERATOR_RULES, PROJECTION_RULES, STOREFRONT_RULES

DOCS: Final = Path(__file__).parents[2] / "docs"


def test_the_page_of_settings_is_current() -> None:
    """docs/settings.md is what the command writes: python -m inventory_stream.settings.page."""
    assert (DOCS / "settings.md").read_text(encoding="utf-8") == page()


def test_the_table_of_rights_is_current() -> None:
    """docs/security.md has what the command writes: python -m inventory_stream.cli.rights_page."""
    text = (DOCS / "security.md").read_text(encoding="utf-8")
    assert text == with_table(text)


def test_the_users_of_redis_are_those_that_the_tests_run_with() -> None:
    """What an operator copies from the page is what was tried."""
    text = (DOCS / "security.md").read_text(encoding="utf-8")
    assert PROJECTION_RULES in text
    assert GATEWAY_RULES in text
    assert STOREFRONT_RULES in text
    assert OPERATOR_RULES in text


def test_only_ledger_workers_may_write_the_ledger() -> None:
    """P12: no other process is given that right."""
    writers = {
        role
        for role in ROLES
        for right in rights_of(role, lambda name: name)
        if right.name == "ledger" and Operation.WRITE in right.operations
    }
    assert writers == {"worker ledger"}
