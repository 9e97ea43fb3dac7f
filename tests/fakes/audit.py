"""An audit trail in memory."""

from inventory_stream.errors import UnreachableError
from inventory_stream.ports.audit import AuditRow


class FakeAuditTrail:
    """Keeps rows in a list; the writes whose numbers (from 0) are in `fail_at` are refused."""

    def __init__(self, *fail_at: int) -> None:
        self.rows: list[AuditRow] = []
        self._fail_at = fail_at
        self._writes = 0

    async def write(self, row: AuditRow) -> None:
        """Keep one row; see the port."""
        number, self._writes = self._writes, self._writes + 1
        if number in self._fail_at:
            raise UnreachableError("no audit row could be written")
        self.rows.append(row)
