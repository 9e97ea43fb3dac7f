"""Faults of the demo: one line each, with the way out."""

from inventory_stream.errors import InventoryStreamError


class DemoError(InventoryStreamError):
    """The demo cannot go on. The message says why, and what to do."""
