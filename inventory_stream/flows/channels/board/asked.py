"""What operators ask of an account's listings."""

from collections.abc import Collection, Iterable
from typing import Final

from inventory_stream.flows.channels.board.standing import Standing
from inventory_stream.flows.channels.board.state import SORTED_AT_ONCE
from models.channels import DeadPush, ListingRow

REFUSED: Final = "refused-by-operator"
"""Code of a dead push that was part of a mass change."""


class Asked(Standing):
    """Stops, approvals, replays and zeros for all; each decides about what is taken from now on."""

    def stop(self, listings: Collection[str], now_ms: int) -> None:
        """Send nothing more of these listings; what is in flight ends."""
        for place in self._places(listings):
            self._state.stopped.add(place)
            self._state.dissolve(place, now_ms)
            self._state.sort(place, now_ms)

    def resume(self, listings: Collection[str], now_ms: int) -> None:
        """Undo `stop`."""
        for place in self._places(listings):
            self._state.stopped.discard(place)
            self._state.sort(place, now_ms)

    def approve(self, now_ms: int) -> None:
        """Let a mass change go, and have a mass drift mended."""
        for place in (*self._state.guard.approve(), *self._state.drift.end()):
            self._state.sort(place, now_ms)

    def hold_drift(self) -> None:
        """Mend nothing that looks find changed from now on: a comparison found a mass drift."""
        self._state.drift.trip(self._state.columns.acknowledged_count)

    def forget_drift(self, now_ms: int) -> None:
        """Go on without mending a mass drift: what was seen counts no more, the next look is guarded anew."""
        state = self._state
        for place in state.drift.end():
            state.observed.pop(place, None)
            state.repairs.pop(place, None)
            state.sort(place, now_ms)

    def refuse(self, now_ms: int) -> list[tuple[str, ListingRow]]:
        """Bury what a mass change keeps back, each listing until its next change or a replay.

        `SORTED_AT_ONCE` listings at a time, with the rows to keep, so that no successor sends them; none: all
        are buried. The mass change itself goes on, and keeps back what comes, until `end_mass_change`.
        """
        state = self._state
        rows: list[tuple[str, ListingRow]] = []
        if state.is_killed:  # zeros go to all, and dead ones would not get theirs
            return rows
        for place in state.guard.take_held(SORTED_AT_ONCE):
            if not state.is_in_step(place):
                push = state.push(place)
                state.dead[place] = DeadPush(*push.version, push.units, REFUSED, "", now_ms, 0)
                rows.append((push.listing, state.row(place, now_ms)))
            state.sort(place, now_ms)
        return rows

    def end_mass_change(self) -> bool:
        """Count anew, unless something is kept back that was not buried; says whether it ended."""
        state = self._state
        is_over = state.is_killed or not state.guard.held
        if is_over:
            state.guard.end()
        return is_over

    def replay(self, listings: Collection[str] | None, now_ms: int) -> int:
        """Send today's units of dead pushes, all or of some listings; gives how many they were."""
        state = self._state
        places = list(state.dead) if listings is None else self._places(listings)
        revived = [place for place in places if state.dead.pop(place, None) is not None]
        state.undead.update(revived)
        for place in revived:
            state.sort(place, now_ms)
        return len(revived)

    def zeros_for_all(self, now_ms: int) -> None:
        """Have every listing show zero, stopped, dead and held ones too, until `end_zeros`."""
        if not self._state.is_killed:
            self._state.is_killed = True
            self._state.sort_all(now_ms)

    def end_zeros(self, now_ms: int) -> None:
        """Have every listing show what the ledger says again. Known to the operator, so no mass change."""
        if self._state.is_killed:
            self._state.is_killed = False
            self._state.sort_all(now_ms)

    def _places(self, listings: Iterable[str]) -> list[int]:
        index = self._state.columns.index
        return [index[listing] for listing in listings if listing in index]
