"""From a request about stock to commands, and from decisions to answers."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from inventory_stream.gateway.endpoint import Call
from inventory_stream.gateway.idempotency import command_id_of, key_of
from inventory_stream.gateway.problems import Problem
from inventory_stream.gateway.words.stock import Decided, Moved
from inventory_stream.ports.desk import Decision, Desk
from models.commands import Command, type_name
from models.outcomes import Outcome
from models.rows import Movement, ReceiptRow

_SLUGS: Final = {
    Outcome.COMMAND_ID_REUSED: "key-reused",
    Outcome.DOCUMENT_ID_REUSED: "id-reused",
    Outcome.ALL_RESERVED: "all-reserved",
    Outcome.SOLD_OUT: "sold-out",
    Outcome.SALE_CLOSED: "sale-closed",
}
"""The problem that tells a refusal; "conflict" tells all others, with the outcome beside."""
_WITHOUT_EFFECT: Final = frozenset({Outcome.STALE_SYNC, Outcome.NOT_AUTHORITY})
"""Counts that were heard and do not apply: answers, as a feed cannot do anything about them (R8, R14)."""


class Asking:
    """Asks the ledger on behalf of a request, so that its retry asks the same again (R27)."""

    def __init__(self, desk: Desk, answer_seconds: float) -> None:
        self._desk = desk
        self._answer_seconds = answer_seconds

    async def one(self, call: Call, kind: type[Command], **fields: Any) -> Decided:  # noqa: ANN401  # the command's own
        """Have one command decided.

        Raises:
            Problem: it was refused.
            NotAnsweredError: no answer in time.
        """
        decision = await self.decision(call, type_name(kind), kind, **fields)
        if is_refused(decision):
            raise problem_of(decision)
        return decided(decision)

    async def lines(self, call: Call, kind: type[Command], lines: Sequence[Struct]) -> list[Decided]:
        """Have a command decided for each line; a refusal is the answer of its line alone.

        Raises:
            Problem: the key stands for another request.
            NotAnsweredError: not all were answered in time; the same request hears of all of them.
        """
        word = type_name(kind)
        decisions = await asyncio.gather(
            *(
                self.decision(call, f"{word} {number}", kind, **msgspec.structs.asdict(line))
                for number, line in enumerate(lines)
            )
        )
        check_key_is_ours(decisions)
        return list(map(decided, decisions))

    async def decision(self, call: Call, step: str, kind: type[Command], **fields: Any) -> Decision:  # noqa: ANN401  # the command's own
        """Have one step of a request decided, whatever comes of it."""
        command_id = command_id_of(call.caller.name, key_of(call), step)
        return await self._desk.ask(kind(command_id, **fields), self._answer_seconds)


def is_refused(decision: Decision) -> bool:
    """Say whether the command changed nothing because of what it asked."""
    return decision.outcome.is_refusal and decision.outcome not in _WITHOUT_EFFECT


def problem_of(decision: Decision) -> Problem:
    """Give the refusal that a decision is."""
    outcome = decision.outcome
    members: dict[str, Any] = {"outcome": outcome.name}
    if decision.breakdown is not None:
        members["breakdown"] = msgspec.structs.asdict(decision.breakdown)
    slug = _SLUGS.get(outcome, "conflict")
    return Problem(slug, f"the ledger answered {outcome.name} (docs/contracts.md)", members=members)


def check_key_is_ours(decisions: Sequence[Decision]) -> None:
    """Refuse a request of several commands whose key was used for another one.

    Raises:
        Problem: `key-reused`.
    """
    for decision in decisions:
        if decision.outcome is Outcome.COMMAND_ID_REUSED:
            raise problem_of(decision)


def decided(decision: Decision) -> Decided:
    """Give the answer that a decision is."""
    movements = decision.row.movements if isinstance(decision.row, ReceiptRow) else ()
    return Decided(
        decision.outcome.name,
        decision.units,
        decision.at_ms,
        decision.is_repeat,
        None if decision.version is None else str(decision.version),
        tuple(map(_moved, movements)),
    )


def _moved(movement: Movement) -> Moved:
    return Moved(
        movement.location,
        movement.delta,
        movement.on_hand,
        movement.effective_at_ms,
        movement.version,
        movement.shortfall_units,
        movement.short_orders,
        movement.clock_ahead,
    )
