"""Where tables are printed."""

import sys
from typing import Final

from rich.console import Console

PLAIN_COLUMNS: Final = 160
"""Without a terminal rich would fold the tables at 80 columns."""


def console() -> Console:
    """Give the terminal, or a wide page where there is none."""
    return Console() if sys.stdout.isatty() else Console(width=PLAIN_COLUMNS)
