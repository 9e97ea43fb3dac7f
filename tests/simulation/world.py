"""One run of one seed: a workload, owners that come and go, faults, and a quiet end at which to judge."""

import asyncio
import gc
from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import Final

from inventory_stream.errors import FencedError, ForeignAppendError, LedgerLogError, UnreachableError
from inventory_stream.ledger.state import PartitionState
from inventory_stream.ports.inputs import Input
from models.codec import encode_command
from tests.simulation.broker import Broker
from tests.simulation.evidence import Evidence, Violation
from tests.simulation.network import Process
from tests.simulation.owner import Owner
from tests.simulation.plan import CALM, Plan
from tests.simulation.stand_ins import LOOK_SECONDS, standing_in
from tests.simulation.virtual_loop import StuckError, VirtualLoop
from tests.simulation.workload import Workload

SESSION_SECONDS: Final = 6.0
"""After so long without a sign the group gives the partition to somebody else."""
DECIDED_SECONDS_MAX: Final = 400.0
"""After the last fault, until all input must be decided: leases, deadlines and back-offs of several lives."""
ENDS_MAX: Final = 2
"""Tries to close the last owner in peace: a run has one planned crash."""
OWNERS_MAX: Final = 60
"""Lives of one run; a bad one takes 20. More means that each breaks on what it finds."""
CLOSE_SECONDS_MAX: Final = 5.0
"""How long a hand-over waits for the former owner."""
_EXPECTED_ENDS: Final = tuple(
    error.__name__ for error in (FencedError, ForeignAppendError, LedgerLogError, UnreachableError)
)


@dataclass
class Run:
    """What came of a seed."""

    seed: int
    plan: Plan
    evidence: Evidence
    state: PartitionState | None = None
    """The last owner's state in memory, closed in quiet; None if the run never got there."""
    violations: list[Violation] = field(default_factory=list)
    excused: list[Violation] = field(default_factory=list)
    """What came of the gap that the protocol is known to have (audit_gap.py): told, not held against it."""
    notes: list[tuple[float, str, str]] = field(default_factory=list)
    """(virtual seconds, who, what) of everything that befell somebody."""
    steps: int = 0
    crashed_at: str | None = None
    """The step at which a process was killed because it was asked for."""
    met: Counter[str] = field(default_factory=Counter)
    """What happened how often, for the statistics of many runs."""


