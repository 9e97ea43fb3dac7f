"""How an account stands, as a row."""

from typing import TYPE_CHECKING

from inventory_stream.flows.channels.gate import AUTH
from models.channels import StatusRow

if TYPE_CHECKING:
    from inventory_stream.flows.channels.account import Account


def standing(account: "Account") -> StatusRow:
    """Look at everything once."""
    now_ms = account.parts.now_ms()
    board, figures, gate = account.board, account.figures, account.gate
    waiting = board.waiting
    bucket = account.parts.pace.buckets[account.parts.channel.caps.limits[0].name]
    return StatusRow(
        worker=account.parts.worker,
        at_ms=now_ms,
        mode=gate.mode,
        parked=_parked(account, now_ms),
        breaker=account.breaker.state(now_ms).value,
        listings=len(board.listings),
        in_step=board.in_step,
        waiting_zeros=waiting.zeros,
        waiting_cuts=waiting.cuts,
        waiting_raises=waiting.raises,
        held_raises=board.held,
        deferred=board.deferred,
        in_flight=board.in_flight,
        dead=board.dead,
        oldest_waiting_ms=board.oldest_waiting_ms(now_ms),
        exposure_units=board.exposure_units,
        requests_per_second=figures.requests_per_second(now_ms),
        allowed_per_second=bucket.per_second * bucket.share,
        push_ms_p95=figures.push_ms.quantile(0.95),
        zero_ms_p99=figures.zero_ms.quantile(0.99),
        last_acknowledged_ms=figures.last_acknowledged_ms,
        last_error=figures.last_error,
        last_error_ms=figures.last_error_ms,
        sla=account.standing_sla.text,
        unmapped_skus=account.parts.unmapped(),
        mapping_wrong=account.parts.mapping_wrong(),
        schema_drift=account.parts.misfits(),
        orders_through_ms=gate.row.orders_through_ms,
        unbacked=board.unbacked if account.changes.is_all_looked_at else 0,
        sent=figures.sent,
        failed=figures.failed,
    )


def _parked(account: "Account", now_ms: int) -> dict[str, str]:
    """Give why it is parked, and when a channel that refuses access is asked again."""
    parked = account.gate.row.parked
    if AUTH not in parked or not account.parts.channel.caps.can_read_back:
        return parked
    seconds = max(0, account.gate.knocks.next_ms - now_ms) // 1_000
    return {**parked, AUTH: f"{parked[AUTH]}; asked again in {seconds} s"}
