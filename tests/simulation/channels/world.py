"""An account's life: a ledger that changes, a shop that errs, owners that come and go. A seed is a story."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from random import Random
from typing import Any, Final

from inventory_stream.flows.channels.board import Batch, Board
from inventory_stream.flows.channels.board.board import FORMER_OWNER_MS
from inventory_stream.ports.channel import Caps, Result
from inventory_stream.ports.projection import Version
from models.channels import ListingRow
from tests.simulation.channels.judge import Judge, Wish
from tests.simulation.channels.shop import Effect, Shop

START_MS: Final = 1_700_000_000_000
TROUBLE_MS: Final = 90_000
"""So long the ledger changes and things go wrong."""
REST_MS: Final = 30 * 3_600_000
"""So long after it everything must have come to rest: a listing may have to wait for the next day."""
STEPS_MAX: Final = 40_000
"""A story has 3,000: one that has so many goes in circles."""
KEPT_AFTER_MS: Final = 150
"""From a row to its being durable; an owner that dies takes what is younger with it."""


@dataclass
class Story:
    """What a seed made happen, and what was wrong with it."""

    violations: list[str]
    met: Counter[str]
    notes: list[str] = field(default_factory=list)


class World:
    """Runs one seed."""

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)
        self.now_ms = START_MS
        self.met: Counter[str] = Counter()
        self.notes: list[str] = []
        has_cas = self.rng.random() < 0.25
        self.caps = Caps(
            batch_max=self.rng.choice((1, 3, 10)),
            in_flight_max=self.rng.choice((1, 4)),
            limits=(),
            has_cas=has_cas,
            settle_seconds=2.0,
            request_seconds=3.0,
            read_back_max=5,
            takes_orders=self.rng.random() < 0.8,
            can_read_back=has_cas or self.rng.random() < 0.8,
            bulk_max=20,
            bulk_from=self.rng.choice((5, 1_000)),
            daily_pushes_max=self.rng.choice((None, None, 15)),
        )
        self._group_of = self.rng.choice((None, lambda listing: listing[-1]))
        self.shop = Shop(self.rng, self.caps, lateness_ms=1_500, faults=self.rng.choice((0.0, 0.1, 0.4)))
        self.judge = Judge(self.caps)
        self.names = [f"l{number}" for number in range(self.rng.choice((3, 12, 40)))]
        self.wishes: dict[str, Wish] = {}
        self.rows: dict[str, ListingRow] = {}
        self.skus = dict.fromkeys(self.names, "SKU")
        self.offsets = dict.fromkeys(self.names, 0)
        self._events: list[tuple[int, int, str, Any]] = []
        self._count = 0
        self._life = 0
        self._is_alive = False
        self._flying = 0
        self._killed_ms = 0
        self._wake_ms: int | None = None
        self.board = self._new_board()

    def run(self) -> Story:
        """Live until all is at rest, or is not in time."""
        for name in self.names:
            self._change(name)
        end_ms = START_MS + TROUBLE_MS
        for _ in range(self.rng.randint(20, 250)):
            self._at(self.rng.randint(START_MS, end_ms), "change", None)
        for kind, most in (("die", 3), ("orders", 30), ("operate", 6), ("poison", 3), ("remap", 2)):
            for _ in range(self.rng.randint(0, most)):
                self._at(self.rng.randint(START_MS, end_ms), kind, None)
        self._at(end_ms, "calm", None)
        self._take_over()
        steps = 0
        while self._events:
            at_ms, _, kind, what = heappop(self._events)
            self.now_ms = max(self.now_ms, at_ms)
            steps += 1
            if self.now_ms > end_ms + REST_MS or steps > STEPS_MAX:
                self.judge.stuck(f"{self.board.waiting} {self.board.deferred} deferred")
                break
            self.met[kind] += 1
            getattr(self, f"_on_{kind}")(what)
            if self._is_alive:
                self._pump()
            if self.judge.violations:
                break
        else:
            self.judge.at_rest(self.shop.shown, self.wishes)
            if self.board.in_step != len(self.names) or self.board.exposure_units:
                self.judge.stuck(f"{self.board.in_step} of {len(self.names)} in step")
        return Story(self.judge.violations, self.met, self.notes)

    # What happens

    def _on_change(self, _: None) -> None:
        if self.rng.random() < 0.02:
            for name in self.names:
                self._change(name, 0)
            self.met["mass"] += 1
        else:
            name = self.rng.choice(self.names)
            row = self.rows.get(name)
            # Back to what was told: a cancel, or a count that agrees.
            is_back = row is not None and self.rng.random() < 0.3
            self._change(name, row.units if row is not None and is_back else None)

    def _on_effect(self, effect: Effect) -> None:
        self.shop.apply(effect)

    def _on_answer(self, what: tuple[int, Batch, Sequence[Any]]) -> None:
        life, batch, ends = what
        if life != self._life:
            return
        self._flying -= 1
        self.met.update(str(end.result) for end in ends)
        rows = self.board.ended(batch, ends, self.now_ms)
        self.met["ambiguous"] += len(ends) < len(batch.pushes)
        applied = {end.listing for end in ends if end.result is Result.APPLIED}
        self.judge.doubted([push.listing for push in batch.pushes if push.listing not in applied])
        self.judge.ended(batch, rows)
        for row in rows:
            self._at(self.now_ms + KEPT_AFTER_MS, "kept", (life, row))

    def _on_read(self, what: tuple[int, int, Sequence[str], dict[str, int] | None]) -> None:
        life, asked_ms, listings, shown = what
        if life != self._life or shown is None:
            return
        for listing in listings:
            self.judge.doubted([listing])
            row = self.board.observed(listing, shown.get(listing), self.now_ms, asked_ms)
            if row is not None:
                self.judge.free([listing])
                self._at(self.now_ms + KEPT_AFTER_MS, "kept", (life, row))

    def _on_kept(self, what: tuple[int, tuple[str, ListingRow]]) -> None:
        life, (listing, row) = what
        if life == self._life:
            self.rows[listing] = row

    def _on_die(self, _: None) -> None:
        self._life += 1
        self._flying = 0
        self._is_alive = False
        self.judge.owner_died(self.rows, self.skus)
        self._at(self.now_ms + self.rng.choice((1, 1_000, 40_000)), "takeover", self._life)

    def _on_takeover(self, life: int) -> None:
        if life == self._life:
            self._take_over()

    def _on_orders(self, _: None) -> None:
        through_ms = self.now_ms - self.rng.randint(0, 1_000)
        if self._is_alive:
            self.judge.orders_through_ms = max(self.judge.orders_through_ms, through_ms)
            self.board.orders_through(through_ms)

    def _on_remap(self, _: None) -> None:
        """A listing gets another SKU, whose versions are another count, or goes and comes again."""
        if not self._is_alive:
            return
        listing = self.rng.choice(self.names)
        if self.rng.random() < 0.5:
            self.skus[listing] += "'"
            self.offsets[listing] = 0
            self.judge.remapped(listing)
        else:
            others = {name: sku for name, sku in self.skus.items() if name != listing}
            self.judge.remapped(listing)
            self.board.set_listings(others, self.now_ms)
        self.board.set_listings(self.skus, self.now_ms)
        wish = self.wishes[listing]
        if self.rng.random() < 0.5:
            self._change(listing)
        else:
            self.offsets[listing] += 1
            self.wishes[listing] = wish._replace(version=Version(1, self.offsets[listing]))
            self.board.want(listing, *self.wishes[listing], self.now_ms)

    def _on_operate(self, _: None) -> None:
        if not self._is_alive:
            return
        some = self.rng.sample(self.names, 2)
        kind = self.rng.choice(("stop", "kill", "replay", "refuse"))
        self.met[kind] += 1
        if kind == "stop":
            self.judge.free(some)
            self.board.stop(some, self.now_ms)
        elif kind == "kill":
            self.judge.free(self.names)
            self._killed_ms = self.now_ms
            self.board.zeros_for_all(self.now_ms)
            self._at(self.now_ms + 4_000, "unkill", self._life)
        elif kind == "replay":
            self.board.replay(None, self.now_ms)
        else:
            self.judge.free(self.names)
            while rows := self.board.refuse(self.now_ms):
                self.rows.update(rows)
            self.board.end_mass_change()

    def _on_unkill(self, life: int) -> None:
        if life == self._life:
            self.judge.free(self.names)
            self.judge.zeros_ended(self.wishes)
            self._killed_ms = self.now_ms
            self.board.end_zeros(self.now_ms)

    def _on_poison(self, _: None) -> None:
        self.shop.poison[self.rng.choice(self.names)] = self.rng.choice((Result.RETRYABLE, Result.PERMANENT))

    def _on_approve(self, life: int) -> None:
        if life == self._life:
            self.board.approve(self.now_ms)

    def _on_calm(self, _: None) -> None:
        """Nothing goes wrong any more, and operators mend what was stopped, some time later."""
        self.shop.faults = 0.0
        self.shop.poison.clear()
        for after_ms in (60_000, 3_700_000):
            self._at(self.now_ms + after_ms, "mend", None)

    def _on_mend(self, _: None) -> None:
        self.board.resume(self.names, self.now_ms)
        for name in self.names:
            if self.board.stopped:
                self._change(name, self.wishes[name].units)
        self.board.replay(None, self.now_ms)
        self.board.approve(self.now_ms)

    def _on_wake(self, _: None) -> None:
        self._wake_ms = None

    # The owner

    def _new_board(self) -> Board:
        return Board(self.caps, account="c/a", raise_hold_ms=2_000, mass_change_share=0.3)

    def _take_over(self) -> None:
        self._is_alive = True
        is_mass_change = self.board.mass_change is not None
        self.board = self._new_board()
        self.board.begin(
            self.now_ms,
            is_all_doubtful=self.now_ms - self._killed_ms < FORMER_OWNER_MS,
            is_mass_change=is_mass_change,
        )
        self.board.set_listings(self.skus, self.now_ms)
        for listing, row in self.rows.items():
            self.board.known(listing, row, self.now_ms)
        for listing, wish in self.wishes.items():
            self.board.want(listing, *wish, self.now_ms)
        if self.board.mass_change is not None:
            self._at(self.now_ms + 3_000, "approve", self._life)

    def _change(self, listing: str, units: int | None = None) -> None:
        self.offsets[listing] += 1
        many = self.rng.choice((0, 0, 1, 2, 3, 5, 8, 500))
        wish = Wish(Version(1, self.offsets[listing]), many if units is None else units, self.now_ms)
        self.wishes[listing] = wish
        if not self._is_alive:
            return
        row = self.board.row(listing, self.now_ms)
        was = row.units if row is not None and row.acknowledged_ms else None
        self.judge.wished(listing, wish, was)
        self.board.want(listing, *wish, self.now_ms)
        if self.board.mass_change is not None:
            self.judge.free(self.names)
            self._at(self.now_ms + 3_000, "approve", self._life)
        if self.board.deferred or self.board.stopped:
            self.judge.free([listing])

    def _pump(self) -> None:
        """Do what an owner does when something happened: send, read back, sleep until something is due."""
        while self._flying < self.caps.in_flight_max:
            zeros_only = self.rng.random() < 0.2
            batch = self.board.take_bulk(self.now_ms) if not sum(self.board.waiting[:1]) else None
            batch = batch or self.board.take(self.now_ms, zeros_only=zeros_only, group_of=self._group_of)
            if batch is None and not zeros_only:
                break
            if batch is None:
                continue
            self.met["bulk"] += batch.is_bulk
            if self.rng.random() < 0.05:
                self.board.give_back(batch, self.now_ms)
                break
            self._send(batch)
        asked = self.board.to_read_back(self.now_ms)
        if asked:
            answer_ms = self.now_ms + self.rng.randint(1, 300)
            self._at(answer_ms, "read", (self._life, self.now_ms, asked, self.shop.read(asked)))
        due_ms = self.board.next_due_ms(self.now_ms)
        is_ready = bool(sum(self.board.waiting)) and self._flying < self.caps.in_flight_max
        wake_ms = self.now_ms + 1 if is_ready else due_ms
        if wake_ms is not None and (self._wake_ms is None or wake_ms < self._wake_ms):
            self._wake_ms = max(wake_ms, self.now_ms + 1)
            self._at(self._wake_ms, "wake", None)

    def _send(self, batch: Batch) -> None:
        self.judge.sent(batch, self.wishes, self.now_ms, is_killed=self.board._state.is_killed)
        self._flying += 1
        reply = self.shop.send(batch, self.now_ms)
        for effect in reply.effects:
            self._at(effect.at_ms, "effect", effect)
        self._at(reply.at_ms, "answer", (self._life, batch, reply.ends))
        self.notes.append(f"{self.now_ms - START_MS} {batch.key[:6]} {[p[:3] for p in batch.pushes]}")

    def _at(self, at_ms: int, kind: str, what: object) -> None:
        self._count += 1
        heappush(self._events, (at_ms, self._count, kind, what))
