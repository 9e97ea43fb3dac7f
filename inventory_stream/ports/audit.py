"""Who changed how the shop sells: one row before each admin act, one with its outcome, kept for ever."""

from collections.abc import AsyncIterator
from enum import StrEnum
from typing import Annotated, Final, Literal, NamedTuple, Protocol

from msgspec import Meta, Struct

AUDIT: Final = "audit"
"""The topic, before its prefix. Append-only: never compacted, never deleted by age or size."""

AUDIT_SCHEMA: Final = 1


class AuditOutcome(StrEnum):
    """How an act ended where it was not answered with a status."""

    ASKED = "asked"
    """It is about to be done. Without a later row of the same request nobody knows whether it was."""
    FAULT = "fault"
    """A fault of the gateway, or the end of the connection; it may have been done all the same."""


class AuditRow(Struct, frozen=True, kw_only=True):
    """One row: who, what, on what, with what outcome.

    `act` is the endpoint (`POST /v1/sales/{sale_id}/close`), `subject` the address that was called.
    `outcome` is `asked`, `fault`, or the status of the answer, with the kind of a refusal after it
    (`409 sale-closed`). Both rows of one request have its `request_id`.
    """

    schema_version: Literal[1] = AUDIT_SCHEMA
    at_ms: int
    """When, by the gateway's clock, ms since the Unix epoch; the record's own time is the broker's."""
    caller: Annotated[str, Meta(max_length=128)]
    """The key's id or the token's subject."""
    act: Annotated[str, Meta(max_length=256)]
    subject: Annotated[str, Meta(max_length=1_024)]
    outcome: Annotated[str, Meta(max_length=128)]
    request_id: Annotated[str, Meta(max_length=128)]


class AuditTrail(Protocol):
    """Where rows are written."""

    async def write(self, row: AuditRow) -> None:
        """Return when the row is durable, in seconds at most.

        Raises:
            UnreachableError: it is not known to be; the act must not be done.
        """


class StoredAuditRow(NamedTuple):
    """A row as it was read back; `written_ms` is the broker's time."""

    offset: int
    written_ms: int
    row: AuditRow


class AuditReader(Protocol):
    """Where rows are read."""

    def rows(self) -> AsyncIterator[StoredAuditRow]:
        """Yield every row, oldest first; those written meanwhile are left out.

        Raises:
            InventoryStreamError: something there is no row of this version.
            UnreachableError: Kafka does not answer.
        """
