"""One Idempotency-Key is one request, whatever SKU it names and whichever gateway hears it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from msgspec import Struct

from inventory_stream.gateway import key_notes
from inventory_stream.gateway.endpoint import Call, Endpoint, Reply
from inventory_stream.gateway.key_notes import KeyNotes
from inventory_stream.gateway.problems import Problem
from inventory_stream.ports.desk import NotAnsweredError
from tests.fakes.notes import FakeNotes
from tests.unit.gateway.core.shop import serving


class Wish(Struct, forbid_unknown_fields=True):
    """A body; its word says how it ends."""

    word: str = "done"


class Done(Struct):
    """An answer."""

    word: str


ENDS: dict[str, Exception] = {
    "late": NotAnsweredError("late"),
    "early": Problem("sold-out", "none", members={"outcome": "SOLD_OUT", "is_early": True}),
    "refused": Problem("sold-out", "none", members={"outcome": "SOLD_OUT"}),
    "never": Problem("invalid", "it can never be decided"),
    "bug": KeyError("x"),
}


@dataclass
class Gateway:
    """One process; several of them share the notes."""

    notes: FakeNotes = field(default_factory=FakeNotes)
    asked: list[str] = field(default_factory=list)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Callable[..., Awaitable[tuple[int, str]]]]:
        """Serve; gives what sends a wish and hears the status and the kind of problem."""

        async def wish(call: Call) -> Reply:
            self.asked.append(call.body.word)
            if call.body.word in ENDS:
                raise ENDS[call.body.word]
            return Reply(200, Done(call.body.word))

        async def late_wish(call: Call) -> Reply:
            if call.body.word == "early":
                raise ENDS["early"]
            await call.bind()
            return await wish(call)

        def endpoint(path: str, handle: Any, *, binds_late: bool = False) -> Endpoint:  # noqa: ANN401
            return Endpoint(
                "POST", path, handle, "", "", {200: Done}, body=Wish, is_write=True, binds_late=binds_late
            )

        endpoints = (endpoint("/a", wish), endpoint("/b", wish), endpoint("/c", late_wish, binds_late=True))
        async with serving(endpoints, key_notes=KeyNotes(self.notes)) as client:

            async def send(path: str, word: str = "done", key: str = "k") -> tuple[int, str]:
                answer = await client.post(path, json={"word": word}, headers={"Idempotency-Key": key})
                document = await answer.json(content_type=None)
                return answer.status, document.get("type", "").rpartition("/")[2]

            yield send


@pytest.mark.parametrize("first", ["/a", "/c"])
async def test_a_key_with_another_request_is_refused_before_it_is_asked(first: str) -> None:
    """Same address and body: asked again; another body or address: 422, here and at another gateway."""
    here = Gateway()
    there = Gateway(here.notes)
    async with here.open() as send, there.open() as send_there:
        assert await send(first) == (200, "")
        for ask in (send, send_there):
            assert await ask(first) == (200, "")
            assert await ask(first, "other") == (422, "key-reused")
            assert await ask("/b") == (422, "key-reused")
            assert await ask("/b", key="k2") == (200, "")
    assert here.asked == ["done"] * 3
    assert there.asked == ["done"] * 2


@pytest.mark.parametrize("path", ["/a", "/c"])
@pytest.mark.parametrize(
    ("word", "is_bound"),
    [("late", False), ("early", False), ("never", False), ("bug", False), ("refused", True)],
)
async def test_only_a_decision_binds_the_key(path: str, word: str, *, is_bound: bool) -> None:
    """After a 503, an early or a formal refusal, a failure, the key is free; a decided refusal has it."""
    here = Gateway()
    async with here.open() as send, Gateway(here.notes).open() as send_there:
        await send(path, word)
        assert bool(here.notes.kept) is is_bound
        assert await send_there(path, "other") == ((422, "key-reused") if is_bound else (200, ""))


async def test_a_repeat_that_fails_takes_nothing_back_that_was_decided() -> None:
    """A request was answered; its repeat is not: the key stays with it."""
    gateway = Gateway()
    async with gateway.open() as send:
        assert await send("/a", "done") == (200, "")
        kept = dict(gateway.notes.kept)
        ENDS["done"] = NotAnsweredError("late")
        try:
            assert await send("/a", "done") == (503, "not-answered")
        finally:
            del ENDS["done"]
        assert gateway.notes.kept == kept


async def test_a_repeat_costs_no_call() -> None:
    """What this process knows of a key is not asked of Redis again, until it has seen too many others."""
    gateway = Gateway()
    async with gateway.open() as send:
        await send("/a")
        calls = gateway.notes.calls
        await send("/a")
        await send("/a", "other")
    assert gateway.notes.calls == calls


async def test_without_redis_writes_go_on_and_this_process_still_knows() -> None:
    """Redis gone: nothing is refused for it, nothing waits for it twice, and it is found when it is back."""
    gateway = Gateway()
    gateway.notes.is_gone = True
    async with gateway.open() as send:
        for number in range(20):
            assert await send("/a", key=f"k{number}") == (200, "")
        assert gateway.notes.calls == 1
        assert await send("/a", "other", key="k0") == (422, "key-reused")
        gateway.notes.is_gone = False
        async with asyncio.timeout(10):
            number = 20
            while not gateway.notes.kept:
                await send("/a", key=f"k{number}")
                number += 1


class SlowNotes(FakeNotes):
    """Answers when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.is_asked, self.let = asyncio.Event(), asyncio.Event()
        self.batches: list[int] = []

    async def first(self, pairs: Sequence[tuple[str, str]], seconds: int) -> Sequence[str | None]:
        """Wait, then keep."""
        self.batches.append(len(pairs))
        self.is_asked.set()
        await self.let.wait()
        return await super().first(pairs, seconds)


async def test_notes_of_one_moment_share_a_round_trip(monkeypatch: pytest.MonkeyPatch) -> None:
    """One round trip is under way; what comes meanwhile goes with the next, what is too much without."""
    monkeypatch.setattr(key_notes, "WAITING_MAX", 50)
    notes = SlowNotes()
    keys = KeyNotes(notes)
    first = asyncio.create_task(keys.binding("k", "first").bind())
    await notes.is_asked.wait()
    rest = [asyncio.create_task(keys.binding(f"k{number}", "rest").bind()) for number in range(60)]
    async with asyncio.timeout(10):
        await asyncio.gather(*rest[50:])
        assert not any(one.done() for one in (first, *rest[:50]))
        notes.let.set()
        await asyncio.gather(first, *rest)
    assert notes.batches == [1, 50]


async def test_what_one_process_remembers_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest keys are forgotten here, not in Redis."""
    monkeypatch.setattr(key_notes, "KNOWN_MAX", 3)
    keys = KeyNotes(FakeNotes())
    for number in range(9):
        await keys.binding(f"k{number}", "one").bind()
    assert [keys.known(f"k{number}") is not None for number in range(9)] == [False] * 6 + [True] * 3
    with pytest.raises(Problem, match="Idempotency-Key"):
        await keys.binding("k0", "other").bind()
