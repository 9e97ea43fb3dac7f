"""What one batch of decisions writes: rows in order, positions once, counts for the metrics."""

from typing import Final, NamedTuple

from inventory_stream.ledger.position import Position
from inventory_stream.ledger.rules import BATCH_BYTES
from inventory_stream.ledger.state import PartitionState
from models.rows import (
    FIRST_ANSWER,
    PROGRESS_KEY,
    REPEATED_ANSWER,
    BackorderRow,
    FenceRow,
    LimitUseRow,
    PoolRow,
    ReceiptRow,
    ReservationRow,
    encode_row,
    receipt_key,
    reservation_key,
)

OUTCOMES: Final = 128
"""Size of the outcome counter: outcome numbers are below it."""
# What a position row and a row's overhead in a record batch may add, estimated high: the position
# rows of a batch are written at its end, and the batch must still close below aiokafka's limit.
ROW_OVERHEAD_BYTES: Final = 24
# A position row is its key, once more its two names, 14 integers of up to 9 bytes, and its product.
_POSITION_INTEGERS_BYTES: Final = 130

# A row of a sale is its key, once more its names, and at most 13 integers.
_CLAIM_INTEGERS_BYTES: Final = 120

SaleRow = PoolRow | FenceRow | BackorderRow | LimitUseRow


class ImpossibleCommandError(Exception):
    """A command that decodes but cannot mean anything: a dead letter, with this as the reason."""


class Refused(NamedTuple):
    """A command that goes to the dead letters, by its place in the input."""

    source: str
    offset: int
    pack_index: int
    reason: str


class Sealed(NamedTuple):
    """One atomic append: the rows of whole commands, then sales, positions, and `@progress` (P6).

    `outcomes[n]` counts the decisions with outcome number n; `repeats` those of them that heard
    their first answer again (R27), an id with other content not among them. `dropped_memories` counts
    early commands that waited in vain (R21), `folded_by_count` the rows that left because there were
    too many, before their time (R29).
    """

    rows: list[tuple[bytes, bytes | None]]
    refused: list[Refused]
    outcomes: list[int]
    expired_units: int
    revoked_units: int
    clock_ahead: int
    repeats: int = 0
    dropped_memories: int = 0
    folded_by_count: int = 0


