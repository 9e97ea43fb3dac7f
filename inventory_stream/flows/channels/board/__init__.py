"""The board of one account: what waits, what is in flight, what was acknowledged; see `board.Board`."""

from inventory_stream.flows.channels.board.batch import Batch
from inventory_stream.flows.channels.board.board import FORMER_OWNER_MS, Board
from inventory_stream.flows.channels.board.mass_change import MassChange
from inventory_stream.flows.channels.board.standing import Sides, Waiting

__all__ = ["FORMER_OWNER_MS", "Batch", "Board", "MassChange", "Sides", "Waiting"]
