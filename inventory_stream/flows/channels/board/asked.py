"""What operators ask of an account's listings."""

from collections.abc import Collection, Iterable

from inventory_stream.flows.channels.board.standing import Standing


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
        """Let a mass change go."""
        for place in self._state.guard.approve():
            self._state.sort(place, now_ms)

    def refuse(self) -> None:
        """Keep a mass change back, each listing until its next change."""
        self._state.guard.refuse()

    def replay(self, listings: Collection[str] | None, now_ms: int) -> int:
        """Send today's units of dead pushes, all or of some listings; gives how many they were."""
        state = self._state
        places = list(state.dead) if listings is None else self._places(listings)
        revived = [place for place in places if state.dead.pop(place, None) is not None]
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
