"""Admin acts leave a row before they are done and one before they are answered."""

from collections.abc import Awaitable, Callable

import structlog

from inventory_stream.adapters.system_clock import now_ms as system_now_ms
from inventory_stream.errors import UnreachableError
from inventory_stream.gateway.endpoint import Reply
from inventory_stream.gateway.problems import Problem
from inventory_stream.ports.audit import AuditOutcome, AuditRow, AuditTrail
from inventory_stream.ports.sale_monitor import SILENT_SALE, SaleMonitor

_RETRY_AFTER_SECONDS = "5"

_log = structlog.get_logger(__name__)


class Auditor:
    """Does an act between its two rows.

    The first must be durable, or the act is not done: nothing happens that nobody can see. When the second
    cannot be written the act was done, and its first row says that it may have been; the caller then gets
    no good answer either, and repeats the request with its key until both are there.
    """

    def __init__(
        self,
        trail: AuditTrail,
        now_ms: Callable[[], int] = system_now_ms,
        monitor: SaleMonitor = SILENT_SALE,
    ) -> None:
        self._trail = trail
        self._now_ms = now_ms
        self._monitor = monitor

    async def witness(
        self, *, caller: str, act: str, subject: str, request_id: str, do: Callable[[], Awaitable[Reply]]
    ) -> Reply:
        """Do the act and give its answer.

        Args:
            caller: Name of who asks.
            act: Method and path of the endpoint, as declared.
            subject: The path that was called.
            request_id: Of the request.
            do: Does it, once.

        Raises:
            Problem: what `do` raises; `not-ready` when a row cannot be written.
        """

        async def note(outcome: str) -> None:
            row = AuditRow(
                at_ms=self._now_ms(),
                caller=caller[:128],
                act=act[:256],
                subject=subject[:1_024],
                outcome=outcome[:128],
                request_id=request_id[:128],
            )
            try:
                await self._trail.write(row)
            except UnreachableError:
                self._monitor.not_recorded()
                raise

        try:
            await note(AuditOutcome.ASKED)
        except UnreachableError as error:
            _log.error("audit_row_not_written", reason=str(error), act=act, request_id=request_id)
            raise _not_ready("nothing was done, because it could not be put on record") from error
        try:
            reply = await do()
        except BaseException as error:
            # A bare fault or the end of the connection: whether it was done is not known.
            outcome = (
                f"{error.kind.status} {error.slug}" if isinstance(error, Problem) else AuditOutcome.FAULT
            )
            try:
                await note(outcome)
            except UnreachableError as unwritten:  # the first row stands, and the fault is what counts
                _log.error("audit_row_not_written", reason=str(unwritten), act=act, request_id=request_id)
            raise
        try:
            await note(str(reply.status))
        except UnreachableError as error:
            _log.error("audit_row_not_written", reason=str(error), act=act, request_id=request_id)
            raise _not_ready(
                "it was done, but its outcome could not be put on record: send the same request with the "
                "same Idempotency-Key again"
            ) from error
        return reply


def _not_ready(detail: str) -> Problem:
    return Problem("not-ready", detail, headers={"Retry-After": _RETRY_AFTER_SECONDS})
