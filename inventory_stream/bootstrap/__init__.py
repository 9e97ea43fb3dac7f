"""The composition root: the only place that builds adapters and hands them to flows."""

from inventory_stream.bootstrap.workers import (
    LEDGER_GROUP,
    PROJECTION_GROUP,
    PROJECTION_PACE_SECONDS,
    LedgerParts,
    ProjectionParts,
    consumer_options,
    input_topics,
    ledger_parts,
    projection_parts,
    rules_of,
    view_owner,
)

__all__ = [
    "LEDGER_GROUP",
    "PROJECTION_GROUP",
    "PROJECTION_PACE_SECONDS",
    "LedgerParts",
    "ProjectionParts",
    "consumer_options",
    "input_topics",
    "ledger_parts",
    "projection_parts",
    "rules_of",
    "view_owner",
]
