"""The demo's own book: what each command must be answered, and what each shelf must hold. Pure.

Written from the rules' text and on purpose not as the ledger does it: hardly anything is kept up to
date, figures are added up from the beginning whenever they are asked for. It knows the commands as the
demo sends them: one place for each order, whole orders. Times are ms since the Unix epoch.
"""

from collections import defaultdict
from collections.abc import Mapping

from inventory_stream.demo.book_orders import OrderPage
from inventory_stream.demo.book_stock import StockPage
from inventory_stream.demo.notes import Notes
from inventory_stream.demo.shelf import Position
from models.commands import Command
from models.outcomes import Outcome

Key = tuple[str, str]
"""(reservation id or nothing, command id)."""


def key_of(command: Command) -> Key:
    """Name a command as answers do (R27)."""
    return getattr(command, "reservation_id", ""), command.id


class Book(Notes):
    """One book over some places; `decide` commands in the order in which the ledger did."""

    def __init__(self, on_hand: Mapping[Position, int]) -> None:
        """Open with what lies where."""
        super().__init__(on_hand)
        self.answers: defaultdict[Key, list[Outcome]] = defaultdict(list)
        """What each command must be answered: one that came before its order twice (R21)."""
        self._rules = {**StockPage(self).rules, **OrderPage(self, self._answer).rules}

    def decide(self, command: Command, at_ms: int) -> Outcome:
        """Note a command and what it must be answered; `at_ms`: when it was decided."""
        outcome = self._rules[type(command)](command, at_ms)
        self._answer(command, outcome)
        return outcome

    def expire(self, reservation_id: str) -> None:
        """Note that an order was not confirmed in time."""
        order = self.orders[reservation_id]
        order.lost += order.reserved
        order.reserved = 0

    def last_answer(self, reservation_id: str, command_id: str) -> Outcome | None:
        """Say how a command ended, None while it is not decided."""
        answers = self.answers.get((reservation_id, command_id))
        return answers[-1] if answers else None

    def _answer(self, command: Command, outcome: Outcome) -> None:
        self.answers[key_of(command)].append(outcome)
        if outcome.is_exception:
            self.exceptions[outcome.name.lower()] += 1
