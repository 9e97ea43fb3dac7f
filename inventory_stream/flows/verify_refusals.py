"""I7: nobody is told "sold out" while the asked path and location could cover the units.

Judged by what the refusal itself carries, the sums of R2 at its decision. Whether those sums were
right is what I1, I4 and I5 tell of the positions they are sums of.
"""

from typing import Final, NamedTuple

from models.commands import Reserve, type_name
from models.outcomes import Outcome
from models.rows import Answer, Breakdown, ReservationRow

_RESERVE: Final = type_name(Reserve)
_COULD_NOT_COVER: Final = frozenset({int(Outcome.SOLD_OUT), int(Outcome.ALL_RESERVED)})


class RefusalFault(NamedTuple):
    """What a refusal says that cannot be."""

    check: str
    expected: str
    found: str


def refusal_fault(row: ReservationRow, answer: Answer, breakdown: Breakdown) -> RefusalFault | None:
    """Hold one refusal against R2 and I7; None: nothing is wrong with it.

    Only a reserve is held against I7: its row says how many units it asked for, where another
    command's row does not. Over a group the sums hide nothing: locations below zero only lower
    them, so a sum that covers the units means that a grant (or NO_SINGLE_LOCATION) was due.
    """
    promised = (
        breakdown.on_hand
        - breakdown.unavailable
        - breakdown.reserved
        - breakdown.allocated
        - breakdown.safety_stock
        - breakdown.fenced
    )
    if promised != breakdown.available_to_promise:
        return RefusalFault("R2", f"{promised} to promise by its parts", f"{breakdown.available_to_promise}")
    if answer.kind != _RESERVE or answer.outcome not in _COULD_NOT_COVER:
        return None
    wanted = 1 if row.allow_partial else row.units
    # Of a path other than common it is what that path offered (R3).
    offered = breakdown.available_to_promise if breakdown.path_units is None else breakdown.path_units
    if offered >= wanted:
        name = Outcome(answer.outcome).name
        return RefusalFault("I7", f"a grant: {wanted} wanted at least, {offered} to promise", name)
    return None