class Batch:
    """Rows of the decisions since the last seal. `now_ms` is the decision time of all of them (R26)."""

    __slots__ = (
        "bytes_max",
        "claims",
        "clock_ahead",
        "dropped_memories",
        "expired_units",
        "fell_short",
        "folded_by_count",
        "now_ms",
        "outcomes",
        "refused",
        "repeats",
        "revoked_units",
        "rows",
        "size_bytes",
        "term",
        "touched",
        "unsettled",
    )

    def __init__(self, term: int, now_ms: int) -> None:
        self.term = term
        self.now_ms = now_ms
        self.rows: list[tuple[bytes, bytes | None]] = []
        self.touched: dict[Position, None] = {}
        self.claims: dict[bytes, SaleRow | None] = {}
        self.unsettled: dict[Position, None] = {}
        self.fell_short: set[Position] = set()
        self.refused: list[Refused] = []
        self.outcomes = [0] * OUTCOMES
        self.bytes_max = BATCH_BYTES
        self.size_bytes = 0
        self.expired_units = 0
        self.revoked_units = 0
        self.clock_ahead = 0
        self.dropped_memories = 0
        self.folded_by_count = 0
        self.repeats = 0

    @property
    def is_full(self) -> bool:
        """Whether the batch must be sealed before the next command."""
        return self.size_bytes >= self.bytes_max

    def write(self, key: bytes, value: bytes | None) -> None:
        """Add a row; None is a tombstone."""
        self.rows.append((key, value))
        self.size_bytes += len(key) + (len(value) if value else 0) + ROW_OVERHEAD_BYTES

    def write_fresh(self, reservation_ids: list[str], values: list[bytes]) -> None:
        """Add the short rows of new reservations, one value each, whose size is counted already.

        All keys are encoded at once, a third of the cost of one by one; where an id has a character
        that keys escape (`encode_id`) or that takes more than a byte, what that adds is counted now.
        """
        joined = "\0r/".join(reservation_ids)
        is_plain = (
            joined.isascii()
            and joined.count("/") == len(reservation_ids) - 1
            and not ("%" in joined or "{" in joined or "}" in joined)
        )
        if is_plain:
            keys = ("r/" + joined).encode().split(b"\0")
        else:
            keys = [reservation_key(one) for one in reservation_ids]
            self.size_bytes += sum(map(len, keys)) - sum(2 + len(one) for one in reservation_ids)
        self.rows.extend(zip(keys, values, strict=True))

    def write_reservation(
        self, reservation: ReservationRow, answered: int, repeat: int = FIRST_ANSWER
    ) -> None:
        """Add the row of a reservation, saying which of its answers it gives (-1: none)."""
        reservation.term = self.term
        reservation.answered = answered
        reservation.repeat = repeat
        if repeat == REPEATED_ANSWER:
            self.repeats += 1
        self.write(reservation_key(reservation.reservation_id), encode_row(reservation))

    def write_receipt(self, receipt: ReceiptRow, repeat: int = FIRST_ANSWER) -> tuple[bytes, bytes]:
        """Add the row of a receipt; gives its key and value, for who keeps it."""
        receipt.term = self.term
        receipt.repeat = repeat
        if repeat == REPEATED_ANSWER:
            self.repeats += 1
        key = receipt_key(receipt.command_id, receipt.reservation_id)
        value = encode_row(receipt)
        self.write(key, value)
        return key, value

    def touch(self, position: Position) -> None:
        """One change of a position: its version grows, and its row is written at the seal (I5).

        `fell_short` has the positions whose last change left a shortfall, or a larger one (R11).
        """
        position.version += 1
        short = max(0, -position.uncommitted)
        if short > position.short:
            self.fell_short.add(position)
        elif position.short:
            self.fell_short.discard(position)
        position.short = short
        if position not in self.touched:
            self.rewrite(position)
        if position.claims is not None:
            self.unsettled[position] = None

    def claim(self, position: Position, key: bytes, row: SaleRow | None) -> None:
        """One change of a position's pool, fence or backorder: both rows are written at the seal.

        None: the claim is no more. `unsettled` has the positions whose claims must be looked at after
        the command (R4, R24).
        """
        self.put(key, row)
        self.touch(position)

    def put(self, key: bytes, row: SaleRow | None) -> None:
        """Have a row of a sale written at the seal, once for all its changes; None: a tombstone."""
        if key not in self.claims:
            self.size_bytes += 2 * len(key) + _CLAIM_INTEGERS_BYTES + ROW_OVERHEAD_BYTES
        self.claims[key] = row

    def rewrite(self, position: Position) -> None:
        """Have a position's row written at the seal, changed (touch) or only told anew (base, horizon)."""
        if position not in self.touched:
            self.touched[position] = None
            self.size_bytes += 2 * len(position.key) + _POSITION_INTEGERS_BYTES + ROW_OVERHEAD_BYTES
            if position.product is not None:
                self.size_bytes += len(position.product.encode())

    def seal(self, state: PartitionState) -> Sealed:
        """Close the batch: rows of sales, then of positions, then progress. Use a new batch afterwards."""
        rows = self.rows
        for key, row in self.claims.items():
            if row is not None:
                row.term = self.term
            rows.append((key, None if row is None else encode_row(row)))
        for position in self.touched:
            rows.append((position.key, position.encoded(self.term)))
        rows.append((PROGRESS_KEY, encode_row(state.progress_row())))
        return Sealed(
            rows,
            self.refused,
            self.outcomes,
            self.expired_units,
            self.revoked_units,
            self.clock_ahead,
            self.repeats,
            self.dropped_memories,
            self.folded_by_count,
        )
