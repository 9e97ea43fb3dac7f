"""The gateway's memory of the ledger: positions and statements of all partitions, never reservations."""

from inventory_stream.flows.shelf.shelf import MemoryShelf

__all__ = ["MemoryShelf"]
