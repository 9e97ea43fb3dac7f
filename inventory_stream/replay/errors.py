"""What ends a replay before or while it runs. A bad row never does: it goes to the report."""

from inventory_stream.errors import InventoryStreamError


class MappingError(InventoryStreamError):
    """The mapping file is wrong. The message names file, line, rule, field and the way out."""


class SourceError(InventoryStreamError):
    """The file of rows cannot be read at all. The message names it and the way out."""


class ReplayStateError(InventoryStreamError):
    """The state of an earlier replay cannot be used. The message names its file and the way out."""
