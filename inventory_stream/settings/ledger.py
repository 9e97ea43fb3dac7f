"""Settings of the rules: windows and limits."""

from pydantic import Field

from inventory_stream.settings.section import DAY_SECONDS, Section


class LedgerSettings(Section):
    """Windows and limits of the rules (semantics R7-R29). Longer windows cost memory and recovery time."""

    clock_ahead_ms: int = Field(
        5_000, ge=0, le=3_600_000, description="an effective_at further ahead is clamped to arrival (R7)"
    )
    clock_skew_ms: int = Field(
        2_000, ge=0, le=60_000, description="wait after a deadline before an idle partition expires it (R18)"
    )
    movement_window_seconds: int = Field(
        DAY_SECONDS, ge=60, le=7 * DAY_SECONDS, description="how far back a late count can be computed (R8)"
    )
    movements_max: int = Field(10_000, ge=1, le=1_000_000, description="movements kept per position (R8)")
    reservation_seconds_max: int = Field(
        3_600, ge=1, le=30 * DAY_SECONDS, description="total life that extends can reach (R19)"
    )
    receipt_window_seconds: int = Field(
        2 * DAY_SECONDS,
        ge=1,
        le=30 * DAY_SECONDS,
        description="how long a repeat gets its first answer (R29)",
    )
    return_window_seconds: int = Field(
        100 * DAY_SECONDS,
        ge=1,
        le=400 * DAY_SECONDS,
        description="how long ended reservations are kept (R29)",
    )
    receipts_max: int = Field(
        2_000_000, ge=1_000, le=100_000_000, description="receipts kept per partition (R29)"
    )
    ended_reservations_max: int = Field(
        2_000_000, ge=1_000, le=100_000_000, description="ended reservations kept per partition (R29)"
    )
    # About 0.5 KB each in memory. There are as many as a partition's SKUs are moved or ordered in the
    # receipt window; past the bound a late receipt finds no transfer, applies, and answers *_UNMATCHED.
    ended_documents_max: int = Field(
        200_000, ge=100, le=10_000_000, description="ended transfers and incoming kept per partition (R29)"
    )
    order_lag_seconds: int = Field(
        300,
        ge=0,
        le=DAY_SECONDS,
        description="a count that nets orders and names no orders_through knew those older than this (R9)",
    )
    early_window_seconds: int = Field(
        2 * DAY_SECONDS,
        ge=1,
        le=30 * DAY_SECONDS,
        description="how long a command waits for an order that it came before (R21)",
    )
    # About 1 KB each in memory.
    early_max: int = Field(
        100_000, ge=100, le=10_000_000, description="commands waiting for their order per partition (R21)"
    )
    revoke_on_shortfall: bool = Field(
        default=True, description="a fact that leaves less than nothing revokes soft reservations (R11)"
    )