class World:
    """See the module.

    Args:
        seed: Draws everything that is not in the plan.
        plan: What was drawn before.
        crash_at: Kill the process that reaches this step, counted from 0 over all processes.
        is_told: Note every step, for one who wants to read it.
    """

    def __init__(self, seed: int, plan: Plan, *, crash_at: int | None = None, is_told: bool = False) -> None:
        self.random = Random(seed)
        self.plan = plan
        self.loop = VirtualLoop(self.random)
        self.broker = Broker(
            self.random,
            self.loop.time,
            expiry_seconds=plan.expiry_seconds,
            twin_share=plan.twin_share,
            rotate_share=plan.rotate_share,
        )
        self.run = Run(seed, plan, self.broker.evidence)
        self.broker.evidence.revokes = plan.rules.revoke_on_shortfall
        self._crash_at = crash_at
        self._is_told = is_told
        self._weather = plan.weather
        self._member: Owner | None = None
        self._owners: list[Owner] = []
        self._is_outage = False
        self._starting: asyncio.Task[None] | None = None
        self._later: list[asyncio.Task[None]] = []

    # --- the story -------------------------------------------------------------------------------

    async def live(self) -> None:
        """Do all of it."""
        workload = Workload(self.random, skus=self.plan.skus, reservations=self.plan.reservations)
        for leader in Input:
            self.broker.ahead_ms[leader] = self.random.randint(
                -self.plan.leader_skew_ms, self.plan.leader_skew_ms
            )
        for command in workload.opening(self.broker.now_ms()):
            self.broker.send(Input.STOCK, encode_command(command), (command,), is_marker=False)
        self._start()
        await asyncio.gather(
            self._produce(workload, Input.STOCK, self.plan.records // 3),
            self._produce(workload, Input.ORDERS, self.plan.records),
            self._harm(),
        )
        await asyncio.gather(*self._later)
        self._weather = CALM
        await self._until_decided()
        await asyncio.sleep(self.plan.quiet_seconds)
        # The last take-over finds all of it in rows, and rewrites what a fenced owner left (P4).
        await self._hand_over()
        for _ in range(ENDS_MAX):
            if await self._end():
                break
        self.broker.evidence.ended_ms = self.broker.now_ms()

    async def _end(self) -> bool:
        """Have the last owner write once more and close; False if it was killed over it."""
        await self._until_decided()
        member = self._member
        assert member is not None
        await asyncio.wait([member.process.start(member.flow.probe())], timeout=CLOSE_SECONDS_MAX)
        await self._close(member)
        if member.process.is_alive:
            self.run.state = member.flow.state
        return member.process.is_alive

    async def _produce(self, workload: Workload, source: Input, records: int) -> None:
        for _ in range(records):
            await asyncio.sleep(self.random.expovariate(records / self.plan.span_seconds))
            if self.random.random() < self.plan.marker_share:
                self.broker.send(source, None, (), is_marker=True)
            sent = self.broker.evidence.sent[source]
            if self.random.random() < 0.04 and sent and not sent[-1].is_marker:
                old = self.random.choice([one for one in sent[-5:] if not one.is_marker])
                self.broker.send(source, old.value, old.commands, is_marker=False)  # a producer's retry
                continue
            value, commands = workload.record(source, self.broker.now_ms())
            self.broker.send(source, value, commands, is_marker=False)

    async def _until_decided(self) -> None:
        ends = {source: len(sent) for source, sent in self.broker.evidence.sent.items()}
        last = {
            source: max((one.offset + 1 for one in sent if not one.is_marker), default=0)
            for source, sent in self.broker.evidence.sent.items()
        }
        deadline = self.loop.time() + DECIDED_SECONDS_MAX
        while True:
            member = self._member
            if member is not None and member.is_open and member.process.is_alive:
                offsets = member.flow.next_offsets
                if last[Input.STOCK] <= offsets.stock and last[Input.ORDERS] <= offsets.orders:
                    return
            if self.loop.time() > deadline:
                raise StuckError(f"input up to {ends} is not decided after {DECIDED_SECONDS_MAX:g} s of calm")
            await asyncio.sleep(LOOK_SECONDS)

    # --- owners ----------------------------------------------------------------------------------

    def _start(self) -> None:
        random = self.random
        process = Process(
            f"w{len(self._owners) + 1}",
            self.loop,
            random,
            weather=lambda: self._weather,
            on_step=self._stepped,
            on_end=self._ended,
        )
        process.machine_ahead_ms = random.randint(-self.plan.owner_skew_ms, self.plan.owner_skew_ms)
        owner = Owner(process, self.broker, self.plan, random, is_member=lambda asked: asked is self._member)
        self._owners.append(owner)
        self._member = owner
        self.note(process.name, f"starts, clock {process.machine_ahead_ms:+d} ms")
        owner.start()

    def _stepped(self, process: Process, step: str) -> None:
        if self._is_told:
            self.note(process.name, step)
        number, self.run.steps = self.run.steps, self.run.steps + 1
        if number == self._crash_at:
            self.run.crashed_at = f"{process.name} {step}"
            self._kill(process, f"killed at step {number}: {step}")

    def _ended(self, process: Process, reason: str) -> None:
        self.note(process.name, f"ends itself: {reason}")
        kind = reason.partition(":")[0]
        self.run.met[f"ended by {kind}"] += 1
        if kind not in _EXPECTED_ENDS:
            self.run.violations.append(Violation("P7", process.name, f"broke: {reason}"))
        self._restart(process)

    def _kill(self, process: Process, why: str) -> None:
        if process.is_alive:
            self.note(process.name, why)
            process.kill()
            self._restart(process)

    def _restart(self, process: Process) -> None:
        """What the supervisor does, for the group's member; nobody misses a former one."""
        member = self._member
        if member is None or member.process is not process or self._is_outage:
            return
        self._member = None
        self.loop.create_task(self._start_after(self.random.choice((0.2, 1.0, 3.0))), context=self.loop.world)

    async def _start_after(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        if self._member is None and not self._is_outage and len(self._owners) < OWNERS_MAX:
            self._start()

    async def _close(self, owner: Owner) -> None:
        """The group takes the partition away; who is paused or dead does not hear of it."""
        if owner.process.is_alive and not owner.process.is_paused:
            await asyncio.wait([owner.process.start(owner.flow.close())], timeout=CLOSE_SECONDS_MAX)

    async def _retire(self, owner: Owner, after_seconds: float = 0.0) -> None:
        await asyncio.sleep(after_seconds)
        await self._close(owner)
        if owner is not self._member:
            owner.process.kill()

    async def _hand_over(self) -> None:
        former, self._member = self._member, None
        if former is not None:
            self.note(former.process.name, "has to give the partition away")
            await self._retire(former)
        if self._member is None:
            self._start()

    # --- faults ----------------------------------------------------------------------------------

    async def _harm(self) -> None:
        for _ in range(self.plan.fault_count):
            await asyncio.sleep(self.random.expovariate(self.plan.fault_count / self.plan.span_seconds))
            fault = self.random.choice(self.plan.faults)
            self.run.met[fault] += 1
            owner = self._member
            if fault == "forget":
                self.note("broker", "loses its producers' state")
                self.broker.forget_producers()
            elif fault == "broker clock":
                ahead_ms = self.random.choice((400, 5_000, 600_000))
                self.note("broker", f"clocks jump ahead by {ahead_ms} ms")
                for leader in self.broker.ahead_ms:
                    self.broker.ahead_ms[leader] += ahead_ms
            elif owner is not None and owner.process.is_alive:
                await self._harm_owner(fault, owner)

    async def _harm_owner(self, fault: str, owner: Owner) -> None:
        random, process = self.random, owner.process
        if fault == "crash":
            self._kill(process, "is killed")
        elif fault in {"pause", "wake unknown"}:
            is_forgotten = fault == "wake unknown"
            self._later.append(asyncio.create_task(self._sleepwalk(owner, is_forgotten=is_forgotten)))
        elif fault == "hand over":
            await self._hand_over()
        elif fault == "overlap":
            self.note(process.name, "is not heard of any more by the group")
            self._start()
            self._later.append(asyncio.create_task(self._retire(owner, random.choice((0.01, 0.5, 3.0)))))
        elif fault == "race":
            await self._race(owner)
        elif fault == "probe":
            if owner.is_open:
                self.note(process.name, "keeps the partition and is probed")
                process.start(owner.flow.probe())
        elif fault == "clock":
            process.machine_ahead_ms += random.choice((-3_600_000, -60_000, 60_000, 3_600_000))
            self.note(process.name, f"clock is set {process.machine_ahead_ms:+d} ms off")
        elif fault == "outage":
            await self._stay_away(owner)

    async def _race(self, owner: Owner) -> None:
        """Two others claim at once; both are told by the group that it is theirs, one a little later."""
        self.note(owner.process.name, "loses the partition to two at once")
        self._later.append(asyncio.create_task(self._retire(owner, self.random.choice((0.0, 2.0)))))
        self._start()
        first = self._member
        await asyncio.sleep(self.random.choice((0.0, 0.0, 0.01, 0.3)))
        if first is not None and self._member is first:
            self._start()
            self._later.append(asyncio.create_task(self._retire(first, self.random.choice((1.0, 8.0)))))

    async def _stay_away(self, owner: Owner) -> None:
        """Nobody owns the partition for a while, up to a day and more."""
        self._is_outage = True
        self._kill(owner.process, "is killed, and nobody starts another")
        self._member = None
        await asyncio.sleep(self.random.choice((20.0, 70.0, 3_700.0, 93_600.0)))
        self._is_outage = False
        self._start()

    async def _sleepwalk(self, owner: Owner, *, is_forgotten: bool) -> None:
        """Stop a process; past the session somebody else takes over; then it goes on, unaware.

        `is_forgotten`: the broker has lost its state by then, and refuses nobody (P4).
        """
        process = owner.process
        asleep_seconds = self.random.choice((0.5, 4.0, 7.0, 7.0, 25.0, 70.0))
        self.note(process.name, f"stops for {asleep_seconds:g} s")
        process.pause(is_paused=True)
        await asyncio.sleep(min(asleep_seconds, SESSION_SECONDS))
        if asleep_seconds > SESSION_SECONDS:
            if self._member is owner and not self._is_outage:
                self._start()
            await asyncio.sleep(asleep_seconds - SESSION_SECONDS)
        if is_forgotten:
            self.note("broker", "loses its producers' state")
            self.broker.forget_producers()
        if process.is_alive:
            self.note(process.name, "goes on")
            process.pause(is_paused=False)
        if self._member is not owner:
            await self._retire(owner, self.random.choice((0.1, 2.0, 10.0)))

    def note(self, who: str, what: str) -> None:
        """Keep a line of the story."""
        self.run.notes.append((self.loop.time(), who, what))


def simulate(seed: int, plan: Plan, *, crash_at: int | None = None, is_told: bool = False) -> Run:
    """Run a seed; judges nothing but that it came to its end and nothing broke."""
    # Collected between runs, never within: what a collector finds, and when, is no matter of a seed.
    gc.disable()
    try:
        world = World(seed, plan, crash_at=crash_at, is_told=is_told)
        run = world.run
        with standing_in(plan.batch_bytes):
            try:
                world.loop.run(world.live())
            except StuckError as error:
                run.violations.append(Violation("liveness", "run", str(error)))
            for owner in world._owners:
                owner.process.kill()
        for fault in world.loop.faults:
            if "never retrieved" not in str(fault.get("message")):  # nobody is left to retrieve it
                run.violations.append(
                    Violation("P7", "loop", f"{fault.get('message')}: {fault.get('exception')!r}")
                )
        world.loop.abandon()
    finally:
        gc.enable()
    return run
