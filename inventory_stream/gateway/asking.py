"""From a request about stock or sales to commands, and from decisions to answers."""

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from inventory_stream.gateway.endpoint import Call, Reply
from inventory_stream.gateway.idempotency import command_id_of, key_of
from inventory_stream.gateway.outcomes import answer_of, problem_of
from inventory_stream.gateway.words.stock import Decided, Moved
from inventory_stream.ports.desk import Decision, Desk
from models.commands import Command, type_name
from models.outcomes import Outcome
from models.rows import Movement, ReceiptRow


class Asking:
    """Asks the ledger on behalf of a request, so that its retry asks the same again (R27)."""

    def __init__(self, desk: Desk, answer_seconds: float) -> None:
        self._desk = desk
        self._answer_seconds = answer_seconds

    async def one(self, call: Call, kind: type[Command], **fields: Any) -> Reply:  # noqa: ANN401  # the command's own
        """Have one command decided.

        Raises:
            Problem: it was refused.
            NotAnsweredError: no answer in time.
        """
        decision = await self.step(call, type_name(kind), kind, **fields)
        status, headers = answer_of(decision)
        return Reply(status, decided(decision), headers)

    async def lines(self, call: Call, kind: type[Command], lines: Sequence[Struct]) -> list[Decided]:
        """Have a command decided for each line; a refusal is the answer of its line alone.

        Raises:
            Problem: the key stands for another request.
            NotAnsweredError: not all were answered in time; the same request hears of all of them.
        """
        word = type_name(kind)
        decisions = await asyncio.gather(
            *(
                self.step(call, f"{word} {number}", kind, **msgspec.structs.asdict(line))
                for number, line in enumerate(lines)
            )
        )
        return list(map(decided, decisions))

    async def step(self, call: Call, step: str, kind: type[Command], **fields: Any) -> Decision:  # noqa: ANN401  # the command's own
        """Have one step of a request decided; `step` tells it from the request's others.

        Raises:
            Problem: the key stands for another request; any other refusal is an answer.
            NotAnsweredError: no answer in time.
        """
        command_id = command_id_of(call.caller.name, key_of(call), step)
        within_seconds = call.wait_seconds or self._answer_seconds
        decision = await self._desk.ask(kind(command_id, **fields), within_seconds)
        if decision.outcome is Outcome.COMMAND_ID_REUSED:
            raise problem_of(decision)
        return decision


def decided(decision: Decision) -> Decided:
    """Give the answer that a decision is."""
    movements = decision.row.movements if isinstance(decision.row, ReceiptRow) else ()
    return Decided(
        decision.outcome.name,
        decision.units,
        decision.at_ms,
        decision.is_repeat,
        None if decision.version is None else str(decision.version),
        tuple(map(moved, movements)),
    )


def moved(movement: Movement) -> Moved:
    """Tell what happened to a position."""
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
