"""Tells the one thing that the protocol does not survive: two faults in one moment.

The coordinator gives an epoch to two owners, and the broker loses that id's state between their claims: both
claims hold, both number their rows from there, and one gets the acknowledgement of the other's append
(verification/ledger_claim/README.md).
"""

from models.rows import CLAIM_PREFIX, ClaimRow, decode_row
from tests.simulation.evidence import Evidence, LogBatch


def is_in_the_gap(evidence: Evidence) -> bool:
    """Whether an owner was acknowledged an append that its twin wrote, both claims having held."""
    by_base = {batch.base: batch for batch in evidence.batches}
    claims = [batch for batch in evidence.batches if _is_claim(batch)]
    return any(
        _are_parted_twins(evidence, twin, own)
        for crossed in evidence.crossed
        for own in claims
        for twin in claims
        if own.by == crossed.by and twin.by == by_base[crossed.base].by and own.base < crossed.base
    )


def _is_claim(batch: LogBatch) -> bool:
    record = batch.rows[0]
    if not record.key.startswith(CLAIM_PREFIX):
        return False
    row = decode_row(record.key, record.value or b"")
    return isinstance(row, ClaimRow) and not row.fenced


def _are_parted_twins(evidence: Evidence, earlier: LogBatch, later: LogBatch) -> bool:
    """Whether both claims name one id and epoch, and the broker lost its state between them."""
    is_same = (earlier.producer_id, earlier.epoch) == (later.producer_id, later.epoch)
    return is_same and any(earlier.base < end <= later.base for end in evidence.forgot_at)
