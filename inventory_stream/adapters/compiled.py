"""Which ledger runs here: the Python source, or what mypyc compiled of it (docs/compiled.md)."""

from importlib.machinery import EXTENSION_SUFFIXES
from importlib.metadata import version
from importlib.util import find_spec


def is_ledger_compiled() -> bool:
    """Whether the ledger is made of extension modules; one of them tells for all that are compiled."""
    spec = find_spec("inventory_stream.ledger.decide")
    return spec is not None and str(spec.origin).endswith(tuple(EXTENSION_SUFFIXES))


def ledger_form() -> str:
    """Name it for people: `compiled` or `plain`."""
    return "compiled" if is_ledger_compiled() else "plain"


def installed() -> str:
    """Say what is installed here: the version and its ledger's form, as `1.0 (plain ledger)`."""
    return f"{version('inventory-stream')} ({ledger_form()} ledger)"
