"""Commands go out, answers come back through the ledger's tail, and each finds who waits for it."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, Protocol

import msgspec

from inventory_stream.flows.answers import answer_in, answer_keys
from inventory_stream.ports.desk import Decision, DeskClosedError, NotAnsweredError
from inventory_stream.ports.ledger_log import LedgerRecord
from inventory_stream.ports.projection import Version
from models.codec import to_positional
from models.commands import Command, Reserve
from models.ids import encode_id
from models.outcomes import Outcome
from models.rows import decode_row

RETURN_SECONDS: Final = 0.25
"""How long before the end of a wait a Reserve must be decided, so that its answer still arrives: an append,
a fetch and a turn of the loop take 5 to 40 ms; or a quarter of a shorter wait."""
RETURN_SHARE_MAX: Final = 0.25

RESEND_SECONDS: Final = 0.5
"""A repeat of a command under way only waits with it, until it is this old: then it may have been lost, and
is sent again, which is harmless (R27)."""


class Way(Protocol):
    """Takes commands; see `ports.commands.CommandSink`."""

    async def send(self, command: Command, partition_key: str | None) -> None:
        """Take one command; may wait without an end."""

    def offer(self, command: Command, partition_key: str) -> bool:
        """Take one command of one partition at once; False where it would have to wait."""


class _Wait:
    """One asker's wait for the answers to some commands."""

    __slots__ = ("decisions", "done", "missing")

    def __init__(self, count: int, done: "asyncio.Future[None]") -> None:
        self.decisions: list[Decision | None] = [None] * count
        self.missing = count
        self.done = done

    def hear(self, index: int, decision: Decision) -> None:
        """Take one answer; the last one ends the wait."""
        self.decisions[index] = decision
        self.missing -= 1
        if not self.missing:
            self.end()

    def end(self) -> None:
        """End the wait, whatever was heard."""
        if not self.done.done():
            self.done.set_result(None)


class _Question:
    """One command under way, and who waits for its answer."""

    __slots__ = ("answer_by_ms", "answers", "command", "is_open", "keys", "missing", "sent_at", "waiters")

    def __init__(self, command: Command, keys: tuple[bytes, ...], partitions: int) -> None:
        self.command = command
        self.keys = keys
        self.waiters: list[tuple[_Wait, int]] = []
        self.missing = partitions
        """Answers that are still to come: one for each partition that the command goes to."""
        self.answers: dict[int, Decision] = {}
        self.sent_at = float("-inf")
        self.answer_by_ms = 0
        """Until when a Reserve may be decided, as it was sent last."""
        self.is_open = True

    def is_of_earlier_try(self, decision: Decision) -> bool:
        """Whether this says TOO_LATE of the same command as it was sent before, with an earlier deadline."""
        return decision.outcome is Outcome.TOO_LATE and decision.at_ms <= self.answer_by_ms


