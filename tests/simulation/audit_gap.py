"""Tells the one thing that the protocol does not survive: two faults in one moment.

The coordinator gives an epoch to two owners, and the broker loses that id's state between their claims: both
claims hold, both number their rows from there, and one gets the acknowledgement of the other's append
(verification/ledger_claim/README.md).
"""

from models.rows import CLAIM_PREFIX, ClaimRow, decode_row
from tests.simulation.evidence import Crossed, Evidence, LogBatch


def is_in_the_gap(evidence: Evidence) -> bool:
    """Whether an owner was acknowledged an append that its twin wrote, where its own was to follow (P5)."""
    return any(_is_believed(evidence, crossed) for crossed in evidence.crossed)


def _is_believed(evidence: Evidence, crossed: Crossed) -> bool:
    before = [batch for batch in evidence.batches if batch.base < crossed.base]
    (taken,) = (batch for batch in evidence.batches if batch.base == crossed.base)
    # A claim's acknowledgement is believed only with its nonce, any other where the last one ended.
    if _is_control(taken) or not before or before[-1].by != crossed.by:
        return False
    claims = [batch for batch in before if _is_claim(batch)]
    return any(
        _are_parted_twins(evidence, twin, own)
        for own in claims
        for twin in claims
        if own.by == crossed.by and twin.by == taken.by
    )


def _is_control(batch: LogBatch) -> bool:
    return batch.rows[0].key.startswith(CLAIM_PREFIX)


def _is_claim(batch: LogBatch) -> bool:
    row = decode_row(batch.rows[0].key, batch.rows[0].value or b"") if _is_control(batch) else None
    return isinstance(row, ClaimRow) and not row.fenced


def _are_parted_twins(evidence: Evidence, earlier: LogBatch, later: LogBatch) -> bool:
    """Whether both claims name one id and epoch, and the broker lost its state between them."""
    is_same = (earlier.producer_id, earlier.epoch) == (later.producer_id, later.epoch)
    return is_same and any(earlier.base < end <= later.base for end in evidence.forgot_at)
