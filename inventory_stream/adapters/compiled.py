"""Which ledger runs here: the Python source, or what mypyc compiled of it (docs/compiled.md)."""

from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import find_spec


def is_ledger_compiled() -> bool:
    """Whether the ledger is made of extension modules; one of them tells for all that are compiled."""
    spec = find_spec("inventory_stream.ledger.decide")
    return spec is not None and str(spec.origin).endswith(tuple(EXTENSION_SUFFIXES))


def ledger_form() -> str:
    """Name it for people: `compiled` or `plain`."""
    return "compiled" if is_ledger_compiled() else "plain"