class LedgerDesk:
    """Implements `ports.desk.Desk` and `ports.ledger_tail.TailListener`.

    Args:
        way: Takes the commands, and may be without a connection for a while.
        partitions: How many the ledger has.
        now_ms: The clock by which owners decide, as well as it is known here.
        is_caught_up: Whether every partition was read to its end: before that, an old answer would be taken
            for a new one.
        waiting_max: Most askers at once.
        version_of: The newest version of a SKU that was read, for repeats: whoever asks again has to read
            what the first answer told as well. It hears of rows before the desk does.
    """

    def __init__(
        self,
        way: Way,
        *,
        partitions: int,
        now_ms: Callable[[], int],
        is_caught_up: Callable[[], bool],
        waiting_max: int,
        version_of: Callable[[str], Version | None],
    ) -> None:
        self._way = way
        self._partitions = partitions
        self._now_ms = now_ms
        self._is_caught_up = is_caught_up
        self._waiting_max = waiting_max
        self._version_of = version_of
        self._by_key: dict[bytes, list[_Question]] = {}
        self.waiting = 0
        """How many wait now."""

    async def ask(self, command: Command, within_seconds: float) -> Decision:
        """Send a command and give what was decided; see the port."""
        (decision,) = await self.ask_all((command,), within_seconds)
        if decision is None:
            raise NotAnsweredError(f"the ledger did not answer within {within_seconds:g} s")
        return decision

    async def ask_all(self, commands: Sequence[Command], within_seconds: float) -> Sequence[Decision | None]:
        """Send commands at once and give what was decided of each; see the port."""
        self._check_open()
        if not commands:
            return []
        loop = asyncio.get_running_loop()
        wait = _Wait(len(commands), loop.create_future())
        deadline = loop.call_later(within_seconds, wait.end)
        now = loop.time()
        asked: list[tuple[_Question, tuple[_Wait, int]]] = []
        self.waiting += len(commands)
        try:
            for index, command in enumerate(commands):
                question = self._question(command)
                waiter = (wait, index)
                question.waiters.append(waiter)
                asked.append((question, waiter))
                if now - question.sent_at > RESEND_SECONDS:
                    question.sent_at = now
                    await self._send(question, command, within_seconds, wait)
            await wait.done
        finally:
            deadline.cancel()
            self.waiting -= len(commands)
            for question, waiter in asked:
                question.waiters.remove(waiter)
                if question.is_open and not question.waiters:
                    self._close(question)
        return wait.decisions

    def take(self, partition: int, generation_ms: int, records: Sequence[LedgerRecord]) -> None:
        """Answer whoever waits for one of these rows; see `ports.ledger_tail.TailListener`."""
        by_key = self._by_key
        if not by_key:
            return
        awaited = [record for record in records if record.key in by_key]
        if not awaited:
            return
        newest = _newest_positions(records)
        for record in awaited:
            questions = by_key.get(record.key)
            if not questions or record.value is None:
                continue
            row = decode_row(record.key, record.value)
            for question in tuple(questions):
                sku: str | None = getattr(question.command, "sku", None)
                offset = None if sku is None else newest.get(encode_id(sku).encode())
                version = None if offset is None else Version(generation_ms, offset)
                decision = answer_in(row, question.command, version)
                if decision is None or question.is_of_earlier_try(decision):
                    continue
                if decision.is_repeat and decision.units and version is None and sku is not None:
                    decision = decision._replace(version=self._version_of(sku))
                self._answer(question, partition, decision)

    def start_over(self, partition: int) -> None:
        """Keep waiting: what was asked will be decided in the new log, or its asker gives up."""

    def _check_open(self) -> None:
        if self.waiting >= self._waiting_max:
            raise DeskClosedError(f"{self.waiting} requests wait for the ledger: no more are taken now")
        if not self._is_caught_up():
            raise DeskClosedError("the ledger is still being read")

    def _question(self, command: Command) -> _Question:
        """Give the question that asks the same already, else a new one."""
        keys = answer_keys(command)
        # The last key is the command's own; what has it and the same content is a repeat.
        for known in self._by_key.get(keys[-1], ()):
            if _plain(known.command) == _plain(command):
                return known
        goes_to_all = getattr(command, "sku", None) is None
        question = _Question(command, keys, self._partitions if goes_to_all else 1)
        for key in keys:
            self._by_key.setdefault(key, []).append(question)
        return question

    async def _send(self, question: _Question, command: Command, within_seconds: float, wait: _Wait) -> None:
        """Hand a command over, or wait until that is possible; gives up when the asker does."""
        if isinstance(command, Reserve) and command.answer_by is None:
            left_seconds = within_seconds - min(RETURN_SECONDS, within_seconds * RETURN_SHARE_MAX)
            question.answer_by_ms = self._now_ms() + int(left_seconds * 1_000)
            command = msgspec.structs.replace(command, answer_by=question.answer_by_ms)
        sent, sku = to_positional(command), getattr(command, "sku", None)
        if sku is not None and self._way.offer(sent, sku):
            return
        sending = asyncio.ensure_future(self._way.send(sent, sku))
        await asyncio.wait((sending, wait.done), return_when=asyncio.FIRST_COMPLETED)
        if not sending.done():
            sending.cancel()

    def _answer(self, question: _Question, partition: int, decision: Decision) -> None:
        question.answers[partition] = decision
        if len(question.answers) < question.missing:
            return
        refusals = [one for one in question.answers.values() if one.outcome.is_refusal]
        told = refusals[0] if refusals else decision
        for wait, index in question.waiters:
            wait.hear(index, told)
        self._close(question)

    def _close(self, question: _Question) -> None:
        question.is_open = False
        for key in question.keys:
            questions = self._by_key[key]
            questions.remove(question)
            if not questions:
                del self._by_key[key]


def _plain(command: Command) -> Command:
    """Give a command as its content is compared: without `answer_by` (R27)."""
    return msgspec.structs.replace(command, answer_by=None) if isinstance(command, Reserve) else command


def _newest_positions(records: Sequence[LedgerRecord]) -> dict[bytes, int]:
    """Give the offset of the newest position row of each SKU, by its encoded name."""
    return {record.key.split(b"/", 2)[1]: record.offset for record in records if record.key.startswith(b"p/")}
